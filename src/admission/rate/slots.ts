/**
 * The bucket's arithmetic: the generic cell rate algorithm (ITU-T I.371), a token bucket kept as one number.
 *
 * With `T = 1/rate` and `tau = (burst − 1)·T` the whole state is `tat`, the theoretical arrival time of the next
 * request. Reserving n slots from it:
 *
 *     tat = max(tat, now + lead)        an idle bucket is full: older TATs are forgotten; lead ≤ tau
 *     slot i has TAT_i = tat + i·T      and may be used from TAT_i − tau up to TAT_i
 *     tat = tat + n·T
 *
 * Why a slot that is used inside its window cannot break the limit: the TATs lie at least T apart and every window is
 * tau long, so the sends of a span w have their TATs in a span w + tau, which holds at most
 * (w + tau)/T + 1 = rate·w + burst of them. It does not matter who uses the slot, or when inside the window. So a slot
 * may be taken ahead of need, kept for a moment, handed on, or thrown away; never used outside its window.
 *
 * `lead` keeps the slot of an idle bucket from closing the moment it is given: the reply has to travel. It moves the
 * TATs of an idle bucket only, so replicas with different leads cannot break the rule above. Were it longer than tau,
 * it would move those of a busy one, too, and slots would be lost.
 *
 * Where tau is shorter than a timer can hit, the window is stretched to 5 ms or half an interval: that lets at most
 * `rate × 5 ms` or half a request more through, within the tolerance of promise P1 (docs/reference/promises.md).
 *
 * All times are microseconds of the bucket's own clock. Buckets in the process use this arithmetic, and
 * `adapters/redis/reserve.lua` and `push-back.lua` have the same. `reserve.lua` also judges what a replica with another
 * clock tells of the bucket: the reference for that is `test/support/redis-bucket.ts`, since nothing else needs it.
 * `test/property/lua.test.ts` and `test/property/push-back.test.ts` compare the two languages.
 */
import type { NarrowQuota, Quota } from './quota.ts';

/** The shortest window a slot gets, where half an interval isn't longer, microseconds. */
const windowMinUs = 5_000;

/** A tat this much further ahead than demand can have put it comes from a clock that was set back, microseconds. */
export const jumpMinUs = 60_000_000;

/** The furthest that a bucket can be pushed back, microseconds: far from what is taken for a clock that jumped. */
export const pushMaxUs = 5_000_000;

/** The same of a narrow bucket. */
export const narrowPushMaxUs = jumpMinUs;

/** How far ahead of now a replica takes slots, microseconds. */
export const horizonUs = 100_000;
export const horizonMs = horizonUs / 1_000;

/** Who takes slots from a bucket besides the asker, and how far ahead. */
export interface Sharing {
  /** How far ahead of now a replica may take slots, microseconds. */
  readonly horizonUs: number;
  /** How many replicas share the bucket, 1 or more. */
  readonly replicas: number;
}

/** What a replica asks of a bucket. */
export interface Demand extends Sharing {
  /** How many slots it could use; 0: none, to see how the bucket is. */
  readonly want: number;
  /** How long a reply may take to reach the replica, microseconds. */
  readonly leadUs: number;
  /**
   * How far ahead of now the tat is by what the replica knows or used on its own, microseconds; negative infinity: it
   * knows nothing. A bucket that was lost goes on from there.
   */
  readonly floorUs: number;
}

/** The slots a bucket gives: `count` of them, `intervalUs` apart. Delays from the bucket's now, never instants. */
export interface Grant {
  readonly count: number;
  /** When the first slot opens; negative when it has been open for a while. */
  readonly opensInUs: number;
  /** When the first slot closes. */
  readonly closesInUs: number;
  readonly intervalUs: number;
}

export const intervalUs = (quota: Quota): number => 1_000_000 / quota.rate;

export const tauUs = (quota: Quota): number => (quota.burst - 1) * intervalUs(quota);

/** How long a slot can be used, microseconds. */
export const windowUs = (quota: Quota): number => Math.max(tauUs(quota), windowMinUs, intervalUs(quota) / 2);

/** How much later than that slots may be used, all together, within the tolerance of promise P1; microseconds. */
export const toleratedUs = (quota: Quota): number =>
  tauUs(quota) + Math.max(windowMinUs, intervalUs(quota)) - windowUs(quota);

/**
 * How long a slot of an idle bucket is kept, microseconds. It is used at once. But the first request of a burst pays for new
 * connections to the Coreapp, so the Coreapp's own count begins late. It would take the requests behind the first for
 * early, unless they come a little later, too.
 */
export const keepUs = 20_000;

/**
 * The lead to ask for, microseconds: what the reply needs to travel, whatever that leaves of the window, or else a slot
 * would be given again and again and be closed each time it arrives; and `keepUs` where that is more, as long as it
 * leaves a small burst a third of its slots to open at once.
 */
export const leadOf = (quota: Quota, keepUs: number, travelUs: number): number =>
  Math.max(Math.min(keepUs, (2 * tauUs(quota)) / 3), travelUs);

/**
 * How far beyond now + tau demand alone can have put the tat, microseconds: each replica has its last slots while it
 * takes the next. After a jump the bucket goes on from there, since whatever lies before may be in a replica's hands.
 */
export const aheadMaxUs = (quota: Quota, { replicas, horizonUs }: Sharing): number =>
  2 * (replicas * intervalUs(quota) + horizonUs);

