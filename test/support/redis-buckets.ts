/** The buckets of one replica on a real Redis, with a connection of their own. */
import { machineClock } from '../../src/adapters/node/clock.ts';
import { RedisBuckets, type RedisBucketsOptions } from '../../src/adapters/redis/buckets.ts';
import { firstConnection, openRedis, type RedisConnection } from '../../src/adapters/redis/client.ts';
import type { Clock } from '../../src/clock.ts';
import { deafMeter } from './deaf-meter.ts';
import { silentLog } from './silent-log.ts';

interface Opening extends Pick<RedisBucketsOptions, 'callTimeoutMs' | 'changed'> {
  /** How many replicas share the buckets. */
  readonly replicas: number | (() => number);
  readonly keyPrefix?: string;
  /** How long the connection waits for a reply, if not as long as the buckets do. */
  readonly connectionTimeoutMs?: number;
  readonly clock?: Clock;
  readonly meter?: ConstructorParameters<typeof RedisBuckets>[2];
}

export async function openBuckets(
  url: string,
  { replicas, callTimeoutMs, changed, ...others }: Opening,
): Promise<{ readonly redis: RedisConnection; readonly buckets: RedisBuckets }> {
  const redis = await connectedTo(url, others.connectionTimeoutMs ?? callTimeoutMs);
  const buckets = new RedisBuckets(redis, others.clock ?? machineClock, others.meter ?? deafMeter, {
    keyPrefix: others.keyPrefix ?? 'weir:',
    replicas: typeof replicas === 'number' ? () => replicas : replicas,
    callTimeoutMs,
    ...(changed === undefined ? {} : { changed }),
  });
  return { redis, buckets };
}

export async function connectedTo(url: string, callTimeoutMs: number): Promise<RedisConnection> {
  const redis = openRedis({ url, callTimeoutMs }, silentLog, 'test');
  if (!(await firstConnection(redis, 60_000))) throw new Error(`Nobody answers at ${url}.`);
  return redis;
}
