/**
 * Large bodies in files that nobody else can open: each is unlinked as soon as it is open, and lives by its descriptor
 * alone. So a crash leaves no body behind, several Weirs can share the folder, and to close a file is to delete it.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { BodyFile } from '../../exchange/bodies.ts';

export type BodyFiles = Awaited<ReturnType<typeof openBodyFiles>>;

/** Told of each call that the disk has failed. */
type DiskFailed = (error: NodeJS.ErrnoException) => void;

/** Weir's own names, and no others: what else is in the folder belongs to somebody else. */
const ownName = /^weir-body-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Nothing can be kept in the folder; the message says why, and what would help. */
export class FolderUnfit extends Error {}

/** Something else stands where Weir's folder should be. It is not to be touched. */
class NotOurs extends FolderUnfit {}

/**
 * @param parent where Weir's own folder is made, or was
 * Rejects with `FolderUnfit` where that can't be done or written to.
 */
export async function openBodyFiles(parent: string, failed: DiskFailed) {
  const folder = join(parent, `weir-${process.getuid?.() ?? 'bodies'}`);
  try {
    await prepare(folder);
  } catch (error) {
    if (error instanceof NotOurs) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new FolderUnfit(
      `${parent} can't be used for bodies above bodies.memoryMaxBytes (${code ?? message}); ` +
        'give a folder that can be written to, such as a mounted volume',
    );
  }
  const closing = new Set<Promise<void>>();
  return {
    /** Weir's own. */
    folder,
    /** An empty file; what it needs of the disk is asked for with its first byte. */
    create: (): BodyFile => new UnlinkedFile(folder, failed, closing),
    /** Resolves when all that were closed are. */
    async close(): Promise<void> {
      await Promise.all(closing);
    },
  };
}

async function prepare(folder: string): Promise<void> {
  await make(folder);
  // A name is left over only where a process ended between opening and unlinking. Another Weir that runs has its files
  // open, and needs no names.
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile() && ownName.test(entry.name)) await unlinkAny(join(folder, entry.name));
  }
  const trial = await createUnlinked(folder);
  try {
    await trial.write('weir');
  } finally {
    await trial.close();
  }
}

/** A folder of Weir's own, closed to others. In a place for everybody, somebody else may have been there first. */
async function make(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const handle = await openFolder(folder);
  try {
    const { mode, uid } = await handle.stat();
    if (uid !== process.getuid?.()) {
      throw new NotOurs(
        `${folder} belongs to another user (id ${uid}); remove it, or set bodies.folder to another place for Weir's folder`,
      );
    }
    if ((mode & 0o077) !== 0) await handle.chmod(0o700);
  } finally {
    await handle.close();
  }
}

/**
 * Opens the folder itself, never what a link leads to. All checks and changes go by this handle, so they concern one
 * and the same folder.
 */
async function openFolder(folder: string): Promise<FileHandle> {
  try {
    return await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const found = await lstat(folder);
    if (found.isDirectory()) throw error;
    const what = found.isSymbolicLink() ? 'is a symbolic link, which Weir does not follow' : 'is not a folder';
    throw new NotOurs(`${folder} ${what}; remove it, or set bodies.folder to another place for Weir's folder`);
  }
}

async function unlinkAny(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function createUnlinked(folder: string): Promise<FileHandle> {
  const path = join(folder, `weir-body-${randomUUID()}`);
  const handle = await open(path, 'wx+', 0o600);
  try {
    await unlinkAny(path);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return handle;
}

/** Old empty folders are what cleaners of temporary files remove. */
async function createAgain(folder: string): Promise<FileHandle> {
  try {
    return await createUnlinked(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await make(folder);
    return await createUnlinked(folder);
  }
}

class UnlinkedFile implements BodyFile {
  bytes = 0;
  readonly #folder: string;
  readonly #failed: DiskFailed;
  readonly #closing: Set<Promise<void>>;
  #handle: Promise<FileHandle> | null = null;
  #closed = false;

  constructor(folder: string, failed: DiskFailed, closing: Set<Promise<void>>) {
    this.#folder = folder;
    this.#failed = failed;
    this.#closing = closing;
  }

  async append(bytes: Uint8Array): Promise<boolean> {
    if (this.#closed) return false;
    try {
      this.#handle ??= createAgain(this.#folder);
      const handle = await this.#handle;
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, this.bytes);
        at += bytesWritten;
        this.bytes += bytesWritten;
      }
      return true;
    } catch (error) {
      this.#tell(error);
      return false;
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    try {
      const handle = await (this.#handle as Promise<FileHandle>);
      const { bytesRead } = await handle.read(into, 0, into.length, position);
      return bytesRead;
    } catch (error) {
      this.#tell(error);
      throw error;
    }
  }

  close(closed: () => void): void {
    this.#closed = true;
    const closing = this.#letGo().then(() => {
      this.#closing.delete(closing);
      closed();
    });
    this.#closing.add(closing);
  }

  /** The handle's own `close` waits for what is under way. */
  async #letGo(): Promise<void> {
    try {
      const handle = await this.#handle;
      await handle?.close();
    } catch {
      // It was never opened, and the writer was told so; or closing failed, and nothing can be done about it.
    }
  }

  /** A failure after it was closed is not the disk's doing. */
  #tell(error: unknown): void {
    if (!this.#closed) this.#failed(error as NodeJS.ErrnoException);
  }
}
