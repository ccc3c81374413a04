/**
 * What browsers are told of scripts that come from other origins (Fetch standard, 3.3, "CORS protocol"). It is said to
 * browsers only, and guards nothing: who may pass is decided by credentials.
 */
import { type Fields, fieldOf } from './fields.ts';

export interface CorsRules {
  /** Origins as browsers send them; `*` alone: every origin. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  /** The fields that a script may send, and those of answers that it may read. */
  readonly fields: readonly string[];
  readonly exposed: readonly string[];
  /** Whether browsers may send cookies and certificates by themselves. */
  readonly credentials: boolean;
  /** How long browsers need not ask again. */
  readonly maxAgeMs: number;
}

/** Tells caches that an answer to one origin is none for another, nor for callers without an origin. */
const vary = ['Vary', 'Origin'];

export class Cors {
  /** What answers say, by origin; null: the same to everybody. */
  readonly #byOrigin: ReadonlyMap<string, Fields> | null;
  readonly #toOthers: Fields;
  readonly #toPreflights: Fields;

  constructor({ origins, methods, fields, exposed, credentials, maxAgeMs }: CorsRules) {
    const shown = exposed.length === 0 ? [] : ['Access-Control-Expose-Headers', exposed.join(', ')];
    const allowing = (origin: string): string[] => ['Access-Control-Allow-Origin', origin, ...shown];
    const every = origins.includes('*');
    const trusting = credentials ? ['Access-Control-Allow-Credentials', 'true'] : [];
    this.#byOrigin = every ? null : new Map(origins.map((one) => [one, [...allowing(one), ...trusting, ...vary]]));
    this.#toOthers = every ? allowing('*') : vary;
    this.#toPreflights = [
      ...['Access-Control-Allow-Methods', methods.join(', ')],
      ...(fields.length === 0 ? [] : ['Access-Control-Allow-Headers', fields.join(', ')]),
      ...['Access-Control-Max-Age', String(Math.floor(maxAgeMs / 1_000))],
    ];
  }

  /** @param fields the request's */
  toAnswer(fields: Fields): Fields {
    if (this.#byOrigin === null) return this.#toOthers;
    return this.#byOrigin.get(fieldOf(fields, 'origin') ?? '') ?? this.#toOthers;
  }

  /** What the answer to a preflight says besides; null: it is none, or one of an origin that may not ask. */
  toPreflight(method: string, fields: Fields): Fields | null {
    if (method !== 'OPTIONS' || fieldOf(fields, 'access-control-request-method') === null) return null;
    const origin = fieldOf(fields, 'origin');
    if (origin === null || this.#byOrigin?.has(origin) === false) return null;
    return this.#toPreflights;
  }
}

/** An answer's fields with those of `cors` in the place of what it says itself. */
export function withCors(fields: Fields, cors: Fields): string[] {
  const all: string[] = [];
  let varies = false;
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i] as string, fields[i + 1] as string];
    if (/^access-control-/i.test(name)) continue;
    if (/^vary$/i.test(name)) varies ||= /(^|,)\s*(origin|\*)\s*(,|$)/i.test(value);
    all.push(name, value);
  }
  for (let i = 0; i < cors.length; i += 2) {
    if (cors[i] !== 'Vary' || !varies) all.push(cors[i] as string, cors[i + 1] as string);
  }
  return all;
}
