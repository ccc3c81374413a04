/** An answer that is kept while it comes. */
import type { KeptAnswer } from '../exchange/refusals.ts';
import type { Signal } from '../exchange/signal.ts';
import type { Fields } from '../http/fields.ts';

/** The fields of an answer that is told with another status. A 401's challenge would be about Weir's own credential. */
export function fieldsAs(signal: Signal | undefined, status: number, fields: Fields): Fields {
  if (signal === undefined || signal.as === null || status !== 401) return fields;
  return fields.filter((_, i) => (fields[i - (i % 2)] as string).toLowerCase() !== 'www-authenticate');
}

/** An answer that refuses is kept for those who would wait in vain. Of a longer one they get Weir's words, bytes. */
export const keptMaxBytes = 8_192;

export class Keeping {
  readonly #status: number;
  readonly #fields: Fields;
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(status: number, fields: Fields, maxBytes: number) {
    this.#status = status;
    this.#fields = fields;
    this.#maxBytes = maxBytes;
  }

  /** The next part of its body. False: it has become too large. */
  add(chunk: Buffer): boolean {
    // A copy: small parts would keep the whole buffers that they were read into.
    this.#chunks.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
    return this.#bytes <= this.#maxBytes;
  }

  /** What has come of it. */
  get answer(): KeptAnswer {
    return { status: this.#status, fields: this.#fields, body: Buffer.concat(this.#chunks) };
  }
}
