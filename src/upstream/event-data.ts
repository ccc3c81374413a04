/** The data of the events of a stream (HTML Living Standard, 9.2.5), each a JSON text, as they pass. */
import type { JsonValues } from '../http/json-values.ts';

const begins = Buffer.from('data:');
const lf = 0x0a;
const cr = 0x0d;
const blank = 0x20;
const newline = Buffer.from('\n');

export class EventData {
  readonly #values: JsonValues;
  /** How much of `data:` the line has begun with; −1: with something else. */
  #begun = 0;
  /** The line is empty so far: such a one ends an event. */
  #isEmpty = true;
  #afterColon = false;
  #afterCr = false;

  constructor(values: JsonValues) {
    this.#values = values;
  }

  add(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      const isSecond = byte === lf && this.#afterCr;
      this.#afterCr = byte === cr;
      if (isSecond) at += 1;
      else if (byte === lf || byte === cr) {
        this.#lineOver();
        at += 1;
      } else at = this.#inLine(chunk, at, byte);
    }
  }

  /** Returns where to go on. */
  #inLine(chunk: Buffer, at: number, byte: number): number {
    this.#isEmpty = false;
    if (this.#begun === begins.length) {
      const skips = this.#afterColon && byte === blank ? 1 : 0;
      this.#afterColon = false;
      const end = endOfLine(chunk, at);
      this.#values.add(chunk.subarray(at + skips, end));
      return end;
    }
    if (this.#begun < 0) return endOfLine(chunk, at);
    this.#begun = byte === begins[this.#begun] ? this.#begun + 1 : -1;
    this.#afterColon = this.#begun === begins.length;
    return at + 1;
  }

  #lineOver(): void {
    if (this.#isEmpty) this.#values.end();
    else if (this.#begun === begins.length) this.#values.add(newline);
    this.#begun = 0;
    this.#isEmpty = true;
    this.#afterColon = false;
  }
}

function endOfLine(chunk: Buffer, from: number): number {
  for (let at = from; at < chunk.length; at++) if (chunk[at] === lf || chunk[at] === cr) return at;
  return chunk.length;
}
