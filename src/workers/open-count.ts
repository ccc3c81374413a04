/**
 * How many requests are open in a worker, kept where its parent finds it when the worker is gone, however suddenly: in a
 * file without a name, which both have open. What a worker says comes once a second; by then others are open.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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

/**
 * The worker's side: takes the count whenever it changes. It is written at the first change in a turn of the event loop,
 * and once more at the end of the turn where that was not the last one: a busy worker has many requests in a turn.
 *
 * @param fd of the file, as the worker has it
 * @param atEndOfTurn `setImmediate`
 */
export function countTo(fd: number, atEndOfTurn: (call: () => void) => void): (count: number) => void {
  const buffer = Buffer.alloc(bytes);
  let [current, written] = [0, 0];
  let [isTurn, fails] = [false, false];
  const write = (): void => {
    written = current;
    buffer.writeUInt32LE(current);
    try {
      writeSync(fd, buffer, 0, bytes, 0);
    } catch {
      fails = true;
      truncate(fd);
    }
  };
  return (count) => {
    current = count;
    if (isTurn || fails) return;
    isTurn = true;
    write();
    atEndOfTurn(() => {
      isTurn = false;
      if (current !== written && !fails) write();
    });
  };
}

/** A count that is no longer kept is none. */
function truncate(fd: number): void {
  try {
    ftruncateSync(fd);
  } catch {
    // Then it is what it was.
  }
}
