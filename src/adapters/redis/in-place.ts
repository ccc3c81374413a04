/**
 * What may change while connections stand: how long a command may take, at once; certificates and whom to trust, with
 * the next connection that is opened.
 */
import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import { contextOptions, type TlsMaterial } from '../../config/tls-material.ts';
import type { RedisConnection } from './client.ts';
import { sentinelTimeoutOf, timeoutsOf } from './settings.ts';

/** Beyond its types: ioredis opens nodes by these. */
interface Pool {
  readonly connectionPool: { readonly redisOptions: RedisOptions };
}

/** The single connections that there are: of a cluster, those to its nodes. */
export function nodesIn(redis: RedisConnection): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes() : [redis];
}

/** All options by which one is opened anew, or goes on. */
export function optionsOf(redis: RedisConnection): readonly RedisOptions[] {
  const ofNodes = nodesIn(redis).map(({ options }) => options);
  if (!(redis instanceof Cluster)) return ofNodes;
  const { redisOptions = {} } = redis.options;
  return [...ofNodes, redisOptions, (redis as unknown as Pool).connectionPool.redisOptions];
}

export function changeCallTimeout(redis: RedisConnection, callTimeoutMs: number): void {
  for (const options of optionsOf(redis)) {
    Object.assign(options, timeoutsOf(callTimeoutMs), { sentinelCommandTimeout: sentinelTimeoutOf(callTimeoutMs) });
  }
}

/** A cluster's nodes, the rotation and the questions to Sentinels have the same object (`settings.ts`). */
export function changeTls(redis: RedisConnection, material: TlsMaterial): void {
  const nothing = { ca: undefined, cert: undefined, key: undefined };
  for (const { tls } of optionsOf(redis)) {
    if (tls !== undefined) Object.assign(tls, nothing, contextOptions(material));
  }
}
