/**
 * What bounds an endpoint class: the settings under `limits.<class>`, a row each. The type below and the schema follow
 * from the rows, and `node scripts/generate.ts` writes the rest. By hand a new setting is only mentioned in
 * `config/weir.yaml`. A setting that bounds what one replica takes is divided among its workers in
 * `config/worker-share.ts`. Units are in the names.
 */
import type { NarrowLimit } from './lanes/lanes.ts';
import type { Scope } from './rate/scope.ts';

export interface LimitRow<Value> {
  /** For every class that has none of its own. */
  readonly default: Value;
  /** For an operator: what it does, when to change it. */
  readonly text: string;
  /** What would be right, where its kind does not say it. */
  readonly wanted?: string;
}

/** The kinds of values. The caller of `limitRows` says what each becomes: a type, or a schema. */
interface LimitKinds<NumberOf, FlagOf, ScopeOf, AlsoOf> {
  readonly number: (min: number, max: number, row: LimitRow<number>) => NumberOf;
  readonly whole: (min: number, max: number, row: LimitRow<number>) => NumberOf;
  readonly flag: (row: LimitRow<boolean>) => FlagOf;
  /** Written as `rate/scope.ts` reads it. */
  readonly scope: (row: LimitRow<string>) => ScopeOf;
  readonly also: (row: LimitRow<readonly []>) => AlsoOf;
}

const mib = 2 ** 20;
const gib = 2 ** 30;

/** The defaults are for a class of which nobody says anything. What the classes of an API have is said in `config/profiles/`. */
export const limitRows = <NumberOf, FlagOf, ScopeOf, AlsoOf>(kinds: LimitKinds<NumberOf, FlagOf, ScopeOf, AlsoOf>) => ({
  rate: kinds.number(0.001, 1_000_000, {
    default: 20,
    text: 'Requests a second that reach the Coreapp in the long run, over all replicas. As many as the Coreapp allows: it answers more with 429.',
  }),
  burst: kinds.whole(1, 1_000_000, {
    default: 60,
    text: 'Requests that may reach the Coreapp at once after a pause, over all replicas.',
  }),
  scope: kinds.scope({
    default: 'fleet',
    text: 'Which requests share one such limit: all of the class (fleet), those of one user (principal), or those with the same value of a header field or of a path segment. Requests without a value share one.',
    wanted:
      'fleet, principal, header:<Field-Name> (any but Authorization), or path:<template> with one segment in braces, such as path:/v1/contacts/{number}',
  }),
  also: kinds.also({
    default: [],
    text: 'Narrower limits that bind the same requests, such as one for each recipient. A request goes when each has something for it; one whose narrow limit is exhausted waits in its own lane and holds up nobody. A request without a value of the scope is not bound. serial: one in flight for each value, in the order of their coming. cost: a request takes as many tokens as its body lets expect, and its answer settles how many it were.',
    wanted:
      'a list such as [{scope: "path:/{version}/{number}/** + body:/to", rate: 0.1667, burst: 45}], each with a rate from 0.0001 to 1000000 a second and a burst from 1 on, or serial: true; and a cost such as {estimate: {perByte: 0.25, plus: /max_tokens}, settle: {body: /usage/total_tokens}}',
  }),
  scopesMax: kinds.whole(1, 100_000, {
    default: 10_000,
    text: 'Most limits of a class with such a scope that one replica keeps at a time. Those that are full again make room; if none is, a newcomer gets 503.',
  }),
  rateLimitFields: kinds.flag({
    default: false,
    text: 'Whether answers of the Coreapp get RateLimit and RateLimit-Policy fields that say what is left. Off, since nobody need slow down: a request that comes too early is held.',
  }),
  hold: kinds.flag({
    default: true,
    text: 'Whether a request that the Coreapp refuses, or does not answer, is held and sent again. false: its caller gets the Coreapp’s own answer at once, 429 and 503 included, or 502 or 504 where there is none; and a request that finds no free slot within a second gets 503. For monitoring.',
  }),
  holdMaxMs: kinds.whole(100, 600_000, {
    default: 30_000,
    text: 'The longest that a request is held before it is refused with 503. Below the timeouts of the callers.',
  }),
  lineMaxRequests: kinds.whole(1, 1_000_000, {
    default: 10_000,
    text: 'Most requests that wait in one replica. A request whose turn cannot come within its hold time is refused at once, however many wait.',
  }),
  callerShareMax: kinds.number(0.01, 1, {
    default: 0.9,
    text: 'What one caller may have of the places in line that others leave: with 0.9, a caller that is alone leaves a tenth for newcomers, two leave a twentieth. 1: one caller may take all. The same share goes for scopesMax, and for the permits of requests that last.',
  }),
  lineMaxBytes: kinds.whole(1_024, 64 * gib, {
    default: 64 * mib,
    text: 'Most bytes of request bodies in one replica, in memory and on disk: as they come, in line, in flight. The last free sixteenth is for bodies of 16 KiB at most. Without room the slowest upload gives way, or the newcomer is refused, with 503.',
  }),
  callerMaxBytes: kinds.whole(1_024, 64 * gib, {
    default: 32 * mib,
    text: 'Most of these bytes for one user that is alone. Beside others it has the same part of what they leave, and always room for one body. At lineMaxBytes or above one may take all of it, and leave no room for others.',
  }),
  bodyMaxBytes: kinds.whole(1_024, gib, {
    default: mib,
    text: 'The largest request body; a larger one is answered 413. At most lineMaxBytes and callerMaxBytes.',
  }),
});

export type ClassLimits = Readonly<ReturnType<typeof limitRows<number, boolean, Scope, readonly NarrowLimit[]>>>;
export type LimitName = keyof ClassLimits;

type NumberName = { [Name in LimitName]: ClassLimits[Name] extends number ? Name : never }[LimitName];

/** Which setting may not exceed which others. A body that is larger than all the room could never be kept. */
export const atMost: readonly (readonly [NumberName, readonly NumberName[]])[] = [
  ['bodyMaxBytes', ['lineMaxBytes', 'callerMaxBytes']],
];

/** How many can wait at a time: a caller that is alone has no more in line than may be served in time. */
export function lineMax({ rate, burst, holdMaxMs, lineMaxRequests, scope }: ClassLimits): number {
  if (scope.by !== 'fleet') return lineMaxRequests; // In all its lines together.
  return Math.min(lineMaxRequests, Math.floor(burst + (rate * holdMaxMs) / 1_000) + 1);
}
