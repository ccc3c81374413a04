/** Limits that count what answers tell, over replicas, in virtual time: nobody uses more than the limit and what is in flight. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Quota } from '../../src/admission/rate/quota.ts';
import type { Collected } from '../../src/exchange/exchange.ts';
import { Fleet, narrowLimit, roomyLimits, WaitingDownstream } from '../support/fleet.ts';

const settle = [{ by: 'body', pointers: [['used']] }] as const;
const tokensOf = (quota: Quota) =>
  narrowLimit('fleet', { ...quota, cost: { estimate: { perByte: 0, plus: [['most']], otherwise: 1 }, settle } });

/** What a request says that it will use at most, and what it does use; null: its answer does not tell. */
interface Wish {
  readonly most: number;
  readonly used: number | null;
}

const bodyOf = (wish: Wish): { fields: string[]; body: Buffer } => ({
  fields: ['Content-Type', 'application/json'],
  body: Buffer.from(JSON.stringify(wish)),
});
const wishOf = ({ body }: Collected): Wish => JSON.parse((body as Buffer).toString()) as Wish;

interface Use {
  readonly at: number;
  readonly takenAt: number;
  readonly endsAt: number;
  readonly charged: number;
  readonly used: number;
}

/** By how many tokens the worst window breaks `burst + rate × w`. */
function worstOf(quota: Quota, uses: readonly Use[]): number {
  let sum = 0;
  let lowest = Number.POSITIVE_INFINITY;
  let worst = Number.NEGATIVE_INFINITY;
  for (const { at, used } of [...uses].sort((a, b) => a.at - b.at)) {
    const refilled = (quota.rate * at) / 1_000;
    lowest = Math.min(lowest, sum - refilled);
    sum += used;
    worst = Math.max(worst, sum - refilled - lowest);
  }
  return worst - quota.burst;
}

/**
 * By how much those that are in flight at one time use more than they were charged, at most. To the bucket they are from
 * when it gave their tokens until it is told what they used.
 */
function inFlightMax(uses: readonly Use[]): number {
  const short = ({ used, charged }: Use): number => Math.max(0, used - charged);
  return Math.max(
    ...uses.map(({ takenAt: at }) =>
      uses.filter((one) => one.takenAt <= at && one.endsAt >= at).reduce((sum, one) => sum + short(one), 0),
    ),
  );
}

const wishes = fc.array(
  fc.record({
    pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 })),
    replica: fc.nat(3),
    most: fc.integer({ min: 1, max: 300 }),
    /** Of what it said. */
    part: fc.oneof(
      fc.constant(null),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 1, max: 4, noNaN: true }),
    ),
  }),
  { minLength: 1, maxLength: 80 },
);

describe('what answers tell', () => {
  it('is never more, in any window, than the limit and what is in flight', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ rate: fc.integer({ min: 20, max: 2_000 }), burst: fc.integer({ min: 1, max: 1_000 }) }),
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 5, noNaN: true }),
        fc.integer({ min: 0, max: 900 }),
        wishes,
        async (quota, replicas, oneWayMs, serviceMs, all) => {
          const limits = { ...roomyLimits({ rate: 1_000, burst: 1_000 }), also: [tokensOf(quota)] };
          const uses: Use[] = [];
          const usedBy = (request: Collected): number | null => wishOf(request).used;
          const fleet = new Fleet({ limits, replicas, oneWayMs: () => oneWayMs, serviceMs, usedBy });
          for (const [i, { pauseMs, replica, most, part }] of all.entries()) {
            await fleet.clock.advance(pauseMs);
            const wish = { most, used: part === null ? null : Math.round(part * most) };
            void fleet.arrive(replica % replicas, String(i), new WaitingDownstream(), bodyOf(wish));
          }
          await fleet.clock.advance(1_000 * ((4 * 300 * all.length) / quota.rate) + 600_000);
          expect(fleet.refused).toEqual([]);
          expect(fleet.sent).toHaveLength(all.length);
          for (const { at, caller } of fleet.sent) {
            const { most, part } = all[Number(caller)] as (typeof all)[number];
            const charged = Math.min(quota.burst, most);
            const used = part === null ? charged : Math.round(part * most);
            // Settled where the bucket is once the answer, and then the message of it, have come.
            uses.push({ at, takenAt: at - oneWayMs, endsAt: at + serviceMs + oneWayMs, charged, used });
          }
          const late = (quota.rate * oneWayMs) / 1_000;
          const most = inFlightMax(uses) + Math.max(1, 0.005 * quota.rate) + late + 1e-6;
          expect(worstOf(quota, uses)).toBeLessThanOrEqual(most);
          for (const gates of fleet.gates) expect(gates.lanes?.size).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is there for others at once, where it is less than was charged', async () => {
    const quota = { rate: 10, burst: 1_000 };
    const limits = { ...roomyLimits({ rate: 1_000, burst: 1_000 }), also: [tokensOf(quota)] };
    for (const replicas of [1, 2]) {
      const fleet = new Fleet({
        limits,
        replicas,
        oneWayMs: () => 1,
        serviceMs: 100,
        usedBy: (one) => wishOf(one).used,
      });
      // Each is charged half of what there is and uses a hundredth of that.
      for (let i = 0; i < 20; i++) {
        void fleet.arrive(i % replicas, String(i), new WaitingDownstream(), bodyOf({ most: 500, used: 5 }));
      }
      // Without what is given back it would take 900 s; two are in flight at a time.
      await fleet.clock.advance(6_000);
      expect(fleet.sent).toHaveLength(20);
    }
  });

  it('costs one call a request, and one to settle it, where nobody waits', async () => {
    const quota = { rate: 100_000, burst: 1_000_000 };
    const limits = { ...roomyLimits({ rate: 1_000, burst: 1_000 }), also: [tokensOf(quota)] };
    const fleet = new Fleet({
      limits,
      replicas: 2,
      oneWayMs: () => 1,
      serviceMs: 30,
      usedBy: (one) => wishOf(one).used,
    });
    for (let i = 0; i < 200; i++) {
      void fleet.arrive(i % 2, String(i), new WaitingDownstream(), bodyOf({ most: 500, used: i % 4 === 0 ? 500 : 40 }));
      await fleet.clock.advance(10);
    }
    await fleet.clock.advance(1_000);
    expect(fleet.store.tries).toBe(200);
    // A quarter had used what they were charged.
    expect(fleet.store.settlements).toBe(150);
  });
});
