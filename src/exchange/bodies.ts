/**
 * Bodies as they are kept: small ones in memory, larger ones in files. `bodies/body-allocation.ts` counts what they
 * take.
 */

/** A body in a file: written once from its beginning to its end, then read as often as needed. */
export interface BodyFile {
  /** How much was written. */
  readonly bytes: number;
  /** Writes on; one call at a time. False: the disk failed, and the file is of no use any more. */
  append(bytes: Uint8Array): Promise<boolean>;
  /** Reads into the buffer from a position on. How much it was: 0 at the end. Rejects where the disk fails. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Lets go of it when what goes on in it has ended, then calls back. What is asked of it later fails. Once. */
  close(closed: () => void): void;
}

/** A body in memory. A text is in Latin-1: a character for each byte. */
export type BodyInMemory = string | Buffer;

/** A whole body that can be sent as often as needed. */
export type BufferedBody = BodyInMemory | BodyFile;

/**
 * Bodies up to here are kept as text. They leave as such, in one piece with their head, which is cheaper than a second
 * one; and while they wait, the objects around a buffer would take 500 bytes.
 */
const asTextMaxBytes = 8_192;

/** How a body's bytes are kept; null: there are none. */
export function keptInMemory(bytes: Buffer): BodyInMemory | null {
  if (bytes.length === 0) return null;
  if (bytes.length <= asTextMaxBytes) return bytes.toString('latin1');
  // Not a small part of a large packet, which would be kept as a whole.
  return bytes.buffer.byteLength <= 2 * bytes.length ? bytes : copyOf(bytes);
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

export const isInMemory = (body: BufferedBody): body is BodyInMemory =>
  typeof body === 'string' || Buffer.isBuffer(body);

export const bufferOf = (body: BodyInMemory): Buffer => (typeof body === 'string' ? Buffer.from(body, 'latin1') : body);

export const bytesOf = (body: BufferedBody | null): number =>
  body === null ? 0 : isInMemory(body) ? body.length : body.bytes;

/** What one body takes of the budgets. */
export interface Allocation {
  /** A body that is larger belongs in a file. */
  readonly memoryMaxBytes: number;
  /** Whether so many bytes could be had now. Nothing is taken: what was only announced takes no room. */
  mayCome(bytes: number): boolean;
  /** False: there is not so much left, nothing was taken. Slower bodies may have had to give way to it. */
  tryTake(bytes: number): boolean;
  /** A file for the body: what was taken, and what will be, is on disk from now on. Null: there is no room for it. */
  openFile(): BodyFile | null;
  /**
   * The body does not come at once.
   * @param giveUp told if it has to give way to a quicker one: what was taken has been given back, and no more may be
   */
  coming(giveUp: () => void): void;
  /** All of it has come, or no more will. Calling it twice does nothing. */
  arrived(): void;
}

/** What reading a body came to. `notKept`: the disk failed. */
export type BodyRead =
  | { readonly kind: 'body'; readonly body: BufferedBody | null }
  | { readonly kind: 'tooLarge' | 'noRoom' | 'notKept' | 'tooSlow' | 'gone' };
