/** Where large bodies go, and what an operator is told about it. */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type BodyFiles, FolderUnfit, openBodyFiles } from '../adapters/node/body-files.ts';
import { AnswerBudget } from '../bodies/answers.ts';
import { DiskBudget } from '../bodies/disk.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../observe/ports.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import { seldom } from './seldom.ts';
import { StartError } from './start-error.ts';

/** The file system type of Linux's `tmpfs` (statfs(2)). */
const tmpfs = 0x0102_1994;

/**
 * There are files from the first configuration on that lets a class take larger bodies than memory does. Rejects with a
 * `StartError` where the folder can't be written to.
 */
export async function openBodies(config: Config, clock: Clock, log: Log) {
  /** By where they are. Those of a folder that is no longer used may still be read. */
  const opened = new Map<string, BodyFiles>();
  let files: BodyFiles | null = null;
  const prepare = async ({ bodies, limits }: Config): Promise<void> => {
    const allSmall = Object.values(limits).every(({ bodyMaxBytes }) => bodyMaxBytes <= bodies.memoryMaxBytes);
    const parent = parentOf(bodies);
    if (allSmall || opened.has(parent)) return;
    const some = await openIn(parent, clock, log);
    opened.set(parent, some);
    await noteOn(some.folder, bodies.diskMaxBytes, log);
  };
  /** Files stay once there are some, even if no class needs them any more. */
  const use = ({ bodies }: Config): void => {
    files = opened.get(parentOf(bodies)) ?? files;
  };
  await prepare(config);
  use(config);
  const boundsOf = ({ bodies }: Config) => (files === null ? { ...bodies, answersDiskShareMax: 0 } : bodies);
  const disk = new DiskBudget(config.bodies, () => (files === null ? noFiles() : files.create()));
  const answers = new AnswerBudget(boundsOf(config), disk);
  return {
    disk,
    answers,
    /** Other bounds, or another folder. Rejects with a `StartError` where these need files, and there can be none. */
    prepare,
    configure(next: Config): void {
      use(next);
      disk.configure(next.bodies);
      answers.configure(boundsOf(next));
    },
    snapshot: (): Pick<Snapshot, 'answers' | 'disk'> => ({ answers: answers.snapshot(), disk: disk.snapshot() }),
    close: async () => void (await Promise.all([...opened.values()].map((some) => some.close()))),
  };
}

const parentOf = ({ folder }: Config['bodies']): string => folder ?? tmpdir();

async function openIn(parent: string, clock: Clock, log: Log): Promise<BodyFiles> {
  // A disk that is full fails every large body.
  const failed = seldom(clock, ({ code, message }: NodeJS.ErrnoException) =>
    log.error('bodies: the disk fails; large ones are refused', { folder: files.folder, reason: code ?? message }),
  );
  const files = await openBodyFiles(parent, failed).catch((error: unknown) => {
    throw error instanceof FolderUnfit ? new StartError('bodies.folder', error.message, error) : error;
  });
  return files;
}

function noFiles(): never {
  throw new Error('No class takes a body that is too large for memory.');
}

/** What is allowed, and still worth knowing. */
async function noteOn(folder: string, diskMaxBytes: number, log: Log): Promise<void> {
  const { type, bavail, bsize } = await statfs(folder);
  if (type === tmpfs) log.warn('bodies.folder is in memory (tmpfs): bodies.diskMaxBytes counts as memory', { folder });
  const freeBytes = bavail * bsize;
  if (freeBytes < diskMaxBytes) {
    log.warn('bodies.folder has less room than bodies.diskMaxBytes', { folder, freeBytes, diskMaxBytes });
  }
}
