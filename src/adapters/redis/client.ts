import { Redis } from 'ioredis';
import type { Log } from '../../ports.ts';

export interface RedisOptions {
  readonly url: string;
  /** How long a command may take before it counts as failed, milliseconds. */
  readonly callTimeoutMs: number;
}

/**
 * One connection, for one purpose each: buckets must not queue behind accounts.
 *
 * No offline queue and no retries of commands: a request in hand is better served by the fallback now than by Redis
 * later, and a script that is sent again after a timeout would count twice. Reconnects go on for ever, at most one
 * second apart, so that a Redis that is back is used within a second or two.
 */
export function openRedis(options: RedisOptions, log: Log, purpose: string): Redis {
  const redis = new Redis(options.url, {
    connectionName: `weir-${purpose}`,
    commandTimeout: options.callTimeoutMs,
    connectTimeout: 1_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    retryStrategy: (attempt) => Math.min(1_000, 50 * 2 ** Math.min(attempt, 5)),
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
  });
  let reported: string | null = null;
  redis.on('error', (error: Error) => {
    if (error.message === reported) return; // Each reconnect fails alike: one line an outage.
    reported = error.message;
    log.warn('Redis is away', { purpose, reason: error.message });
  });
  redis.on('ready', () => {
    if (reported !== null) log.info('Redis is back', { purpose });
    reported = null;
  });
  return redis;
}

/** Resolves when the first connection stands, or when `waitMs` are over: starting does not depend on Redis. */
export async function firstConnection(redis: Redis, waitMs: number): Promise<boolean> {
  if (redis.status === 'ready') return true;
  return await new Promise((resolve) => {
    const settle = (connected: boolean): void => {
      clearTimeout(timer);
      redis.off('ready', ready);
      resolve(connected);
    };
    const ready = (): void => settle(true);
    const timer = setTimeout(settle, waitMs, false);
    redis.once('ready', ready);
  });
}
