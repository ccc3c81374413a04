/** Two replicas on one Redis: what the Coreapp tells one of them, and limits of a narrower scope than the fleet. */
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, inTurn, type Script, say, startUpstream, type Upstream } from '../support/upstream.ts';

const ok = answer(200, {}, 'ok');
/** No bucket is full again while a test runs. */
const slowly = 'limits: {messages: {rate: 0.001, scope: "header:X-Number"}}';

let server: TestRedis;
let redis: Redis;
let upstream: Upstream;
let one: TestApp;
let other: TestApp;

async function openBoth(yaml: string): Promise<void> {
  const env = { REDIS_URL: server.url };
  one = await startTestApp(upstream.url, yaml, env);
  other = await startTestApp(upstream.url, yaml, env);
}

beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  upstream = await startUpstream(say(ok));
});
afterEach(async () => {
  await Promise.all([one.close(0), other.close(0)]);
  redis.disconnect();
  await upstream.stop();
  await server.stop();
});

const pushes = async (app: TestApp): Promise<number> =>
  Number(/call_duration_seconds_count\{call="pushBack",outcome="ok"\} (\d+)/.exec(await app.metrics())?.[1] ?? 0);
const number = (value: string) => `X-Number: ${value}\r\n`;

describe('A 429 of the Coreapp', () => {
  test('that one replica meets stops the other as well, for as long as it says', async () => {
    await openBoth('{}');
    const sentAt: number[] = [];
    const noted =
      (bytes: string): Script =>
      (_, socket) => {
        sentAt.push(performance.now());
        socket.write(bytes);
      };
    upstream.play(inTurn(noted(answer(429, { 'Retry-After': '1' })), noted(ok)));
    const refused = one.send('POST /v1/messages', '', '{}');
    await until(async () => (await pushes(one)) === 1, { what: 'the bucket to be pushed back' });
    const elsewhere = await Promise.all([1, 2, 3].map(() => other.send('POST /v1/messages', '', '{}')));
    expect([(await refused).status, ...elsewhere.map(({ status }) => status)]).toEqual([200, 200, 200, 200]);
    const [met = 0, ...later] = sentAt;
    expect(later).toHaveLength(4);
    for (const at of later) expect(at - met).toBeGreaterThanOrEqual(999); // Redis rounds to whole microseconds.
  });

  test('for a hundred requests in flight together is one call to Redis, or one in 100 ms where they take longer', async () => {
    await openBoth('{limits: {messages: {rate: 1000, burst: 1000}}, coreapp: {permitsMin: 100}}');
    const waiting: (() => void)[] = [];
    upstream.play((_, socket) => void waiting.push(() => socket.write(answer(429, { 'Retry-After': '1' }))));
    const sent = Array.from({ length: 100 }, () => one.send('POST /v1/messages', '', '{}'));
    await until(() => waiting.length === 100, { what: 'all at the Coreapp' });
    upstream.play(say(ok));
    const began = performance.now();
    for (const refuse of waiting) refuse();
    const met = 'weir_replays_total{class="messages",reason="throttled"} 100';
    await until(async () => (await one.metrics()).includes(met), { what: 'all refusals to be met' });
    const tookMs = performance.now() - began;
    expect(new Set((await Promise.all(sent)).map(({ status }) => status))).toEqual(new Set([200]));
    const pushed = await pushes(one);
    expect(pushed).toBeGreaterThanOrEqual(1);
    expect(pushed).toBeLessThanOrEqual(1 + Math.floor(tookMs / 100));
  });
});

describe('A limit for each value of a field', () => {
  test('holds over all replicas, and holds up nobody else', async () => {
    // One in 500 s: long enough to be seen to wait. Of a larger burst, a busy machine may let the first slot close.
    await openBoth('limits: {messages: {rate: 0.002, burst: 1, scope: "header:X-Number", holdMaxMs: 600000}}');
    const send = (app: TestApp, value: string) => app.send('POST /v1/messages', number(value), '{}');
    await Promise.all([send(one, 'a'), send(one, 'b'), send(other, 'c')]);
    const second = send(other, 'a');
    const waits = async () => /^weir_line_requests\{class="messages"\} 1$/m.test(await other.metrics());
    await until(waits, { what: 'the second to wait' });
    const others = [await send(one, 'd'), await send(other, 'e')];
    expect(others.map(({ status }) => status)).toEqual([200, 200]);
    expect(upstream.arrivals).toHaveLength(5);
    await other.close(0);
    expect((await second).status).toBe(503);
  });

  test('is in Redis by a digest: whatever callers send, no key holds it', async () => {
    await openBoth(slowly);
    const values = ['4915', '}{bucket:messages}{', 'Zoë', 'x'.repeat(8_000)];
    for (const value of values) await one.send('POST /v1/messages', number(value), '{}');
    await one.send('POST /v1/messages', '', '{}');
    const digest = (value: string) => createHash('sha256').update(value).digest('hex');
    const keys = [...values.map(digest), 'none'].map((name) => `weir:{bucket:messages:${name}}`);
    expect((await redis.keys('weir:{bucket:*')).toSorted()).toEqual(keys.toSorted());
  });

  test('is one figure in the metrics, and how many there are is in /status', async () => {
    await openBoth(slowly);
    for (const value of ['zoe-1', 'zoe-2', 'zoe-3']) await one.send('POST /v1/messages', number(value), '{}');
    const text = await one.metrics();
    expect(text).not.toContain('zoe');
    expect(text).toContain('weir_buckets_live{class="messages"} 3');
    expect(Number(/weir_slots_total\{class="messages",source="store"\} (\d+)/.exec(text)?.[1])).toBeGreaterThanOrEqual(
      3,
    );
    const { json } = await one.ops('/status');
    const live = Object.fromEntries(
      json.buckets.map((bucket: { class: string; live: number }) => [bucket.class, bucket.live]),
    );
    expect(live).toMatchObject({ messages: 3, contacts: 1 });
  });
});

describe('More values than there may be', () => {
  test('are refused with 503, error 1016 and Retry-After, and counted', async () => {
    await openBoth('limits: {messages: {rate: 0.001, burst: 3, scope: "header:X-Number", scopesMax: 3}}');
    for (const value of ['a', 'b']) await one.send('POST /v1/messages', number(value), '{}');
    const told = await one.send('POST /v1/messages', number('c'), '{}');
    expect(told).toMatchObject({ status: 503, json: { errors: [{ code: 1016 }] } });
    expect(told.field('retry-after')).toBe('1');
    expect(await one.metrics()).toContain('weir_refusals_total{refusal="scopesFull",blame="weir"} 1');
    expect((await other.send('POST /v1/messages', number('c'), '{}')).status).toBe(200);
  });
});
