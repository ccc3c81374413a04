/**
 * The commands that Weir asks of Redis, and what it costs where one of them is missing: renamed (`rename-command`),
 * kept from this user (ACL), or not there with a hosted Redis.
 */
import { commandAt } from './script.ts';

const limits = 'limits are not shared: each replica goes on with its share of them';
const tokens = 'nobody can log in or out, and only tokens that this replica knows pass';
const users = 'users cannot be looked up, added or changed, and nobody can log in';
const everything = `${limits}; ${tokens}`;

/** By its name in lower case. */
const costs: Readonly<Record<string, string>> = {
  auth: 'Weir cannot log in to Redis',
  hello: 'Weir cannot log in to Redis',
  select: 'Weir cannot use the database that redis.url names',
  cluster: 'Weir cannot find the nodes of the cluster',
  ping: 'Weir cannot tell whether it still hears of revocations, and subscribes anew each second',
  eval: everything,
  evalsha: everything,
  time: everything,
  get: everything,
  set: everything,
  del: tokens,
  exists: tokens,
  mget: 'weir tokens list cannot tell which tokens are valid',
  hget: users,
  hset: users,
  hsetnx: users,
  hmget: 'weir tokens list cannot tell what tokens are called',
  hdel: 'users cannot be deleted',
  hscan: 'users cannot be listed',
  zadd: `replicas do not know of one another: while Redis is away, each takes the whole limit; ${tokens}`,
  zcard: `replicas do not know of one another: while Redis is away, each takes the whole limit; ${tokens}`,
  zrem: tokens,
  zrange: tokens,
  zremrangebyscore: 'replicas do not know of one another: while Redis is away, each takes the whole limit',
  expire: 'replicas do not know of one another: while Redis is away, each takes the whole limit',
  pexpire: tokens,
  pttl: `${tokens}; guesses at passwords are counted in each replica by itself`,
  incrby: 'guesses at passwords are counted in each replica by itself',
  multi: 'guesses at passwords are counted in each replica by itself',
  exec: 'guesses at passwords are counted in each replica by itself',
  publish: 'other replicas learn of a logout, a changed password and a deleted user late: after auth.tokenMemoryMs',
  subscribe: 'this replica learns of revocations by others late: after auth.tokenMemoryMs',
  config: 'Weir cannot see whether Redis keeps snapshots: /status says that its persistence is unknown',
  info: 'Weir cannot see the version of Redis, nor whether it still reads its data, nor what a restart of it leaves',
};

/** What was lost where `command` is missing. */
export function costOf(command: string): string {
  return costs[command.split('|')[0] as string] ?? 'what needs it fails';
}

/** What an operator can do about it. */
export function remedyFor(command: string): string {
  return `let Weir’s Redis user run ${command.toUpperCase()} (ACL SETUSER, rename-command): without it ${costOf(command)}`;
}

/** Found in errors about a command that is not there, or not for this user; not about its keys and channels. */
export const isMissing = /unknown (redis )?command|executing the script can't run this command|permissions to run the/i;

/** Which command an error says is missing, in lower case; null: it does not say. */
export function commandIn(said: string): string | null {
  const [, direct] = /(?:unknown command|permissions to run the) ['`‘]([\w|-]+)/i.exec(said) ?? [];
  return (direct ?? commandAt(said))?.toLowerCase() ?? null;
}
