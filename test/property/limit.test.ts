/** Promises P1 and P2 (docs/reference/promises.md): random quotas, arrivals, replicas, round trips; in virtual time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowUs } from '../../src/admission/rate/slots.ts';
import type { Replay } from '../../src/exchange/outcome.ts';
import { slotsGivenUpMax } from '../../src/upstream/attempt.ts';
import { dice } from '../support/dice.ts';
import { DriftingClock } from '../support/drifting-clock.ts';
import { Fleet, messageFrom, roomyLimits, tolerance, WaitingDownstream } from '../support/fleet.ts';

const quotas = fc.record({
  rate: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.double({ min: 0.5, max: 50, noNaN: true })),
  burst: fc.integer({ min: 1, max: 500 }),
});
const replicas = fc.integer({ min: 1, max: 5 });
/** One way, milliseconds. */
const ways = fc.double({ min: 0, max: 40, noNaN: true });
/** Pauses between requests, milliseconds: bursts and silences. */
const arrivals = fc.array(
  fc.record({
    pauseMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 5, noNaN: true }), fc.integer({ min: 0, max: 2_000 })),
    replica: fc.nat(4),
  }),
  { minLength: 1, maxLength: 300 },
);

const trips = fc.double({ min: 0, max: 3, noNaN: true });
const smallBursts = fc.record({ rate: fc.integer({ min: 20, max: 2_000 }), burst: fc.integer({ min: 1, max: 60 }) });