/**
 * How far ahead of now a tat lies by another interval: what was spent stays spent, and flows back at the new rate. So
 * however often the limit changes, a span of time sees no more than the highest rate and the highest burst allow.
 */
export const convertedUs = (aheadUs: number, fromIntervalUs: number, toIntervalUs: number): number =>
  aheadUs > 0 && fromIntervalUs !== toIntervalUs ? (aheadUs * toIntervalUs) / fromIntervalUs : aheadUs;

/** What a bucket gives, and its tat from then on. */
export interface Reserved {
  readonly tat: number;
  readonly grant: Grant;
}

/** What asking a narrow bucket for tokens came to. */
export type Tried =
  | Taken
  /** @param opensInUs when there will be as many, if nobody else takes one, microseconds from the bucket's now */
  | { readonly taken: false; readonly opensInUs: number };

interface Taken {
  readonly taken: true;
  /** By which they can be given back. */
  readonly mark: number;
  /** When they can't be used any more, microseconds from the bucket's now. */
  readonly closesInUs: number;
  /** When there will be another one, if nobody else takes it; negative: there is. */
  readonly nextInUs: number;
}

/** The tat of a narrow bucket from then on, and what the asker is told. */
interface TryTaken {
  readonly tat: number;
  readonly tried: Tried;
  /** The low point of the bucket that this is (lows.ts), microseconds. */
  readonly lowUs: number;
}

/** How far ahead of now takers, and answers that told of more, can have put the tat of a narrow bucket, microseconds. */
export const furthestUs = (quota: NarrowQuota): number =>
  tauUs(quota) + intervalUs(quota) + (quota.settled?.debtMaxUs ?? 0);

/**
 * Takes tokens of a narrow bucket whose tat lies so far ahead of now, if there are as many now, and nothing else: nobody
 * waits with tokens in hand, so a bucket with a burst of 1 is used as well as one of 45.
 * @param count 1 to the burst
 */
export function tryTake(aheadUs: number, nowUs: number, quota: Quota, leadUs: number, count: number): TryTaken {
  const tau = tauUs(quota);
  const spanUs = (count - 1) * intervalUs(quota);
  if (aheadUs + spanUs > tau) {
    return { tat: nowUs + aheadUs, tried: { taken: false, opensInUs: aheadUs + spanUs - tau }, lowUs: 0 };
  }
  const earliestUs = Math.min(leadUs, tau - spanUs);
  const firstInUs = Math.max(aheadUs, earliestUs);
  return {
    tat: nowUs + firstInUs + count * intervalUs(quota),
    tried: takenFrom(firstInUs, quota, leadUs, count, 0),
    lowUs: Math.max(0, aheadUs - earliestUs),
  };
}

/** What the asker is told of tokens the first of which has its TAT so far ahead of now. */
export function takenFrom(firstInUs: number, quota: Quota, leadUs: number, count: number, mark: number): Taken {
  const tau = tauUs(quota);
  const windowEndsInUs = firstInUs + windowUs(quota) - tau;
  // So many that nothing is left of the window: their answer settles what they come to, however late they are used.
  const closesInUs = count === 1 ? windowEndsInUs : Math.max(windowEndsInUs, leadUs);
  return { taken: true, mark, closesInUs, nextInUs: firstInUs + count * intervalUs(quota) - tau };
}

/** So many more tokens were used than had been taken: a debt, which is paid before anybody gets a token again. */
export function overdrawn(tat: number, nowUs: number, quota: NarrowQuota, count: number): number {
  return Math.max(tat, Math.min(Math.max(tat, nowUs) + count * intervalUs(quota), nowUs + furthestUs(quota)));
}

/** Takes slots from a bucket. */
export function reserve(tat: number, nowUs: number, quota: Quota, demand: Demand): Reserved {
  const furthestUs = tauUs(quota) + aheadMaxUs(quota, demand);
  const knownUs = tat - nowUs > furthestUs + jumpMinUs ? furthestUs : tat - nowUs;
  return reserveFrom(Math.max(knownUs, demand.floorUs), nowUs, quota, demand);
}

/**
 * Takes slots from a bucket whose tat lies `tatInUs` ahead of now.
 *
 * The asker gets its share of what is open now or of the horizon, whichever is more, and always at least one: so no
 * replica starves, and one that dies takes little with it.
 */
export function reserveFrom(tatInUs: number, nowUs: number, quota: Quota, demand: Demand): Reserved {
  const { want, leadUs, horizonUs: horizon, replicas } = demand;
  const interval = intervalUs(quota);
  const tau = tauUs(quota);
  const firstInUs = Math.max(tatInUs, Math.min(leadUs, tau));
  const open = Math.max(0, Math.floor((tau - firstInUs) / interval) + 1);
  const share = Math.max(1, Math.floor(horizon / interval / replicas), Math.ceil(open / replicas));
  const count = Math.min(want, share);
  return { tat: nowUs + firstInUs + count * interval, grant: grantOf(firstInUs, count, quota) };
}

/** The grant whose first TAT lies `firstInUs` ahead of now. */
export function grantOf(firstInUs: number, count: number, quota: Quota): Grant {
  const tau = tauUs(quota);
  const interval = intervalUs(quota);
  return {
    count,
    opensInUs: firstInUs - tau,
    closesInUs: firstInUs + windowUs(quota) - tau,
    intervalUs: interval,
  };
}
