/**
 * Every "no" that Weir itself says: a closed table. Status lines, metric labels and `docs/reference/errors.md` come from
 * it. In which form and with which codes callers are told is the profile's.
 */
import type { Fields } from '../http/fields.ts';

/** Who caused it: what an operator reads first. */
export type Blame = 'caller' | 'weir' | 'coreapp' | 'store';

interface Entry {
  readonly status: number;
  readonly blame: Blame;
  /** What is said when the refusal brings no details of its own; null: nothing is said. */
  readonly details: string | null;
}

const table = {
  malformed: entry(400, 'caller'),
  parameterMissing: entry(400, 'caller'),
  parameterInvalid: entry(400, 'caller'),
  parameterNotRequired: entry(400, 'caller'),
  unauthenticated: entry(401, 'caller', 'Invalid credentials.'),
  passwordChangeRequired: entry(403, 'caller', 'Log in again with {"new_password": "…"} in the body.'),
  forbidden: entry(403, 'caller', 'This needs the role ROLE_ADMIN.'),
  notFound: entry(404, 'caller'),
  methodNotAllowed: entry(405, 'caller'),
  requestTimeout: entry(408, 'caller', 'The request did not arrive in time.'),
  exists: entry(409, 'caller'),
  bodyTooLarge: entry(413, 'caller'),
  targetTooLong: entry(414, 'caller'),
  expectationFailed: entry(417, 'caller', 'Only Expect: 100-continue is known.'),
  fieldsTooLarge: entry(431, 'caller', 'The header fields are too large.'),
  bug: entry(500, 'weir'),
  unreachable: entry(502, 'coreapp', 'The upstream could not be reached.'),
  broken: entry(502, 'coreapp', 'The upstream broke the exchange off.'),
  lineFull: entry(503, 'weir', 'The line is full.'),
  holdTimeOver: entry(503, 'weir', 'The hold time is over.'),
  endedByOperator: entry(503, 'weir', 'An operator has ended its wait.'),
  scopesFull: entry(503, 'weir', 'Too many buckets of this class are in use.'),
  diskFailed: entry(503, 'weir', 'The disk did not keep the body.'),
  loginsFull: entry(503, 'weir', 'Too many logins wait.'),
  tunnelsFull: entry(503, 'weir', 'Too many WebSocket connections are open.'),
  stopping: entry(503, 'weir', 'Weir is stopping.'),
  storeAway: entry(503, 'store', 'The credential store is away.'),
  timedOut: entry(504, 'coreapp', 'The upstream did not answer in time.'),
  loop: entry(508, 'weir', 'What is behind Weir sends its requests back to Weir.'),
} as const satisfies Record<string, Entry>;

function entry(status: number, blame: Blame, details: string | null = null): Entry {
  return { status, blame, details };
}

export type RefusalName = keyof typeof table;

export const refusalTable: Readonly<Record<RefusalName, Entry>> = table;

/** An answer of the upstream's that is kept: for those who would wait in vain. */
export interface KeptAnswer {
  readonly status: number;
  readonly fields: Fields;
  readonly body: Buffer;
}

/** A refusal as a value: stages return it, `answer.ts` alone acts on it. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly name: RefusalName;
  /** For the caller: which field, what was given, what would be right. Null: the table's own words. */
  readonly details: string | null;
  /** When to come back, milliseconds; null: no `Retry-After`. */
  readonly retryAfterMs: number | null;
  /** The methods for the `Allow` field of a 405 (RFC 9110 §15.5.6): `GET, HEAD`. */
  readonly allow?: string;
  /** The upstream's own words, which the caller gets in the place of Weir's. */
  readonly answer?: KeptAnswer;
}

export function refuse(name: RefusalName, details: string | null = null, retryAfterMs: number | null = null): Refusal {
  return { kind: 'refusal', name, details, retryAfterMs };
}

/** An outage of the store says nothing about what was asked: come back, soon. */
export function refuseStoreAway(details: string | null = null): Refusal {
  return refuse('storeAway', details, 1_000);
}

/** `allow`: the methods that the resource knows, as in `GET, HEAD`. */
export function refuseMethod(allow: string): Refusal {
  return { kind: 'refusal', name: 'methodNotAllowed', details: `Allowed here: ${allow}.`, retryAfterMs: null, allow };
}
