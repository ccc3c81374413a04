import { write, writeSync } from 'node:fs';
import type { Alarm, Clock } from '../../ports.ts';

/** Lines wait until this many characters have come together … */
const batchMinChars = 4_096;
/** … or the first has waited so long. */
const batchMaxMs = 100;
/** More than this is never held for a reader that does not keep up; lines are dropped, counted and reported. */
const heldMaxChars = 8 * 1024 * 1024;
const retryMs = 10;
/** How long `flush()`, and the end of the process, wait for a reader that does not read. */
const flushMaxMs = 1_000;

/**
 * Writes lines to a file descriptor in batches, off the event loop. pino's own destination (sonic-boom 4.2) would do,
 * but its flush at exit never returns when the reader is gone, and it measures the whole batch again at every line.
 */
export class Sink {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #droppedLine: (lines: number) => string;
  #held = '';
  #alarm: Alarm | null = null;
  #writing = false;
  #dropped = 0;
  /** Nobody reads any more, or whoever waited for the last lines has given up. */
  #closed = false;
  #drained: (() => void)[] = [];

  /** @param droppedLine the line that says how many were dropped */
  constructor(fd: number, clock: Clock, droppedLine: (lines: number) => string) {
    this.#fd = fd;
    this.#clock = clock;
    this.#droppedLine = droppedLine;
    process.once('exit', () => this.#flushAtExit());
  }

  /** Takes a whole line, newline included. */
  write(line: string): void {
    if (this.#closed) return;
    if (this.#held.length + line.length > heldMaxChars) {
      this.#dropped += 1;
      return;
    }
    this.#held += line;
    if (!this.#writing) this.#schedule();
  }

  /** Resolves when what was taken so far is written, or after a second without a reader. */
  flush(): Promise<void> {
    if (this.#closed || (!this.#writing && this.#held === '')) return Promise.resolve();
    return new Promise((resolve) => {
      const givenUp = this.#clock.after(flushMaxMs, () => {
        this.#closed = true;
        resolve();
      });
      this.#drained.push(() => {
        givenUp.cancel();
        resolve();
      });
      if (!this.#writing) this.#send();
    });
  }

  #schedule(): void {
    if (this.#held.length >= batchMinChars) this.#send();
    else
      this.#alarm ??= this.#clock.after(batchMaxMs, () => {
        this.#alarm = null;
        if (!this.#writing && this.#held !== '') this.#send();
      });
  }

  #send(): void {
    const batch = Buffer.from(this.#held);
    this.#held = '';
    this.#writing = true;
    this.#writeFrom(batch, 0);
  }

  #writeFrom(batch: Buffer, from: number): void {
    write(this.#fd, batch, from, batch.length - from, null, (error, written) => {
      if (error === null && from + written < batch.length) this.#writeFrom(batch, from + written);
      else if (error === null) this.#sent();
      else if (isBusy(error)) this.#clock.after(retryMs, () => this.#writeFrom(batch, from));
      else this.#failed(error, batch.subarray(from));
    });
  }

  #failed(error: NodeJS.ErrnoException, rest: Buffer): void {
    if (error.code === 'EPIPE' || error.code === 'EBADF') {
      this.#closed = true;
      this.#held = '';
    } else {
      for (const byte of rest) if (byte === 10) this.#dropped += 1;
    }
    this.#sent();
  }

  #sent(): void {
    this.#writing = false;
    if (this.#dropped > 0 && !this.#closed) {
      this.#held += this.#droppedLine(this.#dropped);
      this.#dropped = 0;
    }
    if (this.#held === '') for (const drained of this.#drained.splice(0)) drained();
    else if (this.#drained.length > 0) this.#send();
    else this.#schedule();
  }

  /** No event loop is left: what is held goes out now, or not at all. */
  #flushAtExit(): void {
    if (this.#closed) return;
    let rest = Buffer.from(this.#held);
    this.#held = '';
    for (let waitedMs = 0; rest.length > 0 && waitedMs < flushMaxMs; ) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        if (!isBusy(error as NodeJS.ErrnoException)) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
        waitedMs += retryMs;
      }
    }
  }
}

function isBusy(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EAGAIN' || error.code === 'EBUSY';
}
