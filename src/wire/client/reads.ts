/**
 * The buffers that connections are read into. Node gives each read 64 KiB of its own, whatever comes. Here all read
 * into one, and the few hundred bytes of most answers are copied out of it, so that a connection which waits has none.
 * Large pieces are not copied: their connection has a buffer of its own, and gets another one where a piece is kept.
 */
import { isSpent, lend } from '../lent.ts';

const readBytes = 65_536;
/** What is kept of a buffer must not be much smaller than the buffer. */
const copiedBelowBytes = readBytes / 2;

/** Reading is at once: no two connections use it at the same time. */
const shared = Buffer.allocUnsafeSlow(readBytes);

export class Reads {
  /** What the next bytes are read into. */
  next = shared;

  /** The bytes that were read. They have to be looked at at once, with `handOut` for each part of them, then `done`. */
  take(bytes: number): Buffer {
    const read = this.next;
    const isLarge = bytes >= copiedBelowBytes;
    if (isLarge && read !== shared) {
      lend(read.buffer);
      return read.subarray(0, bytes);
    }
    if (isLarge) this.next = Buffer.allocUnsafeSlow(readBytes);
    const copy = Buffer.allocUnsafe(bytes);
    read.copy(copy, 0, 0, bytes);
    return copy;
  }

  /** The bytes that were taken have been looked at. */
  done(taken: Buffer): void {
    if (taken.buffer === this.next.buffer && !isSpent()) this.next = Buffer.allocUnsafeSlow(readBytes);
  }

  /** No more large pieces are to be expected. */
  rest(): void {
    this.next = shared;
  }
}
