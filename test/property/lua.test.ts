/** `reserve.lua` in a real Redis and the reference in this process are one arithmetic: each holds the other to its word. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { luaIn } from '../../src/adapters/redis/script.ts';
import { type Apart, type Asked, nothingApart, reserveArguments } from '../../src/adapters/redis/script-arguments.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { aheadMaxUs, intervalUs, tauUs } from '../../src/admission/rate/slots.ts';
import { reserveInRedis, unused } from '../support/redis-bucket.ts';
import { redisClientForAll } from '../support/start-for-all.ts';

const { redis } = await redisClientForAll();
const sha = (await redis.script('LOAD', luaIn('reserve.lua'))) as string;

let keys = 0;
const freshKey = (): string => `bucket:${++keys}`;

interface Step {
  /** How far the bucket's clock moves before the call, microseconds; negative: it is set back. */
  readonly moveUs: number;
  readonly demand: Asked;
  readonly lateUs: number | null;
  readonly apart: Apart;
}

/** @param by the limit, where it is another than the first one's */
type Call = readonly [nowUs: number, asked: Asked, apart?: Apart, by?: Quota];

/** What one call said and left behind. */
interface Outcome {
  readonly count: number;
  readonly firstInUs: number;
  readonly tat: number;
  readonly given: number;
  readonly most: number;
  readonly mostUntil: number;
  readonly lifeMs: number;
}

const demand = (changes: Partial<Asked> = {}): Asked => ({
  want: 1,
  leadUs: 10_000,
  horizonUs: 100_000,
  replicas: 1,
  floorUs: Number.NEGATIVE_INFINITY,
  ...changes,
});

/** Runs the script once for each `[now, demand]`, all in one round trip. */
async function inRedis(key: string, quota: Quota, calls: readonly Call[]): Promise<Outcome[]> {
  const pipeline = redis.pipeline();
  for (const [nowUs, asked, apart, by = quota] of calls) {
    pipeline.evalsha(sha, 1, key, ...reserveArguments(by, asked, apart), nowUs);
    pipeline.get(key);
    pipeline.pttl(key);
  }
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
  return calls.map((_, index) => {
    const [count, delay, now, given, most] = replies[3 * index] as [number, string, string, string, number];
    const [tat, kept, keptMost, mostUntil] = String(replies[3 * index + 1]).split(' ');
    expect([now, kept, keptMost]).toEqual([String(calls[index]?.[0]), given, String(most)]);
    return {
      count,
      firstInUs: Number(delay),
      tat: Number(tat),
      given: Number(given),
      most,
      mostUntil: Number(mostUntil),
      lifeMs: Number(replies[3 * index + 2]),
    };
  });
}

/** The same calls in this process. */
function inProcess(quota: Quota, calls: readonly Call[]) {
  let stored = unused;
  return calls.map(([nowUs, asked, apart, by = quota]) => {
    const { grant, ...after } = reserveInRedis(stored, nowUs, by, asked, apart);
    stored = after;
    const { tat, given, most, mostUntil } = after;
    return { count: grant.count, opensInUs: grant.opensInUs, tat, given, most, mostUntil };
  });
}

const quotas: fc.Arbitrary<Quota> = fc.record({
  rate: fc.oneof(
    fc.constantFrom(1 / 3, 0.1, 20, 50, 33_333, 1_000_000),
    fc.integer({ min: 1, max: 10_000 }),
    fc.double({ min: 0.1, max: 1_000, noNaN: true }),
  ),
  burst: fc.oneof(fc.constantFrom(1, 2, 60, 150), fc.integer({ min: 1, max: 100_000 })),
});
/** By how much the bucket's now is later than the asker expects, microseconds; null: it expects nothing. */
const latenesses = fc.oneof(
  fc.constant(null),
  fc.constantFrom(0, 49_999, 50_000, 50_001, -50_000, -50_001),
  fc.double({ min: -60_000, max: 60_000, noNaN: true }),
  fc.integer({ min: -4_000_000_000, max: 4_000_000_000 }),
);
const slackUs = 50_000;
const demands: fc.Arbitrary<Asked> = fc.record({
  want: fc.oneof(fc.constant(1), fc.constant(0), fc.integer({ min: 1, max: 2_000 })),
  leadUs: fc.oneof(fc.constant(10_000), fc.double({ min: 0, max: 500_000, noNaN: true })),
  horizonUs: fc.oneof(fc.constant(100_000), fc.integer({ min: 0, max: 2_000_000 })),
  replicas: fc.integer({ min: 1, max: 16 }),
  floorUs: fc.oneof(
    { weight: 3, arbitrary: fc.constant(Number.NEGATIVE_INFINITY) },
    fc.integer({ min: -10_000_000, max: 10_000_000 }),
  ),
});
const aparts: fc.Arbitrary<Apart> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(nothingApart) },
  fc.record({
    slots: fc.integer({ min: 1, max: 1_000 }),
    toldInUs: fc.integer({ min: -10_000_000, max: 10_000_000 }),
    toldGiven: fc.integer({ min: 0, max: 2_000 }),
  }),
);
const moves = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 200_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2_000_000_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -200_000_000, max: -1 }) },
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ moveUs: moves, demand: demands, lateUs: latenesses, apart: aparts }),
  {
    minLength: 1,
    maxLength: 120,
    size: 'max',
  },
);
/** About the year 2027, on the script's clock. */
const starts = fc.integer({ min: 30_000_000_000_000, max: 31_000_000_000_000 });

