/** Promise P8 for real: two Weir processes on one Redis; what is revoked on one is refused on the other. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { pass, until } from '../support/until.ts';
import { login, type RunningSimulator, type RunningWeir, startSimulatorProcess, startWeir } from '../support/weir.ts';

/** So long that only a message, or a subscription that broke, explains an end before it. */
const longMs = 60_000;
const shortMs = 800;

const folder = temporaryFolder(afterAll);
let redis: TestRedis;
let simulator: RunningSimulator;
let proxy: TcpProxy;
/** `one` and `other` cache tokens for long, `late` for a short time, and its Redis is behind the proxy. */
let one: RunningWeir;
let other: RunningWeir;
let late: RunningWeir;

beforeAll(async () => {
  [redis, simulator] = [
    await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']),
    await startSimulatorProcess(),
  ];
  proxy = await startTcpProxy(redis.port);
  const configured = async (tokenMemoryMs: number, redisUrl: string): Promise<RunningWeir> => {
    const file = join(folder, `${tokenMemoryMs}.yaml`);
    // Where no Redis hangs, a busy machine is not to look like one.
    const redis = tokenMemoryMs === longMs ? { callTimeoutMs: 10_000 } : {};
    await writeFile(file, JSON.stringify({ auth: { tokenMemoryMs }, ops: { figuresMaxAgeMs: 0 }, redis }));
    return await startWeir({ WEIR_CONFIG: file, COREAPP_URL: simulator.url, REDIS_URL: redisUrl });
  };
  one = await configured(longMs, redis.url);
  other = await configured(longMs, redis.url);
  late = await configured(shortMs, `redis://127.0.0.1:${proxy.port}`);
});

afterAll(async () => {
  for (const each of [late, other, one, proxy, simulator]) await each?.[Symbol.asyncDispose]();
  await redis?.stop();
});

interface Answer {
  readonly status: number;
  readonly code: number | undefined;
  readonly retryAfter: string | null;
}

async function ask({ url }: RunningWeir, method: string, path: string, token: string): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
  const { errors } = (await response.json()) as { errors?: readonly { readonly code: number }[] };
  return { status: response.status, code: errors?.[0]?.code, retryAfter: response.headers.get('retry-after') };
}

/** Weir's own metrics: no line, no limit, nothing in Redis but the token. */
const passes = async (weir: RunningWeir, token: string): Promise<boolean> =>
  (await ask(weir, 'GET', '/v1/metrics', token)).status === 200;

/** A token that all replicas have in the cache. After a restart of Redis each of them finds it again in its own time. */
async function cachedToken(): Promise<string> {
  const token = await login(one.url);
  for (const weir of [one, other, late]) await until(() => passes(weir, token), { what: 'the token to be known' });
  return token;
}

async function logOut(weir: RunningWeir, token: string): Promise<void> {
  expect((await ask(weir, 'POST', '/v1/users/logout', token)).status).toBe(200);
}

/** Waits for less time than `one` and `other` cache a token: only a message, or its loss, explains that they refuse it. */
const refuses = (weir: RunningWeir, token: string): Promise<unknown> =>
  until(async () => (await ask(weir, 'GET', '/v1/metrics', token)).status === 401, { what: 'the token to be refused' });

