/** What replicas share: in Redis where there is one, else in this process. */
import { randomUUID } from 'node:crypto';
import { createMemoryAccounts } from '../adapters/memory/accounts.ts';
import { MemoryBuckets } from '../adapters/memory/buckets.ts';
import { createGuard, guardDefaults } from '../adapters/rate-limiter/guard.ts';
import { createRedisAccounts } from '../adapters/redis/accounts.ts';
import { RedisBuckets } from '../adapters/redis/buckets.ts';
import { firstConnection, openRedis } from '../adapters/redis/client.ts';
import { Replicas } from '../adapters/redis/replicas.ts';
import type { Config } from '../config/config.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Accounts, Buckets, Clock, Guard, Log, Meter } from '../ports.ts';

export interface Stores {
  readonly accounts: Accounts;
  readonly buckets: Buckets;
  readonly guard: Guard;
  state(): Snapshot['store'];
  /** Calls back each time that the accounts can be reached again. */
  onReturn(call: () => void): void;
  close(): Promise<void>;
}

/** How long starting waits for Redis: not for ever, since the fallback serves without it. */
const redisWaitMs = 2_000;
/** A login may wait a little longer than a message in line. */
const accountsTimeoutMs = 1_000;

export async function openStores(config: Config, clock: Clock, meter: Meter, log: Log): Promise<Stores> {
  const { url } = config.redis;
  return url === null ? memoryStores(clock, meter) : await redisStores({ ...config.redis, url }, clock, meter, log);
}

function memoryStores(clock: Clock, meter: Meter): Stores {
  return {
    accounts: createMemoryAccounts(clock),
    buckets: new MemoryBuckets(clock, meter),
    guard: createGuard(null),
    state: () => ({ kind: 'memory', up: true, fallback: false }),
    onReturn() {},
    close: () => Promise.resolve(),
  };
}

interface RedisSettings {
  readonly url: string;
  readonly keyPrefix: string;
  readonly callTimeoutMs: number;
}

async function redisStores(settings: RedisSettings, clock: Clock, meter: Meter, log: Log): Promise<Stores> {
  const { url, keyPrefix, callTimeoutMs } = settings;
  const forBuckets = openRedis({ url, callTimeoutMs }, log, 'buckets');
  const forAccounts = openRedis({ url, callTimeoutMs: Math.max(callTimeoutMs, accountsTimeoutMs) }, log, 'accounts');
  const replicas = new Replicas(forBuckets, clock, keyPrefix, randomUUID());
  const buckets = new RedisBuckets(forBuckets, clock, meter, { keyPrefix, replicas: replicas.count });
  await Promise.all([forBuckets, forAccounts].map((redis) => firstConnection(redis, redisWaitMs)));
  await replicas.start();
  return {
    accounts: createRedisAccounts(forAccounts, clock, keyPrefix),
    buckets,
    guard: createGuard(forAccounts, guardDefaults, keyPrefix),
    state: () => ({ kind: 'redis', up: forBuckets.status === 'ready' && !buckets.away, fallback: buckets.away }),
    onReturn: (call) => void forAccounts.on('ready', call),
    async close() {
      await replicas.stop();
      forBuckets.disconnect();
      forAccounts.disconnect();
    },
  };
}
