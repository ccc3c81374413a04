/** The disk that bodies and answers may take, over all classes: so many bytes, in so many files. */
import type { BodyFile } from '../exchange/bodies.ts';
import { Callers } from '../shares/callers.ts';
import { mayHaveOneMore, partOf } from '../shares/part.ts';

interface DiskBounds {
  /** The largest body that stays in memory. */
  readonly memoryMaxBytes: number;
  /** Most bytes of all files together. */
  readonly diskMaxBytes: number;
  /** How many there may be: each takes a descriptor. */
  readonly filesMax: number;
  /** How many of them one caller may have while it is alone; beside others it is the same part of what those leave. */
  readonly callerFilesMax: number;
}

/** What is taken of the disk just now. */
export interface DiskSnapshot {
  readonly files: number;
  readonly filesMax: number;
  readonly bytes: number;
  readonly bytesMax: number;
}

/** What one caller has on the disk. */
interface CallerFiles {
  files: number;
  bytes: number;
}

export class DiskBudget {
  #bounds: DiskBounds;
  readonly #create: () => BodyFile;
  /** What one caller may have of what others leave, of the files as of the bytes; up to 1. */
  #callerShare = 0;
  readonly #callers = new Callers<CallerFiles>(
    () => ({ files: 0, bytes: 0 }),
    ({ files }) => files === 0,
  );
  #bytes = 0;
  #files = 0;

  /** @param create makes an empty file */
  constructor(bounds: DiskBounds, create: () => BodyFile) {
    this.#bounds = bounds;
    this.#create = create;
    this.configure(bounds);
  }

  /** Other bounds, from the next file on. Nobody has to give back what is more. */
  configure(bounds: DiskBounds): void {
    this.#bounds = bounds;
    this.#callerShare = Math.min(1, bounds.callerFilesMax / bounds.filesMax);
  }

  get memoryMaxBytes(): number {
    return this.#bounds.memoryMaxBytes;
  }

  /** Which resource is short for one more file of so many bytes. Null: there is room, as long as nobody takes it. */
  lackOf(caller: string, bytes: number): 'disk' | 'callerDisk' | null {
    const own = this.#callers.of(caller);
    const left = this.#bounds.filesMax - this.#files;
    if (left <= 0) return 'disk';
    if (!mayHaveOneMore(this.#callerShare, own.files, left)) return 'callerDisk';
    return this.#lackOfBytes(own, bytes, own.files + 1);
  }

  /** A file with room for so many bytes. Otherwise which resource is short, and nothing was taken. */
  tryOpen(caller: string, bytes: number): BodyFile | 'disk' | 'callerDisk' {
    const lack = this.lackOf(caller, bytes);
    if (lack !== null) return lack;
    const own = this.#callers.of(caller);
    own.files += 1;
    this.#files += 1;
    this.#add(own, bytes);
    return this.#create();
  }

  /** Takes room for more in an existing file. Otherwise returns which resource is short, and nothing was taken. */
  take(caller: string, bytes: number): 'disk' | 'callerDisk' | null {
    const own = this.#callers.of(caller);
    if (own.files === 0) throw new Error('Bytes were taken for a file that nobody has.');
    const lack = this.#lackOfBytes(own, bytes, own.files);
    if (lack === null) this.#add(own, bytes);
    return lack;
  }

  /** Gives back what was taken last for a file, since it was not needed after all. */
  give(caller: string, bytes: number): void {
    this.#add(this.#callers.of(caller), -bytes);
  }

  /**
   * An empty file for an answer; how many one caller may have of these is counted in `answers.ts`. Null: there is no
   * room.
   */
  tryOpenAnswer(): BodyFile | null {
    if (this.#files >= this.#bounds.filesMax) return null;
    this.#files += 1;
    return this.#create();
  }

  /** Room for more in an answer's file. False: there is not so much left, nothing was taken. */
  tryTakeForAnswer(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bounds.diskMaxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** As `close`, for an answer's. @param closed called when the disk has let go of it */
  closeAnswer(file: BodyFile, bytes: number, closed: () => void): void {
    file.close(() => {
      this.#bytes -= bytes;
      this.#files -= 1;
      closed();
    });
  }

  /** Lets go of a file. What it took is free when the disk has let go of it, too. */
  close(caller: string, file: BodyFile, bytes: number): void {
    this.closeAnswer(file, bytes, () => {
      const own = this.#callers.of(caller);
      own.files -= 1;
      own.bytes -= bytes;
    });
  }

  snapshot(): DiskSnapshot {
    const { filesMax, diskMaxBytes } = this.#bounds;
    return { files: this.#files, filesMax, bytes: this.#bytes, bytesMax: diskMaxBytes };
  }

  /** A caller's only file may be as large as there is room; several together have a share of what others leave. */
  #lackOfBytes(own: CallerFiles, bytes: number, files: number): 'disk' | 'callerDisk' | null {
    const { diskMaxBytes } = this.#bounds;
    if (this.#bytes + bytes > diskMaxBytes) return 'disk';
    const mayHave = partOf(this.#callerShare, diskMaxBytes - this.#bytes + own.bytes);
    return files > 1 && own.bytes + bytes > mayHave ? 'callerDisk' : null;
  }

  #add(own: CallerFiles, bytes: number): void {
    own.bytes += bytes;
    this.#bytes += bytes;
  }
}
