/** `push-back.lua` in a real Redis and `pushBack` in `support/redis-bucket.ts` are one arithmetic, and keep the port's law. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { luaIn } from '../../src/adapters/redis/script.ts';
import { pushBackArguments, reserveArguments } from '../../src/adapters/redis/script-arguments.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { aheadMaxUs, type Demand, jumpMinUs, pushMaxUs, reserve, tauUs } from '../../src/admission/rate/slots.ts';
import { pushBack } from '../support/redis-bucket.ts';
import { redisClientForAll } from '../support/start-for-all.ts';

const { redis } = await redisClientForAll();
const reserveSha = (await redis.script('LOAD', luaIn('reserve.lua'))) as string;
const pushBackSha = (await redis.script('LOAD', luaIn('push-back.lua'))) as string;

let keys = 0;
const freshKey = (): string => `pushed:${++keys}`;

/** What is done to a bucket, and how far its clock moves before; negative: it is set back. */
type Step = { readonly moveUs: number } & (
  | { readonly kind: 'reserve'; readonly want: number; readonly leadUs: number }
  | { readonly kind: 'push'; readonly byUs: number }
);

const sharing = { horizonUs: 100_000, replicas: 3 };
const demandOf = (want: number, leadUs: number): Demand => ({
  ...sharing,
  want,
  leadUs,
  floorUs: Number.NEGATIVE_INFINITY,
});

const quotas: fc.Arbitrary<Quota> = fc.record({
  rate: fc.oneof(fc.constantFrom(0.1, 20, 50, 33_333), fc.integer({ min: 1, max: 10_000 })),
  burst: fc.oneof(fc.constantFrom(1, 2, 60, 150), fc.integer({ min: 1, max: 10_000 })),
});
const moves = fc.oneof(
  fc.constant(0),
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 1_000_000 }) },
  fc.integer({ min: -200_000_000, max: 2_000_000_000 }),
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('reserve' as const),
      moveUs: moves,
      want: fc.integer({ min: 1, max: 300 }),
      leadUs: fc.integer({ min: 0, max: 100_000 }),
    }),
    fc.record({ kind: fc.constant('push' as const), moveUs: moves, byUs: fc.integer({ min: 0, max: pushMaxUs }) }),
  ),
  { minLength: 1, maxLength: 80, size: 'max' },
);
/** About the year 2027, on the scripts' clock. */
const starts = fc.integer({ min: 30_000_000_000_000, max: 31_000_000_000_000 });

/** The tat after each step, and how long its key lives, milliseconds. */
async function inRedis(key: string, quota: Quota, startUs: number, sequence: readonly Step[]) {
  const pipeline = redis.pipeline();
  let nowUs = startUs;
  for (const step of sequence) {
    nowUs += step.moveUs;
    if (step.kind === 'push') {
      pipeline.evalsha(pushBackSha, 1, key, ...pushBackArguments(quota, sharing, step.byUs), nowUs);
    } else {
      pipeline.evalsha(reserveSha, 1, key, ...reserveArguments(quota, demandOf(step.want, step.leadUs)), nowUs);
    }
    pipeline.get(key);
    pipeline.pttl(key);
  }
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
  return sequence.map((_, index) => ({
    tat: Number(String(replies[3 * index + 1]).split(' ')[0]),
    lifeMs: Number(replies[3 * index + 2]),
  }));
}

function inProcess(quota: Quota, startUs: number, sequence: readonly Step[]) {
  let tat = Number.NEGATIVE_INFINITY;
  let nowUs = startUs;
  return sequence.map((step) => {
    nowUs += step.moveUs;
    if (step.kind === 'push') {
      tat = pushBack(tat, nowUs, quota, sharing, step.byUs);
      return { tat, nowUs, opensAtUs: null };
    }
    const reserved = reserve(tat, nowUs, quota, demandOf(step.want, step.leadUs));
    tat = reserved.tat;
    return { tat, nowUs, opensAtUs: nowUs + reserved.grant.opensInUs };
  });
}

