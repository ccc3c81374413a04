/** An answer of which the retry policy has to see more: its head waits, with no more of its body than is needed. */
import type { Fields } from '../http/fields.ts';
import { type BodyStart, needMaxBytes } from './retry-policy.ts';

const empty = Buffer.alloc(0);
/** What a policy sees together with the head. */
export const nothingYet: BodyStart = { bytes: empty, ended: false };

/** Whether so much of a body is still to be seen, and can be. */
export function mayCome(bytes: number, seen: BodyStart): boolean {
  return !seen.ended && bytes > seen.bytes.length && bytes <= needMaxBytes;
}

export class Undecided implements BodyStart {
  readonly status: number;
  readonly fields: Fields;
  needed = 0;
  ended = false;
  /** Pieces are copied into one buffer: a thousand small ones would keep more than their bytes. */
  #kept = empty;
  #length = 0;

  constructor(status: number, fields: Fields) {
    this.status = status;
    this.fields = fields;
  }

  get bytes(): Buffer {
    return this.#kept.subarray(0, this.#length);
  }

  get isEnough(): boolean {
    return this.#length >= this.needed;
  }

  /** Takes what is needed of the next part of the body. Returns the rest. */
  take(chunk: Buffer): Buffer {
    const length = Math.min(this.needed, this.#length + chunk.length);
    if (length > this.#kept.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.needed, Math.max(length, 2 * this.#kept.length)));
      this.#kept.copy(larger);
      this.#kept = larger;
    }
    const taken = chunk.copy(this.#kept, this.#length, 0, length - this.#length);
    this.#length = length;
    return chunk.subarray(taken);
  }
}
