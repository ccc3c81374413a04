import { Cluster, Redis } from 'ioredis';
import { type Endpoint, isTarget, type RedisTarget, readRedisUrl } from '../../config/redis-url.ts';
import type { Log } from '../../observe/ports.ts';
import { causeOf } from './causes.ts';
import type { Lacks } from './lacks.ts';
import { rotationOver } from './rotation.ts';
import {
  type ConnectionWishes,
  closeMs,
  commandOf,
  retryMs,
  type Settings,
  sentinelMs,
  sentinelSettings,
  settingsOf,
} from './settings.ts';
import { Troubles } from './troubles.ts';
import { doWithoutInfo } from './without-info.ts';

/** Whatever the URL leads to: the commands are the same. */
export type RedisConnection = Redis | Cluster;

interface RedisOptions extends ConnectionWishes {
  /** In a form of `src/config/redis-url.ts`. */
  readonly url: string;
  /** Told of missing commands that Weir can do without. Not there: nobody is told. */
  readonly lacks?: Lacks;
  /** Shared by connections whose troubles are one line in the log. Not there: each has its own. */
  readonly troubles?: Troubles;
}

/**
 * One connection, for one purpose each: buckets must not queue behind accounts.
 *
 * No offline queue and no retries of commands: a request in hand is better served by the fallback now than by Redis
 * later, and a script that is sent again after a timeout would count twice. Only what is known not to have been done is
 * sent again: a script that Redis has forgotten (NOSCRIPT), and what a cluster's node sends on to another (MOVED, ASK).
 *
 * A connection that owes an answer and is silent for a second is given up for a new one. A peer that hangs would be
 * waited for otherwise, though Sentinel or the cluster may have replaced it; and after a network that swallowed
 * packets, TCP would only speak up again by its own clock, many seconds late. The reply could still have said what a
 * script did; but the request that waited for it has gone on alone long before.
 *
 * Reconnects go on for ever.
 */
export function openRedis(options: RedisOptions, log: Log, purpose: string): RedisConnection {
  const target = targetOf(options.url);
  const followers = followersOf(options, log, purpose);
  const settings = settingsOf(target, options, followers.troubles, { purpose });
  if (target.kind === 'cluster') return openCluster(target, settings, followers);
  const where = target.kind === 'sentinel' ? sentinelSettings(target, settings) : target.endpoints[0];
  return followed(new Redis({ ...settings, ...where, ...batching }), followers);
}

/**
 * A connection to subscribe on. In a cluster a message reaches every node, so any of them will do; ioredis's own
 * subscriber would change nodes without a word, and nobody would know that messages may have been missed.
 *
 * @param nodes those that the cluster is known to have now
 */
export function openSubscriber(
  options: RedisOptions,
  log: Log,
  purpose: string,
  nodes: () => readonly Endpoint[] = () => [],
): Redis {
  const target = targetOf(options.url);
  if (target.kind !== 'cluster') return openRedis(options, log, purpose) as Redis;
  return openRotating(target, { ...options, places: () => [...target.endpoints, ...nodes()] }, log, purpose);
}

export interface Sentinel {
  /** To any of them, to subscribe on. */
  readonly connection: Redis;
  /** What they call the primary. */
  readonly master: string;
}

/** Null: the URL is not one of Sentinels. */
export function openSentinel(options: RedisOptions, log: Log, purpose: string): Sentinel | null {
  const target = targetOf(options.url);
  if (target.kind !== 'sentinel') return null;
  const { sentinelLogin: login, endpoints, master } = target;
  const places = (): readonly Endpoint[] => endpoints;
  return { connection: openRotating({ ...target, login, database: 0 }, { ...options, places }, log, purpose), master };
}

/**
 * Has a connection opened anew. A connection that is being opened is left alone, and soon gives up if it hangs. If
 * ioredis were told now, it would take that for the end, and would never open another.
 */
export function reopen(redis: RedisConnection): void {
  if (redis.status === 'ready') redis.disconnect(true);
}

/** Calls back each time that a connection stands: the one there is, or one to a node of the cluster. */
export function onServing(redis: RedisConnection, call: () => void): void {
  redis.on('ready', call);
  if (redis instanceof Cluster) redis.on('+node', (node: Redis) => node.on('ready', call));
}

/** The cluster's nodes as far as they are known. */
export function nodesOf(redis: RedisConnection): Endpoint[] {
  if (!(redis instanceof Cluster)) return [];
  return redis.nodes().map(({ options: { host = '', port = 0 } }) => ({ host, port }));
}

