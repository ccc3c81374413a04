/** The way back to Redis: what a replica spent on its own is spent, and a Redis that comes back empty is not full. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RedisBuckets } from '../../src/adapters/redis/buckets.ts';
import type { RedisConnection } from '../../src/adapters/redis/client.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openBuckets } from '../support/redis-buckets.ts';
import { until } from '../support/until.ts';

/** So slow that nothing flows in while a test runs. */
const quota = { rate: 0.01, burst: 100 };
const replicas = 2;
/** A busy machine is not so late: only a Redis that stalls is given less. */
const callTimeoutMs = 10_000;

let server: TestRedis;
let redis: RedisConnection;
let buckets: RedisBuckets;

beforeEach(async () => {
  server = await startRedis();
  ({ redis, buckets } = await openBuckets(server.url, { replicas, callTimeoutMs }));
});
afterEach(async () => {
  redis.disconnect();
  await server.stop();
});

/** How many requests the bucket would let pass, by the slot that it gives next. */
async function left(): Promise<number> {
  const { opensInUs, intervalUs } = await buckets.reserve('messages', quota, 1);
  return Math.round(-opensInUs / intervalUs) + 1;
}

const back = () => until(() => !buckets.away, { what: 'the buckets to be back in Redis' });

describe('A Redis that loses the bucket while the connection stands', () => {
  const key = 'weir:{bucket:messages}';
  const losses: readonly [string, () => Promise<unknown>][] = [
    ['FLUSHALL', () => redis.flushall()],
    ['DEL', () => redis.del(key)],
    ['a replica that lagged behind', () => redis.set(key, tatOfBefore)],
    ['a clock that is an hour ahead', () => redis.set(key, String(Number(tatOfBefore.split(' ')[0]) - 3.6e9))],
  ];
  let tatOfBefore = '';

  test.each(losses)('is told what is known to be spent: %s', async (_, lose) => {
    expect(await left()).toBe(100);
    tatOfBefore = (await redis.get(key)) ?? '';
    let spent = 1;
    while (spent < 90) spent += (await buckets.reserve('messages', quota, 90 - spent)).count;
    await lose();
    const remaining = await left();
    expect(remaining).toBeLessThanOrEqual(100 - 90);
    expect(remaining).toBeGreaterThanOrEqual(100 - 90 - 1);
    expect(buckets.away).toBe(false);
  });
});

const outages: readonly [string, () => Promise<void>, () => Promise<void>][] = [
  [
    'stalled',
    async () => {
      await server.kill('SIGSTOP');
      buckets.callTimeoutMs = 250;
    },
    async () => {
      buckets.callTimeoutMs = callTimeoutMs;
      await server.kill('SIGCONT');
    },
  ],
  ['was killed and is empty', () => server.kill('SIGKILL'), () => server.restart()],
];

describe.each(outages)('A Redis that %s', (_, leave, comeBack) => {
  test('is told what was spent without it', async () => {
    expect(await left()).toBe(100);
    await leave();
    let alone = 0;
    while (alone < 30) alone += (await buckets.reserve('messages', quota, 30 - alone)).count;
    expect(buckets.away).toBe(true);
    await comeBack();
    await back();
    // The other replica is taken to have used as much of its share.
    const remaining = await left();
    expect(remaining).toBeLessThanOrEqual(100 - 1 - 30);
    expect(remaining).toBeGreaterThanOrEqual(100 - 1 - replicas * 30 - 2);
  });

  test('is told how far a bucket was pushed back meanwhile', async () => {
    expect(await left()).toBe(100);
    await leave();
    while (!buckets.away) await buckets.reserve('messages', quota, 1);
    const pushedAt = performance.now();
    await buckets.pushBack('messages', quota, 5_000);
    await comeBack();
    await back();
    const { opensInUs } = await buckets.reserve('messages', quota, 1);
    expect(performance.now() + opensInUs / 1_000).toBeGreaterThanOrEqual(pushedAt + 5_000 - 1);
  });
});
