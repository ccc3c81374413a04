/** Heads of requests (RFC 9112, 2.2, 3 and 5): one pass over the bytes, then each is turned into text once. */
import { COLON, CR, isBlank, LF, SP, targetChars, tokenChars, valueChars } from './characters.ts';
import { framingOfRequest } from './framing.ts';
import { type HeadLimits, type HeadReader, type RequestMessage, type Unreadable, unreadable } from './message.ts';

/**
 * The methods of IANA's registry that others know. Any token is a method, and its case matters (RFC 9110, 9.1). But one
 * of these in another case is refused: an upstream might take it for the method that it looks like.
 */
const methods = new Set(
  (
    'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL ' +
    'MOVE PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH UNBIND UNLINK UNLOCK UNSUBSCRIBE SUBSCRIBE NOTIFY PURGE'
  ).split(' '),
);
/** Longer ones are no method that anybody has. */
const methodMaxBytes = 64;

const noRequestLine = unreadable(
  'The request line has to be a method, a target and HTTP/1.1, with one blank between them.',
);
const noMethod = unreadable(
  `The request line has to begin with a method of at most ${methodMaxBytes} characters, a known one in upper case.`,
);
const noVersion = unreadable('Only HTTP/1.1 and HTTP/1.0 are spoken here.');
const noName = unreadable(
  'A field line has to be a name of letters, digits and hyphens, directly followed by a colon.',
);
const noValue = unreadable('A field value holds a control character.');
const folded = unreadable('A field line begins with a blank: folded lines are not taken.');
const noLineEnd = unreadable('Lines have to end in CR LF.');
const lineTooLong = unreadable('The request line is too long.', 'targetTooLong');
const tooLarge = unreadable('The header fields are too large.', 'fieldsTooLarge');
const tooMany = unreadable('There are too many header fields.', 'fieldsTooLarge');

/** A request that waits is to wait without its secret: no other text may keep that of these fields. */
const secretNames = new Set(['authorization', 'proxy-authorization']);

export class RequestReader implements HeadReader<RequestMessage> {
  position = 0;
  readonly limits: HeadLimits;
  /** What has come of a head that is not whole. */
  #kept: Buffer | null = null;
  /** Of each field where in the bytes its name, its colon, and its value's beginning and end are. */
  readonly #places: number[] = [];
  /** How far a head was scanned that is not whole: its bytes are not looked at again, however many parts it comes in. */
  #seen = 0;
  /** Where its fields begin; 0: its first line is not whole. */
  #fieldsAt = 0;
  /** Where the field begins that is not whole, and where its colon is; 0: that has not come. */
  #nameAt = 0;
  #colonAt = 0;
  #at = 0;
  #method = '';
  #targetAt = 0;
  #targetEnd = 0;
  #minor = 0;

  constructor(limits: HeadLimits) {
    this.limits = limits;
  }

  get begun(): boolean {
    return this.#kept !== null;
  }

  read(bytes: Buffer, from: number): RequestMessage | Unreadable | null {
    const kept = this.#kept;
    const all = kept === null ? bytes : Buffer.concat([kept, from === 0 ? bytes : bytes.subarray(from)]);
    let start = kept === null ? from : 0;
    // Empty lines in front of a request are passed over (2.2).
    while (all[start] === CR && all[start + 1] === LF) start += 2;
    const scanned = this.#scan(all, start);
    if (scanned === null) {
      this.#keep(all, start);
      return null;
    }
    this.#kept = null;
    this.#seen = 0;
    this.#fieldsAt = 0;
    if (scanned !== 'whole') return scanned;
    this.position = kept === null ? this.#at : this.#at - kept.length + from;
    return this.#message(all);
  }

  /** Null: there is no end yet, and nothing wrong so far. */
  #scan(bytes: Buffer, start: number): 'whole' | Unreadable | null {
    if (this.#fieldsAt > 0) return this.#scanFields(bytes);
    const wrong = this.#scanLine(bytes, start);
    if (wrong !== 'whole') return wrong;
    this.#places.length = 0;
    this.#fieldsAt = this.#at;
    this.#nameAt = this.#at;
    this.#colonAt = 0;
    return this.#scanFields(bytes);
  }

