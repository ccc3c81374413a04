/**
 * Promise P1 through reloads, in virtual time: whatever the limits change to and however often, no span of time sees more
 * requests than the highest rate and the highest burst that were in force in it allow. Replicas take their time.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBuckets } from '../../src/adapters/memory/buckets.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { readScope, type Scope } from '../../src/admission/rate/scope.ts';
import type { Clock } from '../../src/clock.ts';
import { deafMeter, Fleet, narrowLimit, roomyLimits, WaitingDownstream } from '../support/fleet.ts';
import { excessOver, type InForce, onTheWay, quotas, tolerated } from '../support/limits-in-force.ts';
import { OneRedis } from '../support/virtual-redis.ts';

const [byCaller, fleetwide] = ['principal', 'fleet'].map((text) => readScope(text) as Scope) as [Scope, Scope];

const inMemory = (clock: Clock): MemoryBuckets => new MemoryBuckets(clock, deafMeter);

/** What happens after a pause: requests come, a replica takes up another limit, or a caller hangs up. */
const steps = fc.array(
  fc.record({
    pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 2_000 })),
    replica: fc.nat(3),
    does: fc.oneof(
      { weight: 3, arbitrary: fc.record({ requests: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 2, arbitrary: fc.record({ limit: fc.nat(2), byCaller: fc.boolean() }) },
    ),
  }),
  { minLength: 4, maxLength: 40 },
);

type Step = typeof steps extends fc.Arbitrary<infer Value> ? (Value & unknown[])[number] : never;

/** @param scopes whether requests also come to share other buckets, and the same again */
async function play(fleet: Fleet, limits: readonly Quota[], sequence: readonly Step[], count: number, scopes = false) {
  const history: InForce[] = Array.from({ length: count }, (_, replica) => {
    return { ...(limits[0] as Quota), from: Number.NEGATIVE_INFINITY, replica };
  });
  const callers: WaitingDownstream[] = [];
  /** The most slots that each replica had in hand at a change. */
  const inHand = Array.from({ length: count }, () => 0);
  const changed = (): void => {
    const now = fleet.clock.now();
    for (const [i, gates] of fleet.gates.entries()) {
      inHand[i] = Math.max(inHand[i] as number, gates.bucketSnapshot(now).slotsHeld);
    }
  };
  for (const { pauseMs, replica: any, does } of sequence) {
    await fleet.clock.advance(pauseMs);
    const replica = any % count;
    if ('requests' in does) {
      for (let i = 0; i < does.requests; i++) {
        const caller = new WaitingDownstream();
        callers.push(caller);
        void fleet.arrive(replica, 'a', caller);
      }
      continue;
    }
    const limit = limits[does.limit] as Quota;
    changed();
    history.push({ ...limit, from: fleet.clock.now(), replica });
    fleet.configure(replica, { ...roomyLimits(limit), scope: scopes && does.byCaller ? byCaller : fleetwide });
  }
  // All replicas end with the first limit, so whoever waits is served some time.
  const first = limits[0] as Quota;
  for (const replica of fleet.gates.keys()) {
    changed();
    history.push({ ...first, from: fleet.clock.now(), replica });
    fleet.configure(replica, roomyLimits(first));
  }
  const slowest = Math.min(...limits.map(({ rate }) => rate));
  await fleet.clock.advance((callers.length / slowest) * 2_000 + 10_000);
  const instants = fleet.sent.map(({ at }) => at).toSorted((a, b) => a - b);
  return { history, instants, asked: callers.length, inHand: inHand.reduce((sum, slots) => sum + slots, 0) };
}

const three = fc.tuple(quotas, quotas, quotas);

