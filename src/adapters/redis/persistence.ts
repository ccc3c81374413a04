import { Cluster } from 'ioredis';
import type { Log } from '../../observe/ports.ts';
import type { Persistence } from '../../observe/snapshot.ts';
import { onServing, type RedisConnection } from './client.ts';

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

/** Looks at each beginning of the connection what a restart of Redis would leave, and warns where that is nothing. */
export function watchPersistence(redis: RedisConnection, log: Log): () => Persistence {
  let persistence: Persistence = 'unknown';
  const look = async (): Promise<void> => {
    const found = await persistenceOf(redis);
    if (found === 'none' && persistence !== 'none') {
      log.warn('Redis keeps nothing on disk: when it restarts, users and tokens are gone; let it have appendonly yes');
    }
    persistence = found;
  };
  onServing(redis, () => void look());
  if (redis.status === 'ready') void look();
  return () => persistence;
}
