import type { Redis } from 'ioredis';
import type { Persistence } from '../../model/snapshot.ts';

/** What is left of users and tokens when Redis restarts. `unknown`: Redis does not say; hosted ones often don't. */
export async function persistenceOf(redis: Redis): Promise<Persistence> {
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
