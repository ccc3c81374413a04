/** How often the shared store is asked, in virtual time with a round trip of 0.3 ms: what a request costs Redis. */
import { describe, expect, test } from 'vitest';
import { Fleet, roomyLimits } from '../support/fleet.ts';

const settleMs = 1_000;

/** Calls for each request that was sent, once the burst and the first estimates are over. */
async function callsPerRequest(rate: number, burst: number, replicas: number, load: number): Promise<number> {
  const seconds = Math.max(2, 1_000 / rate);
  const fleet = new Fleet({ limits: roomyLimits({ rate, burst }), replicas, oneWayMs: () => 0.15 });
  const arrivals = rate * load * (seconds + settleMs / 1_000);
  for (let i = 0; i < arrivals; i++) {
    fleet.clock.after((i * 1_000) / (rate * load), () => void fleet.arrive(i % replicas));
  }
  await fleet.clock.advance(settleMs);
  const before = { calls: fleet.store.calls, sent: fleet.sent.length };
  await fleet.clock.advance(seconds * 1_000);
  const sent = fleet.sent.length - before.sent;
  expect(sent).toBeGreaterThanOrEqual(0.98 * rate * Math.min(load, 1) * seconds);
  return (fleet.store.calls - before.calls) / sent;
}

describe('A request asks the store', () => {
  test.each<[rate: number, burst: number, replicas: number, load: number, atMost: number]>([
    // rate   burst  replicas  load  calls a request
    [50, 1, 1, 2, 0.25],
    [50, 1, 2, 2, 0.55],
    [50, 1, 4, 2, 1.05],
    [50, 150, 2, 0.5, 1.05],
    [50, 150, 2, 0.1, 1.05],
    [10_000, 1, 2, 1.5, 0.05],
    [10_000, 300, 2, 1.5, 0.05],
    [10_000, 30_000, 2, 0.5, 0.05],
    // Arrivals 4 ms apart in each replica: the slots of an idle bucket, which close after 20 ms, are for five of them.
    [10_000, 30_000, 4, 0.1, 0.35],
  ])('at %i/s with bursts of %i, %i replicas and %d times the rate offered at most %d times', async (...row) => {
    const [rate, burst, replicas, load, atMost] = row;
    expect(await callsPerRequest(rate, burst, replicas, load)).toBeLessThanOrEqual(atMost);
  });
});
