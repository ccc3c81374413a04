/** The disk that bodies may take, over all classes: so many bytes, in so many files. */
import type { BodyFile } from './bodies.ts';

export interface DiskBounds {
  /** The largest body that stays in memory. */
  readonly memoryMaxBytes: number;
  /** What all files together may hold. */
  readonly diskMaxBytes: number;
  /** How many there may be: each takes a descriptor. */
  readonly filesMax: number;
  /** How many of them one caller may have. */
  readonly callerFilesMax: number;
}

/** What is taken of the disk just now. */
export interface DiskSnapshot {
  readonly files: number;
  readonly filesMax: number;
  readonly bytes: number;
  readonly bytesMax: number;
}

export class DiskRoom {
  readonly #bounds: DiskBounds;
  readonly #create: () => BodyFile;
  readonly #filesOf = new Map<string, number>();
  #bytes = 0;
  #files = 0;

  /** @param create makes an empty file */
  constructor(bounds: DiskBounds, create: () => BodyFile) {
    this.#bounds = bounds;
    this.#create = create;
  }

  get memoryMaxBytes(): number {
    return this.#bounds.memoryMaxBytes;
  }

  /** A file with room for so many bytes. Else what there is too little of, and nothing was taken. */
  tryOpen(caller: string, bytes: number): BodyFile | 'disk' | 'callerFiles' {
    const { filesMax, callerFilesMax } = this.#bounds;
    const had = this.#filesOf.get(caller) ?? 0;
    if (had >= callerFilesMax) return 'callerFiles';
    if (this.#files >= filesMax || !this.tryTake(bytes)) return 'disk';
    this.#files += 1;
    this.#filesOf.set(caller, had + 1);
    return this.#create();
  }

  /** Room for more in a file that there is. False: there is not so much left, nothing was taken. */
  tryTake(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bounds.diskMaxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Lets go of a file. What it took is free when the disk has let go of it, too. */
  close(caller: string, file: BodyFile, bytes: number): void {
    file.close(() => {
      this.#bytes -= bytes;
      this.#files -= 1;
      const left = (this.#filesOf.get(caller) ?? 1) - 1;
      if (left === 0) this.#filesOf.delete(caller);
      else this.#filesOf.set(caller, left);
    });
  }

  snapshot(): DiskSnapshot {
    const { filesMax, diskMaxBytes } = this.#bounds;
    return { files: this.#files, filesMax, bytes: this.#bytes, bytesMax: diskMaxBytes };
  }
}
