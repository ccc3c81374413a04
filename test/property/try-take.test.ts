/** `try-take.lua` in a real Redis and `tryTake` in this process are one arithmetic. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { intervalUs, jumpMinUs, tauUs, tryTake } from '../../src/admission/rate/slots.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const lua = readFileSync(new URL('../../src/adapters/redis/try-take.lua', import.meta.url), 'utf8');
const long = -1e18;

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

let keys = 0;

const steps = fc.array(
  fc.record({
    // Set back now and then, by more than what is taken for a jump.
    moveUs: fc.oneof(fc.integer({ min: 0, max: 3_000_000 }), fc.constant(0), fc.constant(-2 * jumpMinUs)),
    leadUs: fc.integer({ min: 0, max: 60_000 }),
  }),
  { minLength: 1, maxLength: 40 },
);
const quotas = fc.record({
  rate: fc.oneof(fc.double({ min: 0.01, max: 50, noNaN: true }), fc.integer({ min: 1, max: 1_000 })),
  burst: fc.integer({ min: 1, max: 60 }),
});

test('whatever the quota, the moves of its clock and the leads', async () => {
  await fc.assert(
    fc.asyncProperty(quotas, steps, async (quota, moves) => {
      const key = `narrow:${++keys}`;
      let nowUs = 1e12;
      let tat = Number.NEGATIVE_INFINITY;
      for (const { moveUs, leadUs } of moves) {
        nowUs += moveUs;
        const expected = tryTake(tat, nowUs, quota, leadUs);
        const args = [intervalUs(quota), tauUs(quota), leadUs, long, jumpMinUs, nowUs];
        const [taken, first] = (await redis.eval(lua, 1, key, ...args)) as [number, string];
        expect(taken === 1).toBe(expected.tried.taken);
        if (expected.tried.taken) {
          tat = expected.tat;
          expect(Number(await redis.get(key))).toBeCloseTo(tat, 0);
          expect(Number(first) + intervalUs(quota)).toBeCloseTo(tat - nowUs, 0);
          expect(await redis.pttl(key)).toBeGreaterThan(0);
        } else {
          expect(Number(first) - tauUs(quota)).toBeCloseTo(expected.tried.opensInUs, 0);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('what the replica knows counts where Redis has lost it', async () => {
  const quota = { rate: 1, burst: 1 };
  const args = [intervalUs(quota), tauUs(quota), 0];
  const reply = await redis.eval(lua, 1, 'narrow:lost', ...args, 700_000, jumpMinUs, 1e12);
  expect(reply).toEqual([0, '700000']);
  expect(await redis.exists('narrow:lost')).toBe(0);
});

test.each(['nan', 'text', 'inf'])('a key that holds %s is as good as none', async (text) => {
  await redis.set('narrow:odd', text);
  const quota = { rate: 1, burst: 1 };
  const reply = await redis.eval(lua, 1, 'narrow:odd', intervalUs(quota), tauUs(quota), 0, long, jumpMinUs, 1e12);
  expect((reply as unknown[])[0]).toBe(text === 'inf' ? 0 : 1);
});