function callsOf(startUs: number, sequence: readonly Step[]): Call[] {
  let nowUs = startUs;
  return sequence.map((step) => {
    nowUs += step.moveUs;
    const { lateUs, apart } = step;
    if (lateUs === null) return [nowUs, step.demand, apart] as const;
    return [nowUs, { ...step.demand, expected: { nowUs: nowUs - lateUs, slackUs } }, apart] as const;
  });
}

describe('The script in Redis and the arithmetic in this process', () => {
  test('agree on counts, delays and the tat that is stored, whichever way time goes', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, starts, steps, async (quota, startUs, sequence) => {
        const calls = callsOf(startUs, sequence);
        const theirs = await inRedis(freshKey(), quota, calls);
        const ours = inProcess(quota, calls);
        // The delay is the same to the last bit as well: opensInUs is firstInUs − tau.
        const seen = theirs.map(({ firstInUs, lifeMs: _, ...rest }) => ({
          ...rest,
          opensInUs: firstInUs - tauUs(quota),
        }));
        expect(seen).toEqual(ours);
      }),
      { numRuns: 120 },
    );
  });

  test('agree as well where the limit changes, or replicas have different ones for a while', async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(quotas, quotas, quotas), starts, steps, async (limits, startUs, sequence) => {
        const calls = callsOf(startUs, sequence).map(([nowUs, asked, apart], i): Call => {
          return [nowUs, asked, apart ?? nothingApart, limits[(i * 7 + asked.replicas) % 3] as Quota];
        });
        const [first] = limits;
        const theirs = await inRedis(freshKey(), first, calls);
        const seen = theirs.map(({ firstInUs, lifeMs: _, ...rest }, i) => ({
          ...rest,
          opensInUs: firstInUs - tauUs(calls[i]?.[3] ?? first),
        }));
        expect(seen).toEqual(inProcess(first, calls));
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['a lower rate', { rate: 5, burst: 150 }],
    ['a higher rate', { rate: 500, burst: 150 }],
    ['a lower burst', { rate: 50, burst: 15 }],
    ['a lower burst of a slow limit', { rate: 0.1, burst: 1 }],
  ])('keep what was spent under %s', async (_, other) => {
    const quota = { rate: 50, burst: 150 };
    const now = 40_000_000_000_000;
    const all = demand({ want: 150, leadUs: 0 });
    const look = demand({ want: 0, leadUs: 0 });
    const calls: Call[] = [
      [now, all],
      [now, look, nothingApart, other],
      [now, look],
      [now, look, nothingApart, other],
      [now, look],
    ];
    const outcomes = await inRedis(freshKey(), quota, calls);
    // 150 are spent, by either limit.
    expect(outcomes.slice(1).map(({ firstInUs }) => firstInUs)).toEqual(
      [other, quota, other, quota].map((by) => expect.closeTo(150 * intervalUs(by), -2)),
    );
  });

  test('agree on where to go on after a clock that was ahead', async () => {
    const quota = { rate: 50, burst: 150 };
    const before = 40_000_000_000_000;
    const calls = [
      [before, demand()],
      [before - 3_600_000_000, demand()],
    ] as const;
    const [, after] = await inRedis(freshKey(), quota, calls);
    expect(after?.firstInUs).toBe(tauUs(quota) + aheadMaxUs(quota, demand()));
    expect(after?.tat).toBe(inProcess(quota, calls)[1]?.tat);
  });
});