function openRotating(
  target: RedisTarget,
  options: RedisOptions & { readonly places: () => readonly Endpoint[] },
  log: Log,
  purpose: string,
): Redis {
  const followers = followersOf(options, log, purpose);
  const settings = settingsOf(target, options, followers.troubles, { purpose });
  const Connector = rotationOver(options.places, settings.tls ?? null, closeMs);
  return followed(new Redis({ ...settings, Connector }), followers, () => options.places().length);
}

/** The configuration has been judged before: here a bad URL is a bug. */
function targetOf(url: string): RedisTarget {
  const target = readRedisUrl(url);
  if (isTarget(target)) return target;
  throw new TypeError(`redis.url: ${target.given} ${target.fault}; ${target.wanted}`);
}

const batching = {
  enableAutoPipelining: true,
  // A pipeline waits for the replies to the one before: a stalled class would hold the others' slots up, too.
  autoPipeliningIgnoredCommands: ['weirReserve'],
};

/**
 * Weir does not reconnect to a lost node: another node says who has its slots (MOVED), which is how a failover is
 * found. A command that was under way may have been done, so it is not sent to another node (`retryDelayOnFailover`).
 * No automatic pipelines: their commands wait without bound for a cluster that was never there.
 */
function openCluster(target: RedisTarget, settings: Settings, followers: Followers): Cluster {
  const { troubles, lacks, purpose } = followers;
  const { retryStrategy: _, ...redisOptions } = settings;
  const cluster = new Cluster([...target.endpoints], {
    redisOptions,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryMs,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    maxRedirections: 4,
    slotsRefreshTimeout: sentinelMs,
    // Names stay names: certificates are for them, and they may lead elsewhere tomorrow.
    dnsLookup: (name, done) => done(null, name),
  });
  // The first commands find connections open. Not before the cluster is ready: its own first question may go to any
  // node, and one that is being opened would refuse it. Replicas are not opened until they have a part of the slots.
  const open = (node: Redis): void => {
    if (node.status === 'wait' && node.options.readOnly !== true) node.connect().catch(() => {});
  };
  cluster.on('ready', () => cluster.nodes('master').forEach(open));
  cluster.on('+node', (node: Redis) => {
    doWithoutInfo(node, lacks);
    const at = `${node.options.host}:${node.options.port}`;
    node.on('ready', () => troubles.connected({ purpose, node: at }));
    if (cluster.status === 'ready') open(node);
  });
  // A lost node matters only to calls for what it had, and shows there. Any other trouble would not show.
  cluster.on('node error', (error: Error, node: string) => {
    if (causeOf(error).gone !== true) troubles.broke({ purpose, node }, error);
  });
  return followed(cluster, followers);
}

/** The listener for what a connection meets, and the connection's purpose. */
interface Followers {
  readonly troubles: Troubles;
  readonly lacks: Lacks | undefined;
  readonly purpose: string;
}

const followersOf = ({ troubles, lacks }: RedisOptions, log: Log, purpose: string): Followers => ({
  troubles: troubles ?? new Troubles(log),
  lacks,
  purpose,
});

/** @param places how many are tried in turn: one that fails is no trouble as long as another does not */
function followed<R extends RedisConnection>(redis: R, { troubles, lacks, purpose }: Followers, places = () => 1): R {
  if (redis instanceof Redis) doWithoutInfo(redis, lacks);
  let why: unknown = null;
  let failures = 0;
  redis.on('sentinelError', (error: Error) => {
    why = error;
  });
  redis.on('error', (error: Error) => {
    if (++failures >= places()) troubles.broke({ purpose }, why ?? error);
    // Without the database that it was to use, ioredis goes on with another.
    if (redis instanceof Redis && commandOf(error) === 'select') redis.stream.destroy();
  });
  redis.on('ready', () => {
    why = null;
    failures = 0;
    troubles.connected({ purpose });
  });
  return redis;
}

/** Resolves when the first connection stands, or when `waitMs` are over: starting does not depend on Redis. */
export async function firstConnection(redis: RedisConnection, waitMs: number): Promise<boolean> {
  const { promise: tooLate, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, waitMs, false);
  try {
    return await Promise.race([isReady(redis).then(() => true), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** A cluster is ready when all nodes are that have slots. */
async function isReady(redis: RedisConnection): Promise<void> {
  if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', () => resolve(null)));
  if (redis instanceof Cluster) await Promise.all(redis.nodes('master').map(isReady));
}
