/** Promises P1 and P2 (docs/reference/promises.md) while signals pause the bucket, over all replicas; in virtual time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Signal } from '../../src/exchange/signal.ts';
import { excess, Fleet, roomyLimits, tolerance } from '../support/fleet.ts';

const quotas = fc.record({ rate: fc.integer({ min: 5, max: 300 }), burst: fc.integer({ min: 1, max: 200 }) });
const replicas = fc.integer({ min: 1, max: 5 });
/** One way, milliseconds. */
const trips = fc.double({ min: 0, max: 3, noNaN: true });
const signals = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 1, max: 4_000 }),
    replica: fc.nat(4),
    of: fc.constantFrom<Signal['of'][]>('bucket', 'class'),
    pauseMs: fc.oneof(fc.integer({ min: 1, max: 4_000 }), fc.integer({ min: 4_000, max: 30_000 })),
  }),
  { minLength: 1, maxLength: 4 },
);

/** What a replica may still send that has not heard of it: a horizon's worth, the slot that it may always have, the next. */
const held = (rate: number, count: number): number => 0.1 * rate + 2 * count;

describe('While signals pause the bucket,', () => {
  it('the limit holds in every window (P1), nobody goes meanwhile, and it is used up before and after (P2)', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, replicas, trips, signals, async (quota, count, oneWayMs, said) => {
        const fleet = new Fleet({ limits: roomyLimits(quota), replicas: count, oneWayMs: () => oneWayMs });
        const { clock, sent } = fleet;
        const openMs = 10_000 + said.reduce((sum, { afterMs }) => sum + afterMs, 0);
        for (let i = 0; i < 2 * (quota.burst + (quota.rate * openMs) / 1_000) + 10; i++) void fleet.arrive(i % count);
        let pausedMs = 0;
        let unused = 0;
        // A replica that has sent nothing yet can have been told nothing.
        await clock.advance(1_000);
        for (const { afterMs, replica, of, pauseMs } of said) {
          await clock.advance(afterMs);
          const meets = fleet.slots[replica % count] ?? fleet.slots.find((slots) => slots !== undefined);
          const began = clock.now();
          meets?.signalled({ of, pauseMs, bulk: false, as: null });
          await clock.advance(Math.max(0, pauseMs - 0.001));
          expect(sent.filter(({ at }) => at > began).length).toBeLessThanOrEqual(held(quota.rate, count));
          pausedMs += pauseMs;
          unused += held(quota.rate, count);
        }
        await clock.advance(10_000);
        const instants = sent.map(({ at }) => at);
        expect(excess(quota, instants)).toBeLessThanOrEqual(tolerance(quota));
        const used = quota.rate * ((clock.now() - pausedMs) / 1_000);
        expect(sent.length).toBeGreaterThanOrEqual(0.98 * used - unused);
        expect(fleet.refused).toEqual([]);
      }),
      {
        numRuns: 40,
        // A trip is as long as a slot is wide: the first ones come too late.
        examples: [
          [{ rate: 167, burst: 1 }, 1, 2.9940119760479154, [{ afterMs: 1, replica: 0, of: 'bucket', pauseMs: 4_000 }]],
        ],
      },
    );
  });

  it('none wait in vain in any replica, and all of the others are served', async () => {
    const holdMaxMs = 10_000;
    const pauses = fc.integer({ min: 11_000, max: 3_600_000 });
    await fc.assert(
      fc.asyncProperty(quotas, replicas, trips, pauses, async (quota, count, oneWayMs, pauseMs) => {
        const limits = { ...roomyLimits(quota), holdMaxMs };
        const fleet = new Fleet({ limits, replicas: count, oneWayMs: () => oneWayMs });
        const { clock, sent, refused } = fleet;
        void fleet.arrive(0);
        await clock.advance(100);
        const demand = quota.burst + 4 * quota.rate;
        for (let i = 0; i < demand; i++) void fleet.arrive(i % count);
        fleet.slots[0]?.signalled({ of: 'bucket', pauseMs, bulk: false, as: null });
        const began = clock.now();
        // A message's way, and the moment that a try at the store takes.
        await clock.advance(10 * oneWayMs + 100);
        expect(sent.length + refused.length).toBe(demand + 1);
        void fleet.arrive(count - 1);
        await clock.advance(0);
        expect(sent.length + refused.length).toBe(demand + 2);
        await clock.run(began + pauseMs - holdMaxMs / 2);
        const before = sent.length;
        for (let i = 0; i < count; i++) void fleet.arrive(i);
        await clock.advance(holdMaxMs);
        expect(sent.length).toBe(before + count);
      }),
      { numRuns: 30 },
    );
  });
});
