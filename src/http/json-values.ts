/**
 * The numbers, and the places of the texts, that JSON Pointers (RFC 6901) lead to in a JSON text (RFC 8259) that comes
 * in pieces. It is read as it passes: nothing of it is kept but one key. Of what is no JSON it may find some, or none.
 */
import type { Pointer } from './pointer.ts';

/** What is wanted of a value: its number, or something within it. */
interface Wanted {
  /** Which pointers end here. */
  readonly ends: number[];
  readonly within: Map<string, Wanted>;
}

/** An object or array that holds something wanted. */
interface Open {
  readonly wanted: Wanted;
  readonly isArray: boolean;
  /** The name, or index, of the value that comes next; null: one that nothing is wanted of. */
  name: string | null;
  index: number;
}

/** What the next byte belongs to. */
type Reading = 'between' | 'text' | 'escape' | 'number';

const none: readonly number[] = [];
const quote = 0x22;
const backslash = 0x5c;
const minus = 0x2d;
/** Longer than any number that is one of tokens. */
const numberMaxChars = 32;
/** Of a key in its longest spelling, `\u0041` for each character. */
const spellingMax = 6;

/** Which bytes of all that have come. */
export interface TextPlace {
  readonly start: number;
  readonly end: number;
}

export class JsonValues {
  /** By pointer, the last number that was there; null: none. */
  readonly numbers: (number | null)[];
  /** By pointer, where the last text stands, between its quotes; null: there was none. */
  readonly texts: (TextPlace | null)[];
  readonly #root: Wanted = { ends: [], within: new Map() };
  readonly #keyMaxBytes: number;
  #open: Open[] = [];
  /** How deep it is in what nothing is wanted of. */
  #depth = 0;
  #reading: Reading = 'between';
  /** The bytes of a key, or the characters of a number; null: they don't matter. */
  #text: string | null = null;
  /** Which pointers want the value that is read. */
  #ends: readonly number[] = none;
  /** How many bytes have come. */
  #at = 0;
  /** Where the text begins that is read. */
  #start = 0;
  #expectsKey = false;

  constructor(pointers: readonly Pointer[]) {
    this.numbers = pointers.map(() => null);
    this.texts = pointers.map(() => null);
    for (const [i, pointer] of pointers.entries()) {
      let wanted = this.#root;
      for (const name of pointer) {
        const next = wanted.within.get(name) ?? { ends: [], within: new Map<string, Wanted>() };
        wanted.within.set(name, next);
        wanted = next;
      }
      wanted.ends.push(i);
    }
    this.#keyMaxBytes = spellingMax * Math.max(0, ...pointers.flat().map((name) => name.length));
  }

  add(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#byte(byte);
      this.#at += 1;
    }
  }

  /** The text is over; another one may follow. */
  end(): void {
    if (this.#reading === 'number') this.#numberOver();
    this.#open = [];
    this.#depth = 0;
    this.#reading = 'between';
    this.#text = null;
    this.#expectsKey = false;
  }

  #byte(byte: number): void {
    switch (this.#reading) {
      case 'text':
        if (byte === quote) this.#textOver();
        else {
          if (byte === backslash) this.#reading = 'escape';
          if (this.#text !== null) this.#keep(byte);
        }
        return;
      case 'escape':
        this.#reading = 'text';
        if (this.#text !== null) this.#keep(byte);
        return;
      case 'number':
        if (isOfNumber(byte)) {
          if (this.#text !== null && this.#text.length < numberMaxChars) this.#text += String.fromCharCode(byte);
          return;
        }
        this.#numberOver();
        break;
      default:
    }
    this.#between(byte);
  }

  #between(byte: number): void {
    switch (byte) {
      case quote:
        this.#textBegins();
        return;
      case 0x7b: // {
      case 0x5b: // [
        this.#opened(byte === 0x5b);
        return;
      case 0x7d: // }
      case 0x5d: // ]
        if (this.#depth > 0) this.#depth -= 1;
        else this.#open.pop();
        this.#expectsKey = false;
        return;
      case 0x2c: // ,
        this.#next();
        return;
      default:
        if (this.#depth === 0 && (byte === minus || isDigit(byte))) this.#numberBegins(byte);
    }
  }

  #opened(isArray: boolean): void {
    const wanted = this.#depth > 0 ? undefined : this.#wantedHere();
    if (wanted === undefined || wanted.within.size === 0) {
      this.#depth += 1;
      return;
    }
    this.#open.push({ wanted, isArray, name: '0', index: 0 });
    this.#expectsKey = !isArray;
  }

  #next(): void {
    const inner = this.#open.at(-1);
    if (this.#depth > 0 || inner === undefined) return;
    if (inner.isArray) {
      inner.index += 1;
      inner.name = String(inner.index);
    } else this.#expectsKey = true;
  }

  #wantedHere(): Wanted | undefined {
    const inner = this.#open.at(-1);
    if (inner === undefined) return this.#root;
    return inner.name === null ? undefined : inner.wanted.within.get(inner.name);
  }

  #textBegins(): void {
    const isKey = this.#depth === 0 && this.#expectsKey;
    this.#reading = 'text';
    this.#text = isKey ? '' : null;
    this.#start = this.#at + 1;
    this.#ends = isKey || this.#depth > 0 ? none : (this.#wantedHere()?.ends ?? none);
  }

  #textOver(): void {
    this.#reading = 'between';
    for (const i of this.#ends) this.texts[i] = { start: this.#start, end: this.#at };
    this.#ends = none;
    const inner = this.#open.at(-1);
    if (!this.#expectsKey || this.#depth > 0 || inner === undefined) return;
    this.#expectsKey = false;
    inner.name = this.#text === null ? null : spelt(this.#text);
    this.#text = null;
  }

  #keep(byte: number): void {
    this.#text += String.fromCharCode(byte);
    if ((this.#text as string).length > this.#keyMaxBytes) this.#text = null;
  }

  #numberBegins(byte: number): void {
    const ends = this.#wantedHere()?.ends ?? none;
    this.#ends = ends;
    this.#text = ends.length === 0 ? null : String.fromCharCode(byte);
    this.#reading = 'number';
  }

  #numberOver(): void {
    this.#reading = 'between';
    const number = this.#text === null || this.#text === '' ? Number.NaN : Number(this.#text);
    this.#text = null;
    if (!Number.isFinite(number)) return;
    for (const i of this.#ends) this.numbers[i] = number;
  }
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** A digit, a sign, a point, or an e. */
function isOfNumber(byte: number): boolean {
  return isDigit(byte) || byte === minus || byte === 0x2b || byte === 0x2e || (byte | 0x20) === 0x65;
}

/** @param bytes of a key, a character each, escapes as they came */
function spelt(bytes: string): string | null {
  const text = Buffer.from(bytes, 'latin1').toString();
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return null;
  }
}