describe('the limit, through reloads', () => {
  it('is never more than the highest in force, in one process, and whoever waits is served in its order', async () => {
    await fc.assert(
      fc.asyncProperty(three, steps, async (limits, sequence) => {
        const fleet = new Fleet({ limits: roomyLimits(limits[0]), bucketsOf: inMemory });
        const { history, instants, asked } = await play(fleet, limits, sequence, 1, true);
        expect(instants).toHaveLength(asked);
        const came = fleet.sent.map(({ at, waitedMs }) => at - waitedMs);
        expect(came.filter((at, i) => at < (came[i - 1] ?? at) - 1e-6)).toEqual([]);
        expect(excessOver(history, instants)).toBeLessThanOrEqual(tolerated(limits));
      }),
      { numRuns: 200 },
    );
  });

  it('is never more than the highest in force for narrow limits either, and nobody stays behind in a lane', async () => {
    const changes = fc.array(
      fc.record({
        pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_000 })),
        does: fc.oneof(
          { weight: 3, arbitrary: fc.record({ requests: fc.integer({ min: 1, max: 20 }) }) },
          { weight: 2, arbitrary: fc.record({ limit: fc.nat(2), others: fc.nat(3) }) },
        ),
      }),
      { minLength: 4, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(three, changes, async (limits, sequence) => {
        const bySender = (limit: Quota) => narrowLimit('principal', limit);
        const wide = roomyLimits({ rate: 10_000, burst: 10_000 });
        const also = [bySender(limits[0])];
        const fleet = new Fleet({ limits: { ...wide, also }, bucketsOf: inMemory });
        const history: InForce[] = [{ ...limits[0], from: Number.NEGATIVE_INFINITY, replica: 0 }];
        let asked = 0;
        const use = (limit: Quota, others: number): void => {
          history.push({ ...limit, from: fleet.clock.now(), replica: 0 });
          // Behind the one that is looked at others come and go: one that is serial, and one more.
          const more = [narrowLimit('fleet'), bySender({ rate: 9_000, burst: 9_000 })];
          fleet.configure(0, { ...wide, also: [bySender(limit), ...more.filter((_, i) => (others & (i + 1)) !== 0)] });
        };
        for (const { pauseMs, does } of sequence) {
          await fleet.clock.advance(pauseMs);
          if ('requests' in does) for (let i = 0; i < does.requests; i++, asked++) void fleet.arrive(0);
          else use(limits[does.limit] as Quota, does.others);
        }
        use(limits[0], 0);
        await fleet.clock.advance((asked / Math.min(...limits.map(({ rate }) => rate))) * 2_000 + 10_000);
        expect(fleet.sent).toHaveLength(asked);
        const instants = fleet.sent.map(({ at }) => at).toSorted((a, b) => a - b);
        expect(excessOver(history, instants)).toBeLessThanOrEqual(tolerated(limits));
        expect(fleet.gates[0]?.lanes?.size).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('is never more than the highest in force, in replicas that reload one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(three, fc.integer({ min: 2, max: 4 }), steps, async (limits, count, sequence) => {
        const { bucketsOf } = new OneRedis(count);
        const fleet = new Fleet({ limits: roomyLimits(limits[0]), replicas: count, bucketsOf });
        const { history, instants, asked, inHand } = await play(fleet, limits, sequence, count);
        expect(instants).toHaveLength(asked);
        // While replicas go by different limits, what one has in hand may come on top (decision 0024).
        const most = tolerated(limits) + onTheWay(limits, history.length) + inHand;
        expect(excessOver(history, instants)).toBeLessThanOrEqual(most);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['lower', { rate: 50, burst: 150 }, { rate: 5, burst: 15 }],
    ['higher', { rate: 5, burst: 15 }, { rate: 50, burst: 150 }],
  ])('counts at once where it becomes %s', async (_, before, after) => {
    const fleet = new Fleet({ limits: roomyLimits(before), bucketsOf: inMemory });
    for (let i = 0; i < 10_000; i++) void fleet.arrive(0);
    await fleet.clock.advance(10_000);
    fleet.configure(0, roomyLimits(after));
    const sent = fleet.sent.length;
    await fleet.clock.advance(100_000);
    // A larger burst is there at once; of a smaller one more is spent than there is, and that flows back first.
    const grown = after.burst - before.burst;
    const expected = after.rate * 100 + grown;
    expect(fleet.sent.length - sent).toBeGreaterThanOrEqual(0.99 * expected - 1);
    expect(fleet.sent.length - sent).toBeLessThanOrEqual(expected + 2);
  });

  it('counts at once while Redis is away, and when it is back', async () => {
    const [before, after] = [
      { rate: 50, burst: 150 },
      { rate: 10, burst: 20 },
    ];
    const shared = new OneRedis(2);
    const fleet = new Fleet({ limits: roomyLimits(before), replicas: 2, bucketsOf: shared.bucketsOf });
    for (let i = 0; i < 10_000; i++) void fleet.arrive(i % 2);
    await fleet.clock.advance(10_000);
    shared.redis.stall();
    await fleet.clock.advance(1_000);
    for (const replica of fleet.gates.keys()) fleet.configure(replica, roomyLimits(after));
    const sentIn = async (ms: number): Promise<number> => {
      const sent = fleet.sent.length;
      await fleet.clock.advance(ms);
      return fleet.sent.length - sent;
    };
    // What is spent beyond the new burst flows back first: 130 at 10 a second.
    expect(await sentIn(5_000)).toBeLessThanOrEqual(2);
    await fleet.clock.advance(15_000);
    const away = await sentIn(20_000);
    expect(away).toBeGreaterThanOrEqual(0.9 * 200);
    expect(away).toBeLessThanOrEqual(200 + 4);
    shared.redis.comeBack({ empty: true });
    await fleet.clock.advance(2_000);
    const back = await sentIn(20_000);
    expect(back).toBeGreaterThanOrEqual(0.95 * 200);
    expect(back).toBeLessThanOrEqual(200 + 4);
  });
});
