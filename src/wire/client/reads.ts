/**
 * The buffers that connections are read into. Node gives each read 64 KiB of its own, whatever comes. Here all read
 * into one, and the few hundred bytes of most answers are copied out of it, so that a connection which waits has none.
 * What comes in large pieces is not copied: its connection gets a buffer for each.
 */
const readBytes = 65_536;
/** What is kept of a buffer must not be much smaller than the buffer. */
const copiedBelowBytes = readBytes / 2;

/** Reading is at once: no two connections use it at the same time. */
const shared = Buffer.allocUnsafeSlow(readBytes);

export class Reads {
  /** What the next bytes are read into. */
  next = shared;

  /** The bytes that were read, for whoever wants to keep them. */
  take(bytes: number): Buffer {
    const read = this.next;
    const isLarge = bytes >= copiedBelowBytes;
    if (isLarge) this.next = Buffer.allocUnsafeSlow(readBytes);
    if (isLarge && read !== shared) return read.subarray(0, bytes);
    const copy = Buffer.allocUnsafe(bytes);
    read.copy(copy, 0, 0, bytes);
    return copy;
  }

  /** No more large pieces are to be expected. */
  rest(): void {
    this.next = shared;
  }
}
