/** Narrow buckets while Redis is away: each replica goes on with its share, from what it knows to be spent. */

import { expect, test } from 'vitest';
import type { RedisBuckets } from '../../src/adapters/redis/buckets.ts';
import type { NarrowQuota } from '../../src/admission/rate/quota.ts';
import { startRedis } from '../support/redis.ts';
import { openBuckets } from '../support/redis-buckets.ts';

/** Nothing comes back within the time of a test. */
const slow: NarrowQuota = { rate: 0.0001, burst: 8, settled: null };

async function replicaOf(url: string, replicas: number): Promise<RedisBuckets & { close(): void }> {
  const { redis, buckets } = await openBuckets(url, { replicas, callTimeoutMs: 20_000 });
  return Object.assign(buckets, { close: () => redis.disconnect() });
}

async function taken(buckets: RedisBuckets, name: string, most: number): Promise<number> {
  let count = 0;
  for (let i = 0; i < most; i++) if ((await buckets.tryTake(name, slow, 1)).taken) count += 1;
  return count;
}

test('two replicas together give no more than one bucket has, whatever was spent before', async () => {
  const server = await startRedis();
  const replicas = [await replicaOf(server.url, 2), await replicaOf(server.url, 2)] as const;
  const [one, other] = replicas;
  try {
    expect((await taken(one, 'a', 2)) + (await taken(other, 'a', 2))).toBe(4);
    // So that each knows what both have spent.
    expect((await taken(one, 'a', 1)) + (await taken(other, 'a', 1))).toBe(2);
    await server.stop();
    const [byOne, byOther] = [await taken(one, 'a', 10), await taken(other, 'a', 10)];
    expect(byOne + byOther).toBeLessThanOrEqual(2);
    // Of one that nobody has asked about, each has half.
    expect(await taken(one, 'fresh', 20)).toBeLessThanOrEqual(4);
    expect(await taken(other, 'fresh', 10)).toBeGreaterThan(0);
  } finally {
    for (const replica of replicas) replica.close();
  }
});

test('a token that can’t be given back in Redis is given back here', async () => {
  const server = await startRedis();
  const replica = await replicaOf(server.url, 1);
  try {
    await server.stop();
    const all = await taken(replica, 'b', 10);
    expect(all).toBeGreaterThan(0);
    replica.settle('b', slow, -1, 0);
    expect(await taken(replica, 'b', 10)).toBe(1);
  } finally {
    replica.close();
  }
});
