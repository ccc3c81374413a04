/**
 * Promises P1 and P2 for a fleet of real processes on one Redis, four times the limits offered, counted by the simulator,
 * whose own limits are out of the way.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { horizonMs } from '../../src/model/lease.ts';
import { jain } from '../support/fleet.ts';
import { classes, RunningFleet } from '../support/running-fleet.ts';
import { until } from '../support/until.ts';
import { judge, type Offence, offencesAgainst } from '../support/witness.ts';

const timeout = 120_000;

async function overloaded(fleet: RunningFleet): Promise<Offence[]> {
  const counted = await fleet.overload(6_000);
  return counted.flatMap(({ name, quota, sent, seconds, shares }) => {
    const offences = offencesAgainst(quota, name, sent);
    const used = sent.length / (quota.burst + quota.rate * seconds);
    if (used < 0.995) offences.push({ says: `${name}: ${used.toFixed(4)} used`, excusable: true });
    if (jain(shares) < 0.99) offences.push({ says: `${name}: shares of ${shares.join()}`, excusable: true });
    return offences;
  });
}

describe('A fleet that is asked for four times its limits', () => {
  let fleet: RunningFleet;
  beforeAll(async () => {
    fleet = await RunningFleet.start();
  });
  afterAll(() => fleet[Symbol.asyncDispose]());

  it.for([1, 2, 4, 8])(
    'of %i replicas keeps them, uses them up and shares them evenly',
    { timeout },
    async (count, context) => {
      await fleet.grow(count);
      expect(await judge(context, () => overloaded(fleet))).toEqual([]);
    },
  );

  it('serves whoever is alone at a replica, while thousands stand in line at another', { timeout }, async (context) => {
    await fleet.grow(8);
    expect(await judge(context, () => aloneBesideThousands(fleet))).toEqual([]);
  });
});

/** Who waited longer than twice the horizon; his turn is one interval after the slots that are taken already. */
async function aloneBesideThousands(fleet: RunningFleet): Promise<Offence[]> {
  const { quota, path } = classes.messages;
  const [busy, ...quiet] = fleet.urls as [string, ...string[]];
  const before = (await fleet.simulator.arrivals('messages')).length;
  const crowd = fleet.ask({ path, atOnce: 2_500, ratePerS: 4 * quota.rate, ms: 7_000 }, [busy]);
  const burstIsOver = async () => (await fleet.simulator.arrivals('messages')).length > before + quota.burst + 20;
  await until(burstIsOver, { what: 'the end of the burst', deadlineMs: 20_000 });
  const waits: number[] = [];
  for (const url of quiet) {
    const askedAt = performance.now();
    await fleet.post(url, path);
    waits.push(performance.now() - askedAt);
  }
  const { asked, answered } = await crowd;
  expect(asked - Object.values(answered[0] ?? {}).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2_000);
  return waits
    .filter((ms) => ms > 2 * horizonMs + 1_000 / quota.rate)
    .map((ms) => ({ says: `${Math.round(ms)} ms in line`, excusable: true }));
}

describe('Replicas whose clocks are two hours apart, and jump by an hour each second,', () => {
  it('keep the limits, use them up and share them evenly all the same', { timeout }, async (context) => {
    await using fleet = await RunningFleet.start();
    const preload = `--import ${new URL('../support/shifted-date.ts', import.meta.url)}`;
    const dates = [-3_600_000, 3_600_000].map((ms) => ({ NODE_OPTIONS: preload, DATE_SHIFT_MS: `${ms}` }));
    await fleet.grow(2, dates);
    const [one, other] = await Promise.all(fleet.replicas.map(({ url }) => fleet.dateAt(url)));
    expect((other as number) - (one as number)).toBeGreaterThan(3_500_000);
    expect(await judge(context, () => overloaded(fleet))).toEqual([]);
  });
});
