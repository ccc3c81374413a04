/** What the scripts of the buckets are told and what they answer; the heads of the Lua files list the same. */
import type { Quota } from '../../admission/rate/quota.ts';
import { type Demand, intervalUs, jumpMinUs, type Sharing, tauUs } from '../../admission/rate/slots.ts';

/** Stands for "never" where Lua reads a number. */
export const neverUs = -1e18;

/**
 * What the bucket's clock should show when it is asked, by what it showed last and the replica's own clock since then.
 *
 * The call travels for a while that the replica cannot know, so the bucket's now is later than expected, or earlier
 * where the last call travelled longer. A difference up to `slackUs` is taken for that, and the floor counts from the
 * expected now. The floor is then exactly the tat that the bucket told last, and a call that travels longer than the
 * one before does not push the tat ahead. A larger difference means that the bucket's clock was set, or that another
 * clock has taken its place. The floor then counts from now, since only how far ahead the tat was means anything there.
 * If it was set back, a tat further ahead than demand can have put it comes from before that.
 */
interface Expected {
  readonly nowUs: number;
  readonly slackUs: number;
}

/** What a replica asks of a bucket in Redis. */
export interface Asked extends Demand {
  /** Not there: the replica has no idea of the bucket's clock. */
  readonly expected?: Expected;
}

/** What a replica used on its own, while the others may have gone on with the bucket. */
export interface Apart {
  /** How many slots. */
  readonly slots: number;
  /** How far ahead of now the tat was when the bucket told it last, microseconds. */
  readonly toldInUs: number;
  /** How many slots the bucket had given by then. */
  readonly toldGiven: number;
}

/**
 * The most that slots used apart may hold the others up, microseconds. Slots that a replica used on its own for a
 * moment are made up for. Those of an hour are not: the Coreapp has refused the surplus long since, and nothing is left
 * to make up for.
 */
export const debtMaxUs = 500_000;

export const nothingApart: Apart = { slots: 0, toldInUs: neverUs, toldGiven: 0 };

/** ARGV of `push-back.lua`, up to the optional now. */
export function pushBackArguments(quota: Quota, { horizonUs: horizon, replicas }: Sharing, byUs: number): number[] {
  return [intervalUs(quota), tauUs(quota), byUs, horizon, replicas, jumpMinUs];
}

/** ARGV of `reserve.lua`, up to the optional now. */
export function reserveArguments(quota: Quota, asked: Asked, apart = nothingApart): number[] {
  const { want, leadUs, horizonUs: horizon, replicas, floorUs, expected } = asked;
  const { nowUs, slackUs } = expected ?? { nowUs: neverUs, slackUs: 0 };
  const floor = Math.max(floorUs, neverUs);
  const { slots, toldInUs, toldGiven } = apart;
  const always = [intervalUs(quota), tauUs(quota), want, leadUs, horizon, replicas, jumpMinUs];
  return [...always, floor, nowUs, slackUs, slots, toldInUs, toldGiven, debtMaxUs];
}

/** What the script returns. Something else may answer there, and answer anything. */
export function readReply(reply: unknown, want: number) {
  const numbers = Array.isArray(reply) ? reply.map(Number) : [];
  const [count = Number.NaN, delayUs = 0, nowUs = 0, given = 0, replicas = 0] = numbers;
  const isCount = Number.isInteger(count) && count >= Math.min(1, want) && count <= want;
  if (isCount && Number.isFinite(delayUs + nowUs + given + replicas)) return { count, delayUs, nowUs, given, replicas };
  throw new Error(`the reply is not one that Weir’s script gives: ${String(JSON.stringify(reply)).slice(0, 80)}`);
}
