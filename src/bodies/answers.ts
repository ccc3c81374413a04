/**
 * The budget of answers that wait for their callers to take them: memory first, then files, over all classes, with a
 * share for each caller. An answer that finds none left is read from the Coreapp no faster than its caller takes it.
 */
import type { BodyFile } from '../exchange/bodies.ts';
import { Shares } from '../shares/shares.ts';
import type { DiskBudget } from './disk.ts';

interface AnswerBounds {
  /** Of one answer. Whatever is more goes to a file. */
  readonly memoryMaxBytes: number;
  /** Of all answers. */
  readonly answersMemoryMaxBytes: number;
  /** The part of the disk's bytes and files that answers may take. */
  readonly answersDiskShareMax: number;
  /** The part that one caller may have of what others leave. */
  readonly answersCallerShareMax: number;
}

/** Answers that wait to be taken. */
export interface AnswersSnapshot {
  /** How many do. */
  readonly waiting: number;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  /** These are among what is taken of the disk. */
  readonly files: number;
  readonly filesMax: number;
  readonly diskBytes: number;
  readonly diskBytesMax: number;
}

export class AnswerBudget {
  readonly memory: Shares;
  readonly #files: Shares;
  readonly #diskBytes: Shares;
  readonly #disk: DiskBudget;
  /** Of one answer in memory. */
  memoryMaxBytes = 0;
  #waiting = 0;

  constructor(bounds: AnswerBounds, disk: DiskBudget) {
    this.memory = new Shares(0, 1);
    this.#files = new Shares(0, 1);
    this.#diskBytes = new Shares(0, 1);
    this.#disk = disk;
    this.configure(bounds);
  }

  /** Other bounds, from the next bytes on; those of the disk come first. Nobody has to give back what is more. */
  configure(bounds: AnswerBounds): void {
    const { filesMax, bytesMax } = this.#disk.snapshot();
    const { answersDiskShareMax: diskShare, answersCallerShareMax: callerShare } = bounds;
    this.memoryMaxBytes = bounds.memoryMaxBytes;
    this.memory.configure(bounds.answersMemoryMaxBytes, callerShare);
    this.#files.configure(Math.floor(diskShare * filesMax), callerShare);
    this.#diskBytes.configure(Math.floor(diskShare * bytesMax), callerShare);
  }

  /** One more answer waits, or −1: one fewer. */
  waits(by: 1 | -1): void {
    this.#waiting += by;
  }

  /** An empty file. Null: there is no room for one. */
  openFile(caller: string): BodyFile | null {
    if (!this.#files.fits(caller, 1)) return null;
    const file = this.#disk.tryOpenAnswer();
    if (file !== null) this.#files.take(caller, 1);
    return file;
  }

  /** Room on the disk for so many bytes. False: there is not so much left, nothing was taken. */
  tryTakeDisk(caller: string, bytes: number): boolean {
    if (!this.#diskBytes.fits(caller, bytes) || !this.#disk.tryTakeForAnswer(bytes)) return false;
    this.#diskBytes.take(caller, bytes);
    return true;
  }

  /** Gives back a file, and what was taken of the disk for it. Both are free when the disk has closed the file. */
  closeFile(caller: string, file: BodyFile, bytes: number): void {
    this.#disk.closeAnswer(file, bytes, () => {
      this.#files.give(caller, 1);
      this.#diskBytes.give(caller, bytes);
    });
  }

  snapshot(): AnswersSnapshot {
    return {
      waiting: this.#waiting,
      memoryBytes: this.memory.total,
      memoryBytesMax: this.memory.max,
      files: this.#files.total,
      filesMax: this.#files.max,
      diskBytes: this.#diskBytes.total,
      diskBytesMax: this.#diskBytes.max,
    };
  }
}
