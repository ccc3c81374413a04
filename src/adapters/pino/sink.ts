import { write, writeSync } from 'node:fs';
import type { Alarm, Clock } from '../../clock.ts';
import { Lines } from './lines.ts';

/**
 * Lines wait until this many bytes have come together … Handing a batch to the thread that writes it wakes that thread,
 * which costs about as much as proxying two requests, so batches are nearly as large as a pipe takes at once.
 */
const batchMinBytes = 61_440;
/** … or the first has waited so long. */
const batchMaxMs = 100;
/**
 * How much may be pending for a reader that does not keep up when one more line comes; beyond, it is dropped, counted
 * and reported. Weightier lines have room of their own: many requests can't push out the audit trail. Nor can many
 * refused logins push out the lines of what was done, which cost a password or a token each.
 */
const pendingMaxBytes = { ordinary: 8 * 1024 * 1024, refused: 16 * 1024 * 1024, done: 64 * 1024 * 1024 } as const;
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
  readonly #pending = new Lines();
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

  /** Takes a whole line, newline included. `weight`: an audit line's outcome. */
  write(line: string, weight: keyof typeof pendingMaxBytes = 'ordinary'): void {
    if (this.#closed) return;
    if (this.#pending.bytes + line.length > pendingMaxBytes[weight]) {
      this.#dropped += 1;
      return;
    }
    this.#pending.add(line);
    if (!this.#writing) this.#schedule();
  }

  /** Resolves when what was taken so far is written, or after a second without a reader. */
  flush(): Promise<void> {
    if (this.#closed || (!this.#writing && this.#pending.bytes === 0)) return Promise.resolve();
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
    if (this.#pending.bytes >= batchMinBytes) this.#send();
    else
      this.#alarm ??= this.#clock.after(batchMaxMs, () => {
        this.#alarm = null;
        if (!this.#writing && this.#pending.bytes > 0) this.#send();
      });
  }

  #send(): void {
    this.#writing = true;
    this.#writeFrom(this.#pending.take(), 0);
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
      this.#pending.clear();
    } else {
      for (const byte of rest) if (byte === 10) this.#dropped += 1;
    }
    this.#sent();
  }

  #sent(): void {
    this.#writing = false;
    if (this.#dropped > 0 && !this.#closed) {
      this.#pending.add(this.#droppedLine(this.#dropped));
      this.#dropped = 0;
    }
    if (this.#pending.bytes === 0) for (const drained of this.#drained.splice(0)) drained();
    else if (this.#drained.length > 0) this.#send();
    else this.#schedule();
  }

  /** No event loop is left: what is pending goes out now, or not at all. */
  #flushAtExit(): void {
    if (this.#closed) return;
    let rest = this.#pending.take();
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
