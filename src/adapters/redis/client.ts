import { isIP } from 'node:net';
import { type RedisOptions as Connection, Redis } from 'ioredis';
import { contextOptions, type TlsMaterial } from '../../model/tls.ts';
import type { Log } from '../../ports.ts';

export interface RedisOptions {
  readonly url: string;
  /** Where the URL is rediss. */
  readonly tls?: TlsMaterial;
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
    ...secured(options),
    connectionName: `weir-${purpose}`,
    commandTimeout: options.callTimeoutMs,
    connectTimeout: 1_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Nobody would catch the rejection of ioredis's own, which ends the process: whoever subscribes does it anew.
    autoResubscribe: false,
    enableAutoPipelining: true,
    // A pipeline waits for the replies to the one before: a stalled class would hold the others' slots up, too.
    autoPipeliningIgnoredCommands: ['weirReserve'],
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

/** ioredis sends no server name by itself, which Redis behind a TLS router needs. */
function secured({ url, tls = nothingOfOurOwn }: RedisOptions): Pick<Connection, 'tls'> {
  if (!url.startsWith('rediss:')) return {};
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return { tls: { ...contextOptions(tls), ...(isIP(host) === 0 ? { servername: host } : {}) } };
}

const nothingOfOurOwn: TlsMaterial = { ca: null, cert: null, key: null };

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
