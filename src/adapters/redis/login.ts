/**
 * Another name or password for connections that stand: shown at once, so that a mistake is told now, and used whenever
 * one is opened anew. A connection whose new login is refused goes on by the old one for as long as it stands.
 */
import type { Redis, RedisOptions } from 'ioredis';
import { isTarget, type Login, type RedisTarget, readRedisUrl } from '../../config/redis-url.ts';
import type { Log } from '../../observe/ports.ts';
import { causeOf } from './causes.ts';
import type { RedisConnection } from './client.ts';
import { nodesIn, optionsOf } from './in-place.ts';

/** Whether two URLs lead to the same place, whoever logs in. */
export function sameServer(one: string, other: string): boolean {
  const [first, second] = [one, other].map(readRedisUrl) as [RedisTarget, RedisTarget];
  return (
    isTarget(first) &&
    isTarget(second) &&
    JSON.stringify(withoutLogins(first)) === JSON.stringify(withoutLogins(second))
  );
}

function withoutLogins(target: RedisTarget): object {
  return { ...target, login: null, sentinelLogin: null };
}

/** @param url where these lead already, with the new login */
export async function changeLogin(connections: readonly RedisConnection[], url: string, log: Log): Promise<void> {
  const target = readRedisUrl(url);
  if (!isTarget(target)) return;
  for (const options of connections.flatMap(optionsOf)) take(options, target);
  const refusals = await Promise.all(connections.flatMap(nodesIn).map((node) => showTo(node, target)));
  const refused = refusals.find((error) => error !== null);
  if (refused === undefined) return;
  const { name: cause, remedy } = causeOf(refused);
  log.error('Redis refuses the new login; connections that stand go on by the old one', { cause, remedy });
}

/** The same for a connection to Sentinels. */
export function changeSentinelLogin(redis: Redis, url: string): void {
  const target = readRedisUrl(url);
  if (isTarget(target) && target.kind === 'sentinel') takeLogin(redis.options, target.sentinelLogin);
}

/** The error that it is answered with; null: it is accepted, or will be shown when the connection is opened. */
async function showTo(node: Redis, { login: { username, password } }: RedisTarget): Promise<unknown> {
  if (node.status !== 'ready' || password === null) return null;
  try {
    await (username === null ? node.auth(password) : node.auth(username, password));
    return null;
  } catch (error) {
    // A connection that is subscribed may take no other command.
    return node.mode === 'subscriber' ? null : error;
  }
}

function take(options: RedisOptions, target: RedisTarget): void {
  takeLogin(options, target.login);
  if (target.kind !== 'sentinel') return;
  const { username, password } = target.sentinelLogin;
  Object.assign(options, { sentinelUsername: username ?? undefined, sentinelPassword: password ?? undefined });
}

function takeLogin(options: RedisOptions, { username, password }: Login): void {
  Object.assign(options, { username: username ?? undefined, password: password ?? undefined });
}
