import { Cluster } from 'ioredis';
import type { Persistence } from '../../observe/snapshot.ts';
import type { RedisConnection } from './client.ts';

/** What is left of users and tokens when Redis restarts. `unknown`: Redis does not say; hosted ones often don't. */
export async function persistenceOf(redis: RedisConnection): Promise<Persistence> {
  const servers = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const found = await Promise.all(servers.map(ofServer));
  // In a cluster any node may come to hold them.
  return weakestFirst.find((persistence) => found.includes(persistence)) ?? 'unknown';
}

const weakestFirst: readonly Persistence[] = ['none', 'unknown', 'rdb', 'aof'];

async function ofServer(redis: Exclude<RedisConnection, Cluster>): Promise<Persistence> {
  try {
    const info = await redis.info('persistence');
    if (/^aof_enabled:1/m.test(info)) return 'aof';
    if (!/^aof_enabled:0/m.test(info)) return 'unknown';
    const [, save] = await redis.config('GET', 'save');
    if (save === undefined) return 'unknown';
    return save === '' ? 'none' : 'rdb';
  } catch {
    return 'unknown';
  }
}
