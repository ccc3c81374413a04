/**
 * How many requests are open in a worker, kept where its parent finds it when the worker is gone, however suddenly: in a
 * file without a name, which both have open. What a worker says comes once a second; by then others are open.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';

const bytes = 4;

/** The parent's side. */
export interface OpenCount {
  /** Its own descriptor of the file, for the worker to inherit. */
  readonly fd: number;
  /** What the worker has written last; null: it could not. Lets go of the file. */
  end(): number | null;
}

/** Null: no file can be made here. */
export function openCount(folder = tmpdir()): OpenCount | null {
  const path = join(folder, `weir-open-${randomUUID()}`);
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    writeSync(fd, Buffer.alloc(bytes), 0, bytes, 0);
    return { fd, end: () => endOf(fd) };
  } catch {
    return null;
  }
}

function endOf(fd: number): number | null {
  const count = Buffer.alloc(bytes);
  const read = readSync(fd, count, 0, bytes, 0);
  closeSync(fd);
  return read === bytes ? count.readUInt32LE() : null;
}

/** So long the file may be behind. A write for each turn of the event loop would cost a busy worker 4 % of its time. */
const behindMaxMs = 5;

/** The worker's side: takes the count whenever it changes. Of many changes the first is written at once, the last within 5 ms. */
export class OpenCountWriter {
  readonly #fd: number;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #buffer = Buffer.alloc(bytes);
  #current = 0;
  #written = 0;
  #isPaced = false;
  #fails = false;

  /** @param fd of the file, as the worker has it */
  constructor(fd: number, clock: Pick<Clock, 'after'>) {
    this.#fd = fd;
    this.#clock = clock;
  }

  readonly count = (open: number): void => {
    this.#current = open;
    if (!this.#isPaced && !this.#fails) this.#pace();
  };

  /** What was counted last is in the file. */
  write(): void {
    if (this.#current === this.#written || this.#fails) return;
    this.#written = this.#current;
    this.#buffer.writeUInt32LE(this.#current);
    try {
      writeSync(this.#fd, this.#buffer, 0, bytes, 0);
    } catch {
      this.#fails = true;
      truncate(this.#fd);
    }
  }

  #pace(): void {
    this.write();
    this.#isPaced = true;
    this.#clock.after(behindMaxMs, () => {
      this.#isPaced = false;
      if (this.#current !== this.#written && !this.#fails) this.#pace();
    });
  }
}

/** A count that is no longer kept is none. */
function truncate(fd: number): void {
  try {
    ftruncateSync(fd);
  } catch {
    // Then it is what it was.
  }
}
