/**
 * Promise P1 for a fleet of real processes on one Redis that is asked for far more than its limits, counted by the simulator,
 * whose own limits are out of the way. Here is what holds however slow the machine is. How much of the limits is used, how
 * evenly replicas share them and how long anybody waits are measured by `npm run bench:fleet`, and shown in virtual time by
 * test/property/limit.test.ts and test/spec/shares.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { excessSince, tolerance } from '../support/fleet.ts';
import { type CountedClass, pathOf, RunningFleet } from '../support/running-fleet.ts';
import { until } from '../support/until.ts';

const messages: CountedClass = { name: 'messages', quota: { rate: 50, burst: 60 } };
const contacts: CountedClass = { name: 'contacts', quota: { rate: 1_000, burst: 1_000 } };
/** So narrow that a crowd stands in line for minutes. */
const media: CountedClass = { name: 'media', quota: { rate: 10, burst: 10 } };

const preload = `--import ${new URL('../support/shifted-date.ts', import.meta.url)}`;
const dates = [-3_600_000, 3_600_000].map((ms) => ({ NODE_OPTIONS: preload, DATE_SHIFT_MS: `${ms}` }));

describe('A fleet whose replicas’ dates are two hours apart, and jump by an hour each second,', () => {
  let fleet: RunningFleet;
  beforeAll(async () => {
    fleet = await RunningFleet.counting([messages, contacts, media]);
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  it.each([1, 2, 8])('of %i, answers everybody, and sends nothing before there is a slot for it', async (count) => {
    await fleet.grow(count, dates);
    if (count === 2) {
      const [one, other] = await Promise.all(fleet.urls.map((url) => fleet.dateAt(url)));
      expect((other as number) - (one as number)).toBeGreaterThan(3_500_000);
    }
    await Promise.all([messages, contacts].map((counted) => overloaded(fleet, counted)));
    expect(await fleet.simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
  });

  it('serves whoever is alone at a replica, while hundreds stand in line at another', async () => {
    const [busy, ...quiet] = fleet.replicas;
    if (busy === undefined) throw new Error('There is no replica.');
    await using _ = fleet.crowdAt(busy, { path: pathOf(media), atOnce: 1_000, ratePerS: 0, ms: null });
    const isOverloaded = async () => (await fleet.arrivals(media)).length > media.quota.burst + 5;
    await until(isOverloaded, { what: 'the end of the burst' });
    for (const { url } of quiet) await fleet.post(url, pathOf(media));
    expect(await fleet.inLine(busy, media)).toBeGreaterThan(0);
  });
});

/** More at once than there are slots for in a second after the burst. */
async function overloaded(fleet: RunningFleet, counted: CountedClass): Promise<void> {
  const { quota } = counted;
  const atOnce = quota.burst + quota.rate;
  const before = (await fleet.arrivals(counted)).length;
  const { atMs: since } = (await fleet.simulator.seen()).jobs;
  const { answered } = await fleet.ask({ path: pathOf(counted), atOnce, ratePerS: 0, ms: null });
  const statuses = new Set(answered.flatMap((statuses) => Object.keys(statuses)));
  expect([...statuses].filter((status) => !/^20[01]$/.test(status))).toEqual([]);
  const arrivals = (await fleet.arrivals(counted)).slice(before);
  expect(arrivals).toHaveLength(atOnce);
  expect(excessSince(quota, since, arrivals)).toBeLessThanOrEqual(tolerance(quota));
}
