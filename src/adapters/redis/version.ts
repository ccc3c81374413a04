import { Cluster } from 'ioredis';
import type { RedisConnection } from './client.ts';

/** The oldest that Weir is meant for. */
const oldest = [6, 2] as const;

/** What is too old about this Redis, in words; null: nothing, or it does not say. */
export async function tooOld(redis: RedisConnection): Promise<string | null> {
  const [server] = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const info = await server?.info('server').catch(() => '');
  const [, version = '', major, minor] = /^redis_version:((\d+)\.(\d+)\S*)/m.exec(info ?? '') ?? [];
  if (version === '') return null;
  const isOld = Number(major) < oldest[0] || (Number(major) === oldest[0] && Number(minor) < oldest[1]);
  return isOld ? `Redis ${version} is older than Weir needs (${oldest.join('.')})` : null;
}
