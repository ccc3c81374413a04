/** An answer that refuses, kept for those who would wait in vain: they get the upstream's own words. */
import type { KeptAnswer } from '../exchange/refusals.ts';
import type { Signal } from '../exchange/signal.ts';
import type { Fields } from '../http/fields.ts';

/** A longer one is not kept: then they get Weir's words. */
const keptMaxBytes = 8_192;

/** The fields of an answer that is told with another status. A 401's challenge would be about Weir's own credential. */
export function fieldsAs(signal: Signal | undefined, status: number, fields: Fields): Fields {
  if (signal === undefined || signal.as === null || status !== 401) return fields;
  return fields.filter((_, i) => (fields[i - (i % 2)] as string).toLowerCase() !== 'www-authenticate');
}

export class Keeping {
  readonly #status: number;
  readonly #fields: Fields;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** @param begun what has come of its body */
  constructor(status: number, fields: Fields, begun: Buffer) {
    this.#status = status;
    this.#fields = fields;
    this.add(begun);
  }

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= keptMaxBytes) this.#chunks.push(Buffer.from(chunk));
    else this.#chunks.length = 0;
  }

  /** Once all of it has come; null: it was too long. */
  whole(): KeptAnswer | null {
    if (this.#bytes > keptMaxBytes) return null;
    return { status: this.#status, fields: this.#fields, body: Buffer.concat(this.#chunks) };
  }
}