describe('The script in Redis and the arithmetic in this process', () => {
  test('agree on every tat, whatever is reserved before and after, and whichever way time goes', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, starts, steps, async (quota, startUs, sequence) => {
        const theirs = await inRedis(freshKey(), quota, startUs, sequence);
        expect(theirs.map(({ tat }) => tat)).toEqual(inProcess(quota, startUs, sequence).map(({ tat }) => tat));
      }),
      { numRuns: 100 },
    );
  });

  test('let the key live until the bucket is full again, and a second more', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, starts, steps, async (quota, startUs, sequence) => {
        const theirs = await inRedis(freshKey(), quota, startUs, sequence);
        const roundTripMs = 500;
        for (const [index, { nowUs }] of inProcess(quota, startUs, sequence).entries()) {
          const { tat, lifeMs } = theirs[index] as (typeof theirs)[number];
          expect(lifeMs).toBeGreaterThanOrEqual((tat - nowUs) / 1_000 + 1_000 - roundTripMs);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('A bucket that is pushed back', () => {
  const pushes = fc.integer({ min: 0, max: pushMaxUs });
  const spent = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 });

  test('opens no slot before that, and none earlier than it would have', () => {
    fc.assert(
      fc.property(quotas, starts, spent, pushes, fc.nat(10_000_000), (quota, startUs, wants, byUs, laterUs) => {
        const before = wants.map((want): Step => ({ kind: 'reserve', moveUs: 1_000, want, leadUs: 10_000 }));
        const after: Step = { kind: 'reserve', moveUs: laterUs, want: 1, leadUs: 10_000 };
        const pushed = inProcess(quota, startUs, [...before, { kind: 'push', moveUs: 0, byUs }, after]);
        const unpushed = inProcess(quota, startUs, [...before, after]);
        const opensAtUs = pushed.at(-1)?.opensAtUs ?? Number.NaN;
        const pushedAtUs = pushed.at(-2)?.nowUs ?? Number.NaN;
        expect(opensAtUs).toBeGreaterThanOrEqual(pushedAtUs + byUs - 0.1); // Doubles of this size end there.
        expect(opensAtUs).toBeGreaterThanOrEqual((unpushed.at(-1)?.opensAtUs ?? Number.NaN) - 0.1);
      }),
      { numRuns: 500 },
    );
  });

  test('is pushed once, however often it is said', () => {
    fc.assert(
      fc.property(quotas, starts, pushes, fc.integer({ min: 1, max: 9 }), (quota, startUs, byUs, times) => {
        const push: Step = { kind: 'push', moveUs: 0, byUs };
        const once = inProcess(quota, startUs, [push]);
        const often = inProcess(quota, startUs, Array<Step>(times).fill(push));
        expect(often.at(-1)).toEqual(once.at(-1));
      }),
    );
  });

  test.each<[string, Quota]>([
    ['50/s, 150', { rate: 50, burst: 150 }],
    ['one every ten seconds, 1', { rate: 0.1, burst: 1 }],
    ['10,000/s, 10', { rate: 10_000, burst: 10 }],
  ])('by the most that is allowed is not taken for one whose clock jumped: %s', (_, quota) => {
    const push: Step = { kind: 'push', moveUs: 0, byUs: 10 * pushMaxUs };
    const take: Step = { kind: 'reserve', moveUs: 1_000, want: 1, leadUs: 10_000 };
    const [pushed, taken] = inProcess(quota, 30_000_000_000_000, [push, take]);
    expect((taken?.opensAtUs ?? 0) - (pushed?.nowUs ?? 0)).toBe(pushMaxUs);
    expect(pushMaxUs).toBeLessThan(jumpMinUs / 10);
  });
});

describe('A key that holds', () => {
  const quota = { rate: 50, burst: 150 };
  const now = 30_000_000_000_000;
  const push = async (text: string): Promise<number> => {
    const key = freshKey();
    await redis.set(key, text);
    const [outcome] = await inRedis(key, quota, now, [{ kind: 'push', moveUs: 0, byUs: 2_000_000 }]);
    return outcome?.tat ?? Number.NaN;
  };

  test.each(['abc', '', 'nan', '-inf', '0'])('no tat (%j) is a full bucket, pushed back', async (text) => {
    expect(await push(text)).toBe(now + tauUs(quota) + 2_000_000);
  });

  test.each(['inf', '1e300'])(
    'the tat of a clock that jumped (%j) goes on from the furthest that can be',
    async (text) => {
      const furthest = now + tauUs(quota) + aheadMaxUs(quota, sharing);
      expect(await push(text)).toBe(Math.max(furthest, now + tauUs(quota) + 2_000_000));
    },
  );

  test('another type is an error, and stays as it is', async () => {
    const key = freshKey();
    await redis.rpush(key, 'somebody else’s');
    const call = redis.evalsha(pushBackSha, 1, key, ...pushBackArguments(quota, sharing, 1_000));
    await expect(call).rejects.toThrow('WRONGTYPE');
    expect(await redis.lrange(key, 0, -1)).toEqual(['somebody else’s']);
  });
});