  /** Keeps what is not whole, from its beginning. */
  #keep(bytes: Buffer, start: number): void {
    this.#kept = start === bytes.length ? null : copyOf(bytes, start);
    if (start === 0) return;
    this.#seen = Math.max(0, this.#seen - start);
    if (this.#fieldsAt === 0) return;
    this.#targetAt -= start;
    this.#targetEnd -= start;
    this.#fieldsAt -= start;
    this.#nameAt -= start;
    if (this.#colonAt > 0) this.#colonAt -= start;
    for (let i = 0; i < this.#places.length; i++) this.#places[i] = (this.#places[i] as number) - start;
  }

  #scanLine(bytes: Buffer, start: number): 'whole' | Unreadable | null {
    const limit = start + this.limits.lineMaxBytes;
    let at = start;
    const { length } = bytes;
    while (at < length && tokenChars[bytes[at] as number] === 1) at += 1;
    if (at - start > methodMaxBytes) return noMethod;
    if (at > limit) return lineTooLong;
    if (at === length) return null;
    if (bytes[at] === CR && at === start) return at + 1 === length ? null : noLineEnd;
    if (bytes[at] !== SP || at === start) return noRequestLine;
    this.#method = bytes.toString('latin1', start, at);
    if (!methods.has(this.#method) && methods.has(this.#method.toUpperCase())) return noMethod;
    const target = ++at;
    this.#targetAt = at;
    if (this.#seen > at) at = this.#seen;
    while (at < length && targetChars[bytes[at] as number] === 1) at += 1;
    this.#seen = at;
    if (at > limit) return lineTooLong;
    if (at === length) return null;
    if (bytes[at] !== SP || at === target) return noRequestLine;
    this.#targetEnd = at;
    for (let i = 0; i < 9; i++) {
      const byte = bytes[++at];
      if (byte === undefined) return null;
      const right = 'HTTP/1.?\r'.charCodeAt(i);
      if (i === 7 ? byte < 0x30 || byte > 0x39 : byte !== right) return i > 4 && i < 8 ? noVersion : noRequestLine;
    }
    this.#minor = (bytes[at - 1] as number) - 0x30;
    if (at + 1 === length) return null;
    if (bytes[at + 1] !== LF) return noLineEnd;
    this.#at = at + 2;
    return 'whole';
  }

  #scanFields(bytes: Buffer): 'whole' | Unreadable | null {
    const places = this.#places;
    const { length } = bytes;
    // With the empty line behind them.
    const limit = this.#fieldsAt + this.limits.fieldsMaxBytes + 2;
    const most = 4 * this.limits.fieldsMax;
    for (let name = this.#nameAt, colon = this.#colonAt, at = Math.max(name, this.#seen); ; ) {
      if (at >= limit) return tooLarge;
      if (colon === 0) {
        if (at === length) return this.#partial(name, 0, at);
        if (at === name && bytes[at] === CR) {
          if (at + 1 === length) return this.#partial(name, 0, at);
          if (bytes[at + 1] !== LF) return noLineEnd;
          this.#at = at + 2;
          return at + 2 > limit ? tooLarge : 'whole';
        }
        while (at < length && tokenChars[bytes[at] as number] === 1) at += 1;
        if (at >= limit) return tooLarge;
        if (at === length) return this.#partial(name, 0, at);
        if (bytes[at] !== COLON || at === name) return at === name && isBlank(bytes[at]) ? folded : noName;
        colon = at;
        at += 1;
      }
      while (at < length && valueChars[bytes[at] as number] === 1) at += 1;
      if (at >= limit) return tooLarge;
      if (at === length) return this.#partial(name, colon, at);
      if (bytes[at] !== CR) return bytes[at] === LF ? noLineEnd : noValue;
      if (at + 1 === length) return this.#partial(name, colon, at);
      if (bytes[at + 1] !== LF) return noValue;
      let value = colon + 1;
      let end = at;
      while (value < end && isBlank(bytes[value])) value += 1;
      while (end > value && isBlank(bytes[end - 1])) end -= 1;
      if (places.length === most) return tooMany;
      places.push(name, colon, value, end);
      at += 2;
      name = at;
      colon = 0;
    }
  }

  #partial(name: number, colon: number, seen: number): null {
    this.#nameAt = name;
    this.#colonAt = colon;
    this.#seen = seen;
    return null;
  }

  #message(bytes: Buffer): RequestMessage | Unreadable {
    const places = this.#places;
    const fields = new Array<string>(places.length / 2);
    // A part of a text keeps all of it. So a text goes up to the next secret, and a secret is by itself.
    let text = '';
    let textAt = 0;
    for (let i = 0, next = 0; i < places.length; i += 4) {
      const name = places[i] as number;
      const colon = places[i + 1] as number;
      const value = places[i + 2] as number;
      const end = places[i + 3] as number;
      if (i === next) {
        while (next < places.length && !this.#isSecretAt(bytes, next)) next += 4;
        textAt = name;
        text = next === i ? '' : bytes.toString('latin1', name, places[next - 1]);
      }
      if (i === next) {
        fields[i / 2] = bytes.toString('latin1', name, colon);
        fields[i / 2 + 1] = bytes.toString('latin1', value, end);
        next += 4;
      } else {
        fields[i / 2] = text.slice(name - textAt, colon - textAt);
        fields[i / 2 + 1] = text.slice(value - textAt, end - textAt);
      }
    }
    const target = bytes.toString('latin1', this.#targetAt, this.#targetEnd);
    return framingOfRequest(this.#method, target, this.#minor === 0 ? '1.0' : '1.1', fields);
  }

  #isSecretAt(bytes: Buffer, i: number): boolean {
    const name = this.#places[i] as number;
    const length = (this.#places[i + 1] as number) - name;
    return (
      (length === 13 || length === 19) && secretNames.has(bytes.toString('latin1', name, name + length).toLowerCase())
    );
  }
}

/** In memory of its own: a slow head must not keep a pool's slab. */
function copyOf(bytes: Buffer, start: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length - start);
  bytes.copy(copy, 0, start);
  return copy;
}