describe('The key', () => {
  test('outlives the refill of its bucket by a second, and burst / rate in any case', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, starts, steps, async (quota, startUs, sequence) => {
        const calls = callsOf(startUs, sequence);
        const outcomes = await inRedis(freshKey(), quota, calls);
        const roundTripMs = 500;
        for (const [index, { count, tat, lifeMs }] of outcomes.entries()) {
          const [nowUs] = calls[index] as (typeof calls)[number];
          const emptyMs = count === 0 ? 0 : (1_000 * quota.burst) / quota.rate;
          const refillMs = Math.max((tat - nowUs) / 1_000, emptyMs);
          expect(lifeMs).toBeGreaterThanOrEqual(refillMs + 1_000 - roundTripMs);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('may go once its bucket is full: without it the next call gets the same', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, demands, demands, fc.nat(10_000_000), async (quota, first, second, laterUs) => {
        const key = freshKey();
        const [before] = await inRedis(key, quota, [[30_000_000_000_000, first]]);
        const fullAt = Math.ceil(before?.tat as number) + laterUs;
        const [kept] = await inRedis(key, quota, [[fullAt, second]]);
        const [gone] = await inRedis(freshKey(), quota, [[fullAt, second]]);
        // Whoever was counted is forgotten before the key goes.
        const besides = { lifeMs: 0, given: 0, most: 0, mostUntil: 0 };
        expect({ ...kept, ...besides }).toEqual({ ...gone, ...besides });
      }),
      { numRuns: 100 },
    );
  });
});

describe('Without a given now', () => {
  test('the clock is Redis’s own, in microseconds since 2026', async () => {
    const quota = { rate: 50, burst: 150 };
    const key = freshKey();
    const replies = await redis
      .pipeline()
      .time()
      .evalsha(sha, 1, key, ...reserveArguments(quota, demand({ want: 7 })))
      .get(key)
      .time()
      .exec();
    const [before, reserved, tat, after] = (replies ?? []).map(([, reply]) => reply);
    const sinceEpoch = ([seconds, us]: [string, string]) =>
      Number(seconds) * 1e6 + Number(us) - Date.UTC(2026, 0, 1) * 1_000;
    const [count, delay] = reserved as [number, string];
    expect(count).toBe(7);
    const nowUs = Number((tat as string).split(' ')[0]) - count * intervalUs(quota) - Number(delay);
    expect(nowUs).toBeGreaterThanOrEqual(sinceEpoch(before as [string, string]));
    expect(nowUs).toBeLessThanOrEqual(sinceEpoch(after as [string, string]));
  });
});

describe('A key that holds', () => {
  const quota = { rate: 50, burst: 150 };
  const now = 30_000_000_000_000;

  test.each([
    ['no number', 'abc'],
    ['nothing', ''],
    ['what Lua takes for no number at all', 'nan'],
    ['the same with a sign', '-nan'],
    ['minus infinity', '-inf'],
    ['a tat of long ago', '0'],
  ])('%s (%j) is a full bucket', async (_, text) => {
    const key = freshKey();
    await redis.set(key, text);
    const [outcome] = await inRedis(key, quota, [[now, demand({ want: 200 })]]);
    // All that is open now; the last of the burst opens with the lead, 10 ms later.
    expect(outcome).toMatchObject({ count: 149, firstInUs: 10_000, tat: now + 10_000 + 149 * 20_000 });
  });

  test.each([
    ['infinity', 'inf'],
    ['a tat of the next century', '1e300'],
  ])('%s (%j) comes from a clock that jumped', async (_, text) => {
    const key = freshKey();
    await redis.set(key, text);
    const [outcome] = await inRedis(key, quota, [[now, demand({ want: 200 })]]);
    expect(outcome?.firstInUs).toBe(tauUs(quota) + aheadMaxUs(quota, demand()));
    expect(outcome?.tat).toBeLessThan(now + 5_000_000);
  });

  test('another type is an error, and stays as it is', async () => {
    const key = freshKey();
    await redis.rpush(key, 'somebody else’s');
    await expect(redis.evalsha(sha, 1, key, ...reserveArguments(quota, demand()))).rejects.toThrow('WRONGTYPE');
    expect(await redis.lrange(key, 0, -1)).toEqual(['somebody else’s']);
  });
});
