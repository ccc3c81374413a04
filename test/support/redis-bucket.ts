/**
 * What `reserve.lua` does, in this process: the reference that it is compared with. `admission/rate/slots.ts` has most of
 * it. The rest is about replicas: each has a clock of its own, and may have used slots apart from the bucket.
 */
import { beatMs } from '../../src/adapters/redis/replicas.ts';
import { type Apart, type Asked, debtMaxUs, nothingApart } from '../../src/adapters/redis/script-arguments.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import {
  aheadMaxUs,
  convertedUs,
  intervalUs,
  jumpMinUs,
  pushMaxUs,
  type Reserved,
  reserveFrom,
  type Sharing,
  tauUs,
} from '../../src/admission/rate/slots.ts';

/** What Redis keeps of a bucket. */
export interface Stored {
  readonly tat: number;
  /** How many slots it has given, and been told of. */
  readonly given: number;
  /** The most replicas that an asker has counted of late, and until when that holds, microseconds. */
  readonly most: number;
  readonly mostUntil: number;
  /** The interval by which the tat was reckoned, microseconds; null: none is known. */
  readonly intervalUs: number | null;
  /** How far ahead of now the tat may be by the limits that there were, besides what askers take, microseconds. */
  readonly reachUs: number;
}

/** A bucket that nobody has used yet was last busy never. */
export const unused: Stored = {
  tat: Number.NEGATIVE_INFINITY,
  given: 0,
  most: 0,
  mostUntil: Number.NEGATIVE_INFINITY,
  intervalUs: null,
  reachUs: 0,
};

/** How long what an asker has counted holds: until the others' next beat, microseconds. */
const beatUs = 1_000 * beatMs;

export function reserveInRedis(
  stored: Stored,
  nowUs: number,
  quota: Quota,
  asked: Asked,
  apart: Apart = nothingApart,
): Reserved & Stored {
  const interval = intervalUs(quota);
  const lateUs = asked.expected === undefined ? Number.POSITIVE_INFINITY : nowUs - asked.expected.nowUs;
  const slackUs = asked.expected?.slackUs ?? 0;
  const { aheadUs, reachUs } = aheadBy(quota, stored, nowUs, asked, lateUs < -slackUs ? 0 : jumpMinUs);
  const furthestUs = reachUs + aheadMaxUs(quota, asked);
  const floorUs = Math.max(asked.floorUs, usedApartUs(stored, quota, apart, furthestUs));
  const tatInUs = Math.max(aheadUs, floorUs - (Math.abs(lateUs) <= slackUs ? lateUs : 0));
  const reserved = reserveFrom(tatInUs, nowUs, quota, asked);
  return {
    ...reserved,
    given: stored.given + apart.slots + reserved.grant.count,
    ...counted(stored, nowUs, asked),
    intervalUs: interval,
    reachUs: Math.max(tauUs(quota), Math.min(reachUs, reserved.tat - nowUs)),
  };
}

/** Pushes a bucket back: its next slot opens `byUs` from now or later. It is empty then, as whoever asked for it is. */
export function pushBack(tat: number, nowUs: number, quota: Quota, sharing: Sharing, byUs: number): number {
  const furthest = nowUs + tauUs(quota) + aheadMaxUs(quota, sharing);
  const known = tat > furthest + jumpMinUs ? furthest : tat;
  return Math.max(known, nowUs + tauUs(quota) + Math.min(byUs, pushMaxUs));
}

export function pushBackInRedis(stored: Stored, nowUs: number, quota: Quota, sharing: Sharing, byUs: number): Stored {
  const { aheadUs, reachUs } = aheadBy(quota, stored, nowUs, sharing, jumpMinUs);
  const tat = Math.max(nowUs + aheadUs, nowUs + tauUs(quota) + byUs);
  const intervalNow = intervalUs(quota);
  return { ...stored, tat, intervalUs: intervalNow, reachUs: Math.max(tauUs(quota), Math.min(reachUs, tat - nowUs)) };
}

/**
 * How far ahead of now the tat is by that limit, whichever it was stored by: what was spent stays spent. If it is
 * further ahead than it can be by `jumpUs`, it comes from another clock.
 */
function aheadBy(quota: Quota, stored: Stored, nowUs: number, sharing: Sharing, jumpUs: number) {
  const interval = intervalUs(quota);
  const was = stored.intervalUs ?? interval;
  const reachWas = stored.intervalUs === null ? tauUs(quota) : stored.reachUs;
  const furthestWas = reachWas + 2 * (sharing.replicas * was + sharing.horizonUs);
  const ahead = stored.tat - nowUs;
  const known = ahead > furthestWas + jumpUs ? furthestWas : ahead;
  const reach = was === interval ? reachWas : (reachWas * interval) / was;
  return { aheadUs: convertedUs(known, was, interval), reachUs: Math.max(tauUs(quota), reach) };
}

function counted({ most, mostUntil }: Stored, nowUs: number, { replicas }: Asked): Pick<Stored, 'most' | 'mostUntil'> {
  const holds = mostUntil > nowUs && mostUntil <= nowUs + beatUs;
  return holds && most > replicas ? { most, mostUntil } : { most: replicas, mostUntil: nowUs + beatUs };
}

/**
 * How far ahead of now the tat is by all that has been used since it was told: what the bucket has given since then, and
 * what the replica used apart from it. Where the others went on with the bucket, only that tells of both. (Where all
 * were alone, the bucket gave nothing, and the floor says more.)
 */
function usedApartUs(
  { given }: Stored,
  quota: Quota,
  { slots, toldInUs, toldGiven }: Apart,
  furthestUs: number,
): number {
  if (slots === 0) return Number.NEGATIVE_INFINITY;
  const used = toldInUs + (Math.max(0, given - toldGiven) + slots) * intervalUs(quota);
  return Math.min(used, furthestUs + debtMaxUs);
}
