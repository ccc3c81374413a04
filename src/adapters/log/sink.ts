import { close, write, writeSync } from 'node:fs';
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
 * The most that may be pending when one more line comes, for a reader that does not keep up. A line beyond that is
 * dropped, counted and reported. Weightier lines have room of their own: many requests can't push out the audit trail.
 * Nor can many refused logins push out the lines of what was done, which cost a password or a token each.
 */
const pendingMaxBytes = { ordinary: 8 * 1024 * 1024, refused: 16 * 1024 * 1024, done: 64 * 1024 * 1024 } as const;
/** While as much as this is pending, lines of other processes wait at their senders. */
const passedMaxBytes = 1024 * 1024;
const retryMs = 10;
/** How long `flush()`, and the end of the process, wait for a reader that does not read. */
const flushMaxMs = 1_000;

/** stdin, stdout, stderr: what Weir did not open it does not close. */
const ownFdMin = 3;
const newline = 10;

/** The line that says how many are lost, and why. */
type TroubleLine = (message: string, fields: { readonly lines: number; readonly code?: string }) => string;

/**
 * Writes lines to a file descriptor in batches, off the event loop. pino's own destination (sonic-boom 4.2) would do,
 * but its flush at exit never returns when the reader is gone, and it measures the whole batch again at every line.
 */
export class Sink {
  #fd: number;
  readonly #clock: Clock;
  readonly #troubleLine: TroubleLine;
  readonly #pending = new Lines();
  #alarm: Alarm | null = null;
  #writing = false;
  /** Lost and not yet told of: since the reader was slow, and since they could not be written. */
  #dropped = 0;
  #notWritten = 0;
  #errorCode = '';
  /** The last bytes that were written are a part of a line, whose rest is lost. */
  #torn = false;
  /** What to write to once the batch under way is written; null: the same. */
  #nextFd: number | null = null;
  readonly #lost = { slowReader: 0, notWritten: 0 };
  /** Nobody reads any more, or whoever waited for the last lines has given up. */
  #closed = false;
  #drained: (() => void)[] = [];
  /** Those who pass lines on, and wait for room. */
  #passing: (() => void)[] = [];

  constructor(fd: number, clock: Clock, troubleLine: TroubleLine) {
    this.#fd = fd;
    this.#clock = clock;
    this.#troubleLine = troubleLine;
    process.once('exit', () => this.#flushAtExit());
  }

  /** How many lines are lost, for which reason. */
  get lost(): { readonly slowReader: number; readonly notWritten: number } {
    return this.#lost;
  }

  /** What was not yet handed over goes to another file descriptor. The one before is closed, if it is not stdout. */
  redirect(fd: number): void {
    if (this.#nextFd !== null) this.#close(this.#nextFd);
    this.#nextFd = fd;
    if (!this.#writing) this.#turnToNext();
  }

  #turnToNext(): void {
    if (this.#nextFd === null) return;
    this.#close(this.#fd);
    this.#fd = this.#nextFd;
    this.#nextFd = null;
    this.#torn = false;
    this.#closed = false;
  }

  #close(fd: number): void {
    if (fd >= ownFdMin) close(fd, () => {});
  }

  /** Takes a whole line, newline included. `weight`: an audit line's outcome. */
  write(line: string, weight: keyof typeof pendingMaxBytes = 'ordinary'): void {
    if (this.#closed) {
      this.#lost.notWritten += 1;
      return;
    }
    if (this.#pending.bytes + line.length > pendingMaxBytes[weight]) {
      this.#dropped += 1;
      this.#lost.slowReader += 1;
      return;
    }
    this.#pending.add(line);
    if (!this.#writing) this.#schedule();
  }

  /** Takes whole lines of another process. Resolves when there is room for more. */
  async pass(lines: Buffer): Promise<void> {
    if (this.#closed) {
      this.#lost.notWritten += linesIn(lines);
      return;
    }
    this.#pending.addWhole(lines);
    if (!this.#writing) this.#schedule();
    if (this.#pending.bytes >= passedMaxBytes) await new Promise<void>((resolve) => this.#passing.push(resolve));
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
    this.#writeFrom(this.#take(), 0);
  }

  /** All that is pending. What follows a part of a line must not be taken for the rest of it. */
  #take(): Buffer {
    const batch = this.#pending.take();
    return this.#torn ? Buffer.concat([Buffer.of(newline), batch]) : batch;
  }

  #writeFrom(batch: Buffer, from: number): void {
    write(this.#fd, batch, from, batch.length - from, null, (error, written) => {
      if (error === null && from + written < batch.length) this.#writeFrom(batch, from + written);
      else if (error === null) this.#written();
      else if (isBusy(error)) this.#clock.after(retryMs, () => this.#writeFrom(batch, from));
      else this.#failed(error, batch, from);
    });
  }

  #written(): void {
    this.#torn = false;
    this.#tellLost();
    this.#sent();
  }

  #failed(error: NodeJS.ErrnoException, batch: Buffer, from: number): void {
    const lines = linesIn(batch.subarray(from)) - (this.#torn && from === 0 ? 1 : 0);
    this.#lost.notWritten += lines;
    if (error.code === 'EPIPE' || error.code === 'EBADF') {
      this.#closed = true;
      this.#lost.notWritten += linesIn(this.#pending.take());
    } else {
      this.#notWritten += lines;
      this.#errorCode = error.code ?? error.message;
      if (from > 0) this.#torn = batch[from - 1] !== newline;
    }
    this.#sent();
  }

  #sent(): void {
    this.#writing = false;
    this.#turnToNext();
    for (const passed of this.#passing.splice(0)) passed();
    if (this.#pending.bytes === 0) for (const drained of this.#drained.splice(0)) drained();
    else if (this.#drained.length > 0) this.#send();
    else this.#schedule();
  }

  /** Told once lines can be written again: before, the line that tells of it would be lost as well. */
  #tellLost(): void {
    if (this.#dropped > 0) {
      this.#pending.add(this.#troubleLine('log lines dropped: the reader was slow', { lines: this.#dropped }));
    }
    if (this.#notWritten > 0) {
      const fields = { lines: this.#notWritten, code: this.#errorCode };
      this.#pending.add(this.#troubleLine('log lines lost: they could not be written', fields));
    }
    this.#dropped = 0;
    this.#notWritten = 0;
  }

  /** No event loop is left: what is pending goes out now, or not at all. */
  #flushAtExit(): void {
    if (!this.#writing) this.#turnToNext();
    if (this.#closed) return;
    let rest = this.#take();
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

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === newline) lines += 1;
  return lines;
}
