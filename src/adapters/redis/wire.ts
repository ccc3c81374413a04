/** What the scripts of the buckets are told and what they answer; the heads of the Lua files list the same. */
import type { Quota } from '../../admission/rate/quota.ts';
import type { Demand, Sharing } from '../../admission/rate/slots.ts';
import { type Apart, debtMaxUs, intervalUs, jumpMinUs, tauUs } from '../../admission/rate/slots.ts';

/** Stands for "never" where Lua reads a number. */
export const neverUs = -1e18;

const nothingApart: Omit<Apart, 'given'> = { slots: 0, toldInUs: neverUs, toldGiven: 0 };

/** ARGV of `push-back.lua`, up to the optional now. */
export function pushBackArguments(quota: Quota, { horizonUs: horizon, replicas }: Sharing, byUs: number): number[] {
  return [intervalUs(quota), tauUs(quota), byUs, horizon, replicas, jumpMinUs];
}

/** ARGV of `reserve.lua`, up to the optional now. */
export function reserveArguments(quota: Quota, demand: Demand, apart = nothingApart): number[] {
  const { want, leadUs, horizonUs: horizon, replicas, floorUs, expected } = demand;
  const { nowUs, slackUs } = expected ?? { nowUs: neverUs, slackUs: 0 };
  const floor = Math.max(floorUs, neverUs);
  const { slots, toldInUs, toldGiven } = apart;
  const asked = [intervalUs(quota), tauUs(quota), want, leadUs, horizon, replicas, jumpMinUs];
  return [...asked, floor, nowUs, slackUs, slots, toldInUs, toldGiven, debtMaxUs];
}

/** What the script returns. Something else may answer there, and answer anything. */
export function readReply(reply: unknown, want: number) {
  const [count = Number.NaN, delayUs = 0, nowUs = 0, given = 0] = Array.isArray(reply) ? reply.map(Number) : [];
  const isCount = Number.isInteger(count) && count >= Math.min(1, want) && count <= want;
  if (isCount && Number.isFinite(delayUs + nowUs + given)) return { count, delayUs, nowUs, given };
  throw new Error(`the reply is not one that Weir’s script gives: ${String(JSON.stringify(reply)).slice(0, 80)}`);
}
