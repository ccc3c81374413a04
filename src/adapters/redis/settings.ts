/** How connections to Redis are set up. */
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { SentinelConnectionOptions, RedisOptions as ServerOptions } from 'ioredis';
import type { Login, RedisTarget } from '../../config/redis-url.ts';
import { contextOptions, type TlsMaterial } from '../../config/tls-material.ts';
import { causeOf } from './causes.ts';
import type { Meeting, Troubles } from './troubles.ts';

export interface ConnectionWishes {
  /** Where the URL is for TLS. */
  readonly tls?: TlsMaterial;
  /** How long a command may take before it counts as failed, milliseconds. */
  readonly callTimeoutMs: number;
}

/**
 * How long a connection may take to open. Also how long it may be silent while it owes an answer, unless a call may
 * take longer.
 */
const silenceMs = 1_000;
/** How long the other side may take to close. Reconnecting waits for that, and a server that hangs never closes. */
export const closeMs = 100;
/** A Sentinel that does not answer within this is passed over; later where calls to Redis may take longer. */
export const sentinelMs = 500;
/** Reconnecting after 100 ms, then 200, 400 and every 500: a Redis that is back is used within a second or two. */
export const retryMs = (attempt: number): number => Math.min(500, 50 * 2 ** Math.min(attempt, 5));

/** Commands whose refusal is nobody's trouble, or has a line of its own. */
const quiet: ReadonlySet<string> = new Set(['config', 'info', 'client', 'hello', 'subscribe', 'publish']);
/** How scripts are sent whole again, and how a cluster says where to ask: part of the way. */
const onTheWay = /^(NOSCRIPT|MOVED|ASK|TRYAGAIN)\b/;

export type Settings = Omit<ServerOptions, 'tls' | 'replyMapping' | 'sentinels' | 'himportFieldsets'> & {
  readonly tls?: ConnectionOptions;
};

export function settingsOf(
  target: RedisTarget,
  options: ConnectionWishes,
  troubles: Troubles,
  meeting: Meeting,
): Settings {
  let reopenNotBefore = 0;
  return {
    ...loginOf(target.login),
    ...secured(target, options.tls ?? nothingOfOurOwn),
    db: target.database,
    connectionName: `weir-${meeting.purpose}`,
    ...timeoutsOf(options.callTimeoutMs),
    connectTimeout: silenceMs,
    disconnectTimeout: closeMs,
    maxLoadingRetryTime: 500,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // The rejection of ioredis’s own resubscribing would be caught by nobody, and end the process: `subscription.ts`
    // does
    // it.
    autoResubscribe: false,
    retryStrategy: retryMs,
    // Called with every error that Redis answers.
    reconnectOnError(error) {
      if (onTheWay.test(error.message) && (target.kind === 'cluster' || error.message.startsWith('NOSCRIPT')))
        return false;
      if (!quiet.has(commandOf(error))) troubles.refused(meeting, error);
      if (causeOf(error).reconnect !== true || performance.now() < reopenNotBefore) return false;
      reopenNotBefore = performance.now() + silenceMs; // It may lead to the same server each time.
      return 1;
    },
  };
}

/** The options that follow from how long a command may take, milliseconds. */
export function timeoutsOf(callTimeoutMs: number) {
  return { commandTimeout: callTimeoutMs, socketTimeout: Math.max(silenceMs, callTimeoutMs) };
}

/** The same for what Sentinels are asked. */
export const sentinelTimeoutOf = (callTimeoutMs: number): number => Math.max(sentinelMs, callTimeoutMs);

/** Which command an error answers; empty: none. */
export const commandOf = (error: Error): string =>
  (error as { readonly command?: { readonly name: string } }).command?.name ?? '';

const loginOf = ({ username, password }: Login): Pick<ServerOptions, 'username' | 'password'> => ({
  ...(username === null ? {} : { username }),
  ...(password === null ? {} : { password }),
});

const nothingOfOurOwn: TlsMaterial = { ca: null, cert: null, key: null };

/** ioredis sends no server name by itself, which Redis behind a TLS router needs. Sentinels and nodes have one each. */
function secured({ tls, kind, endpoints: [{ host }] }: RedisTarget, material: TlsMaterial): Pick<Settings, 'tls'> {
  if (!tls) return {};
  return {
    tls: { ...contextOptions(material), ...(kind === 'server' && isIP(host) === 0 ? { servername: host } : {}) },
  };
}

type SentinelTarget = RedisTarget & { readonly kind: 'sentinel' };
type SentinelSettings = Omit<SentinelConnectionOptions, 'path' | 'family' | 'protocol' | 'replyMapping' | 'tls'>;

/**
 * Only the Sentinels of the URL are asked: those that they tell of may have addresses that cannot be reached from here.
 * `failover.ts` follows a failover without waiting for the old primary to be silent.
 */
export function sentinelSettings(target: SentinelTarget, { tls, commandTimeout = 0 }: Settings): SentinelSettings {
  const { username, password } = target.sentinelLogin;
  return {
    sentinels: [...target.endpoints],
    name: target.master,
    updateSentinels: false,
    sentinelCommandTimeout: sentinelTimeoutOf(commandTimeout),
    sentinelRetryStrategy: retryMs,
    ...(username === null ? {} : { sentinelUsername: username }),
    ...(password === null ? {} : { sentinelPassword: password }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}
