import { Redis } from 'ioredis';
import { afterAll } from 'vitest';
import { startTestApp, type TestApp } from './app.ts';
import type { Env } from './config.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { type Script, startUpstream, type Upstream } from './upstream.ts';

/** An upstream for all tests of a file or of a block. */
export async function upstreamForAll(script?: Script): Promise<Upstream> {
  const upstream = await startUpstream(script);
  afterAll(() => upstream.stop());
  return upstream;
}

/** Weir in front of it; it stops before what was started earlier. @param yaml as for `startTestApp` */
export async function appForAll({ url }: Upstream, yaml?: string, env?: Env): Promise<TestApp> {
  const app = await startTestApp(url, yaml, env);
  afterAll(() => app.close(0));
  return app;
}

/** Both. */
export async function startForAll(
  yaml?: string,
  env?: Env,
  script?: Script,
): Promise<{ readonly upstream: Upstream; readonly app: TestApp }> {
  const upstream = await upstreamForAll(script);
  return { upstream, app: await appForAll(upstream, yaml, env) };
}

/** A Redis for all tests of a file or of a block. */
export async function redisForAll(extraArgs: readonly string[] = []): Promise<TestRedis> {
  const redis = await startRedis(extraArgs);
  afterAll(() => redis.stop());
  return redis;
}

/** The same with a client of its own. */
export async function redisClientForAll(
  extraArgs: readonly string[] = [],
): Promise<{ server: TestRedis; redis: Redis }> {
  const server = await redisForAll(extraArgs);
  const redis = new Redis(server.url);
  redis.on('error', () => {});
  afterAll(() => redis.disconnect());
  return { server, redis };
}
