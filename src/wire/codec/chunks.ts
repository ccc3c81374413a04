/**
 * Bodies in chunks (RFC 9112, 7.1), decoded as they come. Lines are read byte by byte, and kept as text until they
 * end: they are short. What stands in chunks is handed out as it lies in the bytes.
 */
import { CR, LF } from './characters.ts';
import { type HeadLimits, type Unreadable, unreadable } from './message.ts';

/** A size of at most 13 digits is a safe integer; extensions have names and values of tokens or quoted strings (7.1.1). */
const token = "[!#$%&'*+.^_`|~\\w-]+";
const sizeLine = new RegExp(
  `^([\\da-f]{1,13})(?:[ \\t]*;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|"(?:[\\t !\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"))?)*$`,
  'i',
);
const fieldLine = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*$/;

export class ChunkReader {
  /** Where, in the bytes that were given last, what has not been read begins. */
  position = 0;
  /** What came behind the last chunk, filtered by nobody yet; complete at the end. */
  readonly trailers: string[] = [];
  readonly #limits: HeadLimits;
  #state: 'size' | 'data' | 'end of data' | 'trailers' = 'size';
  /** What is left of the present chunk. */
  #left = 0;
  /** What has come of the present line. */
  #line = '';
  #trailerBytes = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /**
   * Takes bytes from `from` on and hands out what they hold of the body, without copies.
   * @returns `'more'`, `'end'` (`position` is behind the last CRLF), or why it can't be read
   */
  read(bytes: Buffer, from: number, data: (part: Buffer) => void): 'more' | 'end' | Unreadable {
    let at = from;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const to = Math.min(bytes.length, at + this.#left);
        this.#left -= to - at;
        if (this.#left === 0) this.#state = 'end of data';
        data(at === 0 && to === bytes.length ? bytes : bytes.subarray(at, to));
        at = to;
        continue;
      }
      const end = bytes.indexOf(LF, at);
      const to = end === -1 ? bytes.length : end + 1;
      this.#line += bytes.toString('latin1', at, to);
      at = to;
      const wrong = this.#tooLong();
      if (wrong !== null) return wrong;
      if (end === -1) break;
      if (this.#line.charCodeAt(this.#line.length - 2) !== CR)
        return unreadable('a line of its chunks ends without a CR');
      const line = this.#line.slice(0, -2);
      this.#line = '';
      const read = this.#lineRead(line);
      if (read === null) continue;
      this.position = at;
      return read;
    }
    this.position = at;
    return 'more';
  }

  #tooLong(): Unreadable | null {
    const { lineMaxBytes, fieldsMaxBytes } = this.#limits;
    if (this.#state === 'end of data') {
      return '\r\n'.startsWith(this.#line) ? null : unreadable('a chunk is longer than its size');
    }
    const most = this.#state === 'trailers' ? fieldsMaxBytes - this.#trailerBytes : lineMaxBytes;
    return this.#line.length <= most + 2
      ? null
      : unreadable(`the ${this.#state} of its chunks is too long`, 'fieldsTooLarge');
  }

  /** Null: more is to come. */
  #lineRead(line: string): 'end' | Unreadable | null {
    switch (this.#state) {
      case 'size': {
        const size = sizeLine.exec(line)?.[1];
        if (size === undefined) return unreadable(`${JSON.stringify(line.slice(0, 40))} is no size of a chunk`);
        this.#left = Number.parseInt(size, 16);
        this.#state = this.#left === 0 ? 'trailers' : 'data';
        return null;
      }
      case 'trailers': {
        if (line === '') return 'end';
        const field = fieldLine.exec(line);
        this.#trailerBytes += line.length + 2;
        if (field === null) return unreadable('a trailer is no field');
        if (this.trailers.length >= 2 * this.#limits.fieldsMax)
          return unreadable('it has too many trailers', 'fieldsTooLarge');
        this.trailers.push(field[1] as string, field[2] as string);
        return null;
      }
      default:
        this.#state = 'size';
        return null;
    }
  }
}
