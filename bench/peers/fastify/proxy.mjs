/** @fastify/http-proxy with @fastify/rate-limit on a Redis: `proxy.mjs UPSTREAM REDIS`. Limits are out of the way. */
import proxy from '@fastify/http-proxy';
import limit from '@fastify/rate-limit';
import fastify from 'fastify';
import { Redis } from 'ioredis';

const [upstream, redis] = process.argv.slice(2);
const app = fastify({ logger: { level: 'info', file: '/dev/null' }, keepAliveTimeout: 60_000 });
await app.register(limit, { max: 1_000_000_000, timeWindow: 1_000, redis: new Redis(redis) });
await app.register(proxy, { upstream, undici: { connections: 256, pipelining: 1 } });
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ port: app.server.address().port });
process.once('disconnect', () => process.exit());
process.once('SIGTERM', () => process.exit());
