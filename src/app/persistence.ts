import { onServing, type RedisConnection } from '../adapters/redis/client.ts';
import { persistenceOf } from '../adapters/redis/persistence.ts';
import type { Log } from '../observe/ports.ts';
import type { Persistence } from '../observe/snapshot.ts';

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