describe('Two replicas on one Redis', () => {
  it('a token that logs out on one is refused on the other, long before that would have asked', async () => {
    const token = await cachedToken();
    await logOut(one, token);
    await refuses(other, token);
  });

  it('a cached token costs Redis nothing', async () => {
    const token = await cachedToken();
    const before = await lookUps(other);
    expect(before).toBeGreaterThan(0);
    for (let i = 0; i < 200; i++) expect(await passes(other, token)).toBe(true);
    expect(await lookUps(other)).toBe(before);
  });

  it('a new password ends all tokens on both, and the one that comes with it is valid on both', async () => {
    const tokens = [await cachedToken(), await cachedToken()];
    const response = await fetch(`${one.url}/v1/users/admin`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${tokens[0]}`, 'content-type': 'application/json' },
      body: JSON.stringify({ password: 'Weir-2026!' }),
    });
    expect(response.status).toBe(200);
    for (const token of tokens) await refuses(other, token);
    expect(await passes(one, tokens[1] as string)).toBe(false);
    const token = await login(other.url);
    expect([await passes(one, token), await passes(other, token)]).toEqual([true, true]);
  });

  it('a subscription that Redis has cut loses nothing', async () => {
    const [token, stays] = [await cachedToken(), await cachedToken()];
    const client = new Redis(redis.url);
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    client.disconnect();
    await logOut(one, token);
    await refuses(other, token);
    expect(await passes(other, stays)).toBe(true);
    await subscribed(3);
    await logOut(one, stays);
    await refuses(other, stays);
  });

  it('a subscription that hears nothing any more is made up for by the cache’s time', async () => {
    const token = await cachedToken();
    expect(proxy.silence('weir-revocations')).toBe(1);
    await logOut(one, token);
    await refuses(late, token);
  });

  it('with Redis restarted in between, callers notice nothing and a logout still counts everywhere', async () => {
    await subscribed(3);
    const token = await cachedToken();
    await redis.kill('SIGKILL');
    for (const weir of [one, other, late]) expect(await passes(weir, token)).toBe(true);
    await redis.restart();
    await subscribed(3);
    for (const weir of [one, other, late]) expect(await passes(weir, token)).toBe(true);
    await logOut(one, token);
    for (const weir of [other, late]) await refuses(weir, token);
  });
});

describe('While Redis is away', () => {
  it('known tokens go on, all else is 503 with error 1023 and Retry-After; it comes back by itself', async () => {
    await subscribed(3);
    const token = await cachedToken();
    const strange = await login(one.url); // Known on one replica alone.
    const outage = { status: 503, code: 1023, retryAfter: '1' };
    await redis.kill('SIGKILL');
    for (const weir of [one, other, late]) {
      expect(await ask(weir, 'POST', '/v1/messages', token)).toMatchObject({ status: 201 });
      expect(await passes(weir, token)).toBe(true);
    }
    expect(await passes(one, strange)).toBe(true);
    expect(await ask(other, 'GET', '/v1/metrics', strange)).toEqual(outage);
    expect(await ask(other, 'GET', '/v1/metrics', 'x'.repeat(43))).toEqual(outage);
    expect(await ask(other, 'POST', '/v1/users/logout', token)).toEqual(outage);
    await expect(login(other.url)).rejects.toThrow(/503/);

    await redis.restart();
    await until(() => passes(other, strange), { what: 'the store to be back' });
    expect((await ask(other, 'GET', '/v1/metrics', 'y'.repeat(43))).status).toBe(401);
    await until(() => login(other.url), { what: 'a login' });
    await until(() => passes(other, token), { what: 'the token that could not be logged out' });
  });

  it('and hangs, a known token does not wait for it', async () => {
    await subscribed(3);
    const token = await cachedToken();
    await redis.kill('SIGSTOP');
    try {
      // While it hangs it answers nobody: what is answered has not waited for it.
      for (let i = 0; i < 50; i++) {
        expect(await passes(late, token)).toBe(true);
        await pass(shortMs / 10);
      }
    } finally {
      await redis.kill('SIGCONT');
    }
  });
});

describe('A Redis that keeps nothing on disk', () => {
  it('is warned about at the start and shown on /status', async () => {
    await using forgetful = await startRedis();
    await using weir = await startWeir({ COREAPP_URL: simulator.url, REDIS_URL: forgetful.url });
    await weir.process.waitForLine(/"level":"warn".*Redis keeps nothing on disk/);
    expect(await persistence(weir)).toBe('none');
  });

  it('one that does is not', async () => {
    expect(await persistence(one)).toBe('aof');
    expect(one.process.transcript()).not.toContain('keeps nothing on disk');
  });
});

/** How often the replica has asked Redis for a token. */
async function lookUps({ opsUrl }: RunningWeir): Promise<number> {
  const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
  const counts = metrics.matchAll(/^weir_store_call_duration_seconds_count\{.*call="findToken".*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function persistence({ opsUrl }: RunningWeir): Promise<string> {
  const status = (await (await fetch(`${opsUrl}/status`)).json()) as { store: { persistence: string } };
  return status.store.persistence;
}

/** Waits until so many replicas are subscribed. */
async function subscribed(count: number): Promise<void> {
  const client = new Redis(redis.url);
  try {
    await until(
      async () => {
        const [, subscribers] = (await client.pubsub('NUMSUB', 'weir:revoked')) as [string, number];
        return subscribers === count;
      },
      { what: `${count} subscriptions` },
    );
  } finally {
    client.disconnect();
  }
}