/** Milliseconds: from `min` to `usual`, and one in twenty from there to `max`. */
const delays = (min: number, usual: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(
    fc.oneof(
      { arbitrary: fc.double({ min, max: usual, noNaN: true }), weight: 19 },
      { arbitrary: fc.double({ min: usual, max, noNaN: true }), weight: 1 },
    ),
    { minLength: 100, maxLength: 400, size: 'max' },
  );

describe('the limit, over all replicas', () => {
  it('holds in every window (P1), and whoever waits is served', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, replicas, ways, arrivals, async (quota, count, oneWayMs, requests) => {
        const fleet = new Fleet({ limits: roomyLimits(quota), replicas: count, oneWayMs: () => oneWayMs });
        for (const { pauseMs, replica } of requests) {
          await fleet.clock.advance(pauseMs);
          void fleet.arrive(replica % count);
        }
        await fleet.clock.advance((requests.length / quota.rate) * 2_000 + 10_000);
        expect(fleet.sent).toHaveLength(requests.length);
        expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
      }),
      { numRuns: 150 },
    );
  });

  it('is used to 99.5 % while anybody waits (P2)', async () => {
    const fastEnough = fc.record({
      rate: fc.integer({ min: 20, max: 1_000 }),
      burst: fc.integer({ min: 1, max: 400 }),
    });
    await fc.assert(
      fc.asyncProperty(fastEnough, replicas, trips, async (quota, count, oneWayMs) => {
        // So many requests that what is lost at the beginning counts for little, and not many more.
        const seconds = Math.max(8, 600 / quota.rate);
        const fleet = new Fleet({ limits: roomyLimits(quota), replicas: count, oneWayMs: () => oneWayMs });
        const demand = 2 * (quota.burst + quota.rate * seconds);
        for (let i = 0; i < demand; i++) void fleet.arrive(i % count);
        await fleet.clock.advance(seconds * 1_000);
        // Until it is known how long a trip takes, slots may come too late whose windows are no wider than that.
        const beginningS = 2 * oneWayMs < windowUs(quota) / 1_000 ? 0 : 0.1;
        const used = 0.995 * (quota.burst + quota.rate * (seconds - beginningS));
        expect(fleet.sent.length).toBeGreaterThanOrEqual(used);
        expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
      }),
      { numRuns: 12 },
    );
  });

  it('rests everywhere when one replica meets a 429, but for what the others hold already', async () => {
    const pauses = fc.integer({ min: 500, max: 5_000 });
    const busy = fc.record({ rate: fc.integer({ min: 5, max: 300 }), burst: fc.integer({ min: 1, max: 200 }) });
    await fc.assert(
      fc.asyncProperty(busy, fc.integer({ min: 2, max: 5 }), trips, pauses, async (quota, count, oneWayMs, pauseMs) => {
        const fleet = new Fleet({ limits: roomyLimits(quota), replicas: count, oneWayMs: () => oneWayMs });
        for (let i = 0; i < 2 * (quota.burst + quota.rate * 5); i++) void fleet.arrive(i % count);
        await fleet.clock.run(3_000);
        const [met] = fleet.gates;
        const replay: Replay = { kind: 'replay', reason: 'throttled', pauseMs, otherwise: null };
        met?.readmit(messageFrom('a'), new WaitingDownstream(), replay, { settle() {} });
        await fleet.clock.run(3_000 + pauseMs - 0.001);
        const meanwhile = fleet.sent.filter(({ at }) => at > 3_000);
        expect(meanwhile.filter(({ replica }) => replica === 0)).toEqual([]);
        // A horizon's worth, and the slot that each may always have and the next.
        expect(meanwhile.length).toBeLessThanOrEqual(0.1 * quota.rate + 2 * count);
        expect(fleet.store.pushes).toBe(1);
        const before = fleet.sent.length;
        await fleet.clock.advance(1_000);
        expect(fleet.sent.length - before).toBeGreaterThanOrEqual(0.9 * quota.rate - count);
      }),
      { numRuns: 30 },
    );
  });

  it('holds with a store whose replies stall now and then', async () => {
    // Ways of a local network, of which one in twenty takes up to 40 ms more: a replica, or a server, that was busy.
    const stalls = delays(0.1, 0.5, 40);
    await fc.assert(
      fc.asyncProperty(smallBursts, replicas, stalls, async (quota, count, trips) => {
        let trip = 0;
        const oneWayMs = () => trips[trip++ % trips.length] as number;
        const fleet = new Fleet({ limits: roomyLimits(quota), replicas: count, oneWayMs });
        for (let i = 0; i < 2 * (quota.burst + quota.rate * 2); i++) void fleet.arrive(i % count);
        await fleet.clock.advance(2_000);
        expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
      }),
      // A run is replayed by its seed and path; making it smaller takes minutes.
      { numRuns: 25, endOnFailure: true },
    );
  });

  it('holds by the moments at which requests are written, however long it takes from the slot to that', async () => {
    // One in twenty has to wait: for a connection, or for a processor.
    const stalls = delays(0, 0.3, 60);
    await fc.assert(
      fc.asyncProperty(smallBursts, replicas, trips, stalls, async (quota, count, oneWayMs, ways) => {
        let way = 0;
        const wayMs = () => ways[way++ % ways.length] as number;
        const fleet = new Fleet({ limits: roomyLimits(quota), replicas: count, oneWayMs: () => oneWayMs, wayMs });
        const requests = quota.burst + quota.rate;
        for (let i = 0; i < requests; i++) void fleet.arrive(i % count);
        await fleet.clock.advance(4_000);
        expect(fleet.sent).toHaveLength(requests);
        // One that has met so many long ways in a row is sent with the next slot, however late that is.
        const late = fleet.sent.filter(({ at, closesAt, gaveUp }) => at > closesAt && gaveUp < slotsGivenUpMax);
        expect(late).toEqual([]);
        expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
      }),
      { numRuns: 25 },
    );
  });

  it('holds and is used up whatever the replicas’ clocks say, and however they drift', async () => {
    const clocks = fc.record({
      offsetMs: fc.integer({ min: -1e10, max: 1e10 }),
      // Twice what NTP lets a clock run fast or slow.
      drift: fc.double({ min: -1e-3, max: 1e-3, noNaN: true }),
    });
    const any = fc.record({ rate: fc.integer({ min: 20, max: 400 }), burst: fc.integer({ min: 1, max: 400 }) });
    await fc.assert(
      fc.asyncProperty(any, fc.array(clocks, { minLength: 1, maxLength: 5 }), async (quota, drifts) => {
        const seconds = 10;
        const fleet = new Fleet({
          limits: roomyLimits(quota),
          replicas: drifts.length,
          oneWayMs: () => 0.2,
          clockOf: (clock, replica) => new DriftingClock(clock, drifts[replica] as (typeof drifts)[number]),
        });
        const demand = 2 * (quota.burst + quota.rate * seconds);
        for (let i = 0; i < demand; i++) void fleet.arrive(i % drifts.length);
        await fleet.clock.advance(seconds * 1_000);
        expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
        expect(fleet.sent.length).toBeGreaterThanOrEqual(0.995 * (quota.burst + quota.rate * seconds));
      }),
      { numRuns: 12 },
    );
  });

  it.each<[rate: number, burst: number, replicas: number, seconds: number]>([
    [50, 150, 2, 20],
    [50, 150, 8, 20],
    [1_000, 1_000, 2, 3],
    [1_000, 1_000, 8, 3],
    [10_000, 10_000, 2, 1],
    [10_000, 1_000, 4, 1],
    [10_000, 150, 2, 1],
  ])(
    'is used up by one with a line while others have little to do: %i/s, bursts of %i, %i replicas',
    async (...row) => {
      const [rate, burst, count, seconds] = row;
      const quota = { rate, burst };
      const fleet = new Fleet({ limits: roomyLimits(quota), replicas: count, oneWayMs: () => 0.15 });
      const random = dice(7);
      // Half the limit, evenly, at random moments; then a line at the first replica.
      const next = (number: number): void => {
        fleet.clock.after((-Math.log(random()) * 2_000) / rate, () => {
          void fleet.arrive(number % count);
          next(number + 1);
        });
      };
      next(0);
      await fleet.clock.run(1_500);
      const before = fleet.sent.length;
      for (let i = 0; i < burst + 2 * rate * seconds; i++) void fleet.arrive(0);
      await fleet.clock.advance(seconds * 1_000);
      expect(fleet.sent.length - before).toBeGreaterThanOrEqual(0.99 * (burst + rate * seconds));
      expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
    },
  );

  it('loses no waiter: each is sent, refused, or has hung up', async () => {
    const limits = { ...roomyLimits({ rate: 20, burst: 5 }), holdMaxMs: 2_000, lineMaxRequests: 30 };
    const steps = fc.array(
      fc.record({ pauseMs: fc.integer({ min: 0, max: 200 }), hangUpAfterMs: fc.option(fc.nat(3_000)) }),
      { minLength: 1, maxLength: 200 },
    );
    await fc.assert(
      fc.asyncProperty(steps, replicas, ways, async (requests, count, oneWayMs) => {
        const fleet = new Fleet({ limits, replicas: count, oneWayMs: () => oneWayMs });
        for (const [index, { pauseMs, hangUpAfterMs }] of requests.entries()) {
          await fleet.clock.advance(pauseMs);
          const downstream = new WaitingDownstream();
          void fleet.arrive(index % count, 'a', downstream);
          if (hangUpAfterMs !== null) fleet.clock.after(hangUpAfterMs, () => downstream.hangUp());
        }
        await fleet.clock.advance(10_000);
        expect(fleet.sent.length + fleet.refused.length + fleet.left).toBe(requests.length);
        for (const gate of fleet.gates) expect(gate.headcount.total).toBe(0);
        expect(fleet.excess(limits)).toBeLessThanOrEqual(tolerance(limits));
      }),
      { numRuns: 100 },
    );
  });
});
