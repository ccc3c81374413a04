/**
 * URLs of the upstream in JSON bodies of answers, at places that the configuration names: callers get Weir's own address in
 * their place, as they do in `Location`. Nothing else in the body changes, not even how it is written.
 */
import type { Admitted } from '../exchange/exchange.ts';
import type { KeptAnswer } from '../exchange/refusals.ts';
import type { RouteClass } from '../exchange/route.ts';
import { type Fields, fieldOf } from '../http/fields.ts';
import { addressAsked } from '../http/forwarded.ts';
import { JsonValues } from '../http/json-values.ts';
import { isPlainJson } from '../http/media-type.ts';
import { type Pointer, readDocument } from '../http/pointer.ts';
import { Keeping } from './keeping.ts';

export interface BodyUrls {
  /** Where they stand, by class. */
  readonly places: ReadonlyMap<RouteClass, readonly Pointer[]>;
  /** The path and query that lead to a URL through Weir; null: it is none of an upstream's. */
  readonly throughWeir: (url: string) => string | null;
}

/** A larger body passes as it is. */
const bodyMaxBytes = 65_536;
/** What is said of the body as it was. */
const ofBytes: ReadonlySet<string> = new Set([
  'content-length',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'etag',
  'accept-ranges',
]);

/** Null: nothing in this answer's body is to be changed. */
export function placesIn(
  { places }: BodyUrls,
  { route }: Admitted,
  status: number,
  fields: Fields,
): readonly Pointer[] | null {
  const pointers = places.get(route.class);
  if (pointers === undefined || status < 200 || status === 206 || status >= 300) return null;
  if (!isPlainJson(fields)) return null;
  return Number(fieldOf(fields, 'content-length') ?? 0) > bodyMaxBytes ? null : pointers;
}

/**
 * The fields of an answer to HEAD, without those that GET might give another value: nobody knows whether something in its
 * body would be changed (RFC 9110, 8.6 and 9.3.2).
 */
export function withoutThoseOfBytes(fields: Fields): Fields {
  return fields.filter((_, i) => !ofBytes.has((fields[i - (i % 2)] as string).toLowerCase()));
}

/** An answer whose head waits until its body is whole. One that has become too large is not changed. */
export class Withheld extends Keeping {
  readonly #pointers: readonly Pointer[];

  constructor(status: number, fields: Fields, pointers: readonly Pointer[]) {
    super(status, fields, bodyMaxBytes);
    this.#pointers = pointers;
  }

  /** The whole answer with its URLs changed; null: there was nothing to be changed. */
  changed({ throughWeir }: BodyUrls, exchange: Admitted): KeptAnswer | null {
    const { status, fields, body } = this.answer;
    const values = new JsonValues(this.#pointers);
    values.add(body);
    const asked = addressAsked(exchange.origin, exchange.fields);
    const parts: Buffer[] = [];
    let done = 0;
    for (const place of values.texts.filter((one) => one !== null).toSorted((a, b) => a.start - b.start)) {
      // It stands between the quotes of a JSON text.
      const url = readDocument(`"${body.subarray(place.start, place.end)}"`);
      const back = typeof url === 'string' ? throughWeir(url) : null;
      if (back === null || asked === null || place.start < done) continue;
      parts.push(body.subarray(done, place.start), Buffer.from(JSON.stringify(asked + back).slice(1, -1)));
      done = place.end;
    }
    if (parts.length === 0) return null;
    const whole = Buffer.concat([...parts, body.subarray(done)]);
    return { status, fields: [...withoutThoseOfBytes(fields), 'Content-Length', String(whole.length)], body: whole };
  }
}
