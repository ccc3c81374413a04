import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createLoginGuard, type LoginGuardOptions, loginGuardDefaults } from '../../src/adapters/login-guard/guard.ts';
import type { RedisConnection } from '../../src/adapters/redis/client.ts';
import { changeCallTimeout } from '../../src/adapters/redis/in-place.ts';
import type { LoginGuard } from '../../src/auth/ports.ts';
import { connectedTo } from '../support/redis-buckets.ts';
import { redisForAll } from '../support/start-for-all.ts';
import { driveDates } from '../support/still-timers.ts';
import { until } from '../support/until.ts';

/** So long that no test takes half of them. */
const windowS = 3_600;
const windowMs = 1_000 * windowS;
const trickleS = 1_200;
const options: LoginGuardOptions = {
  pair: { failures: 3, windowS },
  address: { failures: 6, windowS },
  name: { failures: 9, windowS: 10 * windowS },
  trickleS,
  knownS: 24 * windowS,
  knownMax: 20,
  stranger: { failures: 4, windowS },
};

const redis = await redisForAll();
const clients: RedisConnection[] = [];

/** So long that no busy machine is taken for a Redis that is away. */
const patientMs = 60_000;

async function connect(callTimeoutMs = patientMs) {
  const client = await connectedTo(redis.url, callTimeoutMs);
  clients.push(client);
  return client;
}

afterAll(() => {
  for (const client of clients) client.disconnect();
});

/** Names and addresses that no other test uses. */
let used = 0;
const freshName = (): string => `user-${++used}`;
const freshAddress = (): string => `10.0.${++used >> 8}.${used & 255}`;

async function fail(guard: LoginGuard, times: number, name: string, address: string): Promise<void> {
  for (let i = 0; i < times; i++) await guard.failed(name, address);
}

/** Attackers, each from an address of its own, until the name's own count is full. */
async function failFromEverywhere(guard: LoginGuard, name: string): Promise<void> {
  for (let i = 0; i < options.name.failures; i++) await guard.failed(name, freshAddress());
}

const throttled = (spanMs: number) => ({
  allowed: false,
  retryAfterMs: expect.toSatisfy((ms: number) => ms > spanMs / 2 && ms <= spanMs, `up to ${spanMs}`),
});

describe.each([
  ['memory', async (): Promise<LoginGuard> => createLoginGuard(null, options)],
  ['Redis', async (): Promise<LoginGuard> => createLoginGuard(await connect(), options)],
])('The guard in %s', (_, open) => {
  let guard: LoginGuard;
  beforeAll(async () => {
    guard = await open();
  });

  test('lets a newcomer try, and one who failed less often than allowed', async () => {
    const [name, address] = [freshName(), freshAddress()];
    expect(await guard.mayTry(name, address)).toEqual({ allowed: true });
    await fail(guard, 2, name, address);
    expect(await guard.mayTry(name, address)).toEqual({ allowed: true });
  });

  test('stops a name from an address after its failures, and says for how long', async () => {
    const [name, address] = [freshName(), freshAddress()];
    await fail(guard, 3, name, address);
    expect(await guard.mayTry(name, address)).toEqual(throttled(windowMs));
  });

  test('stops neither that name elsewhere nor other names there', async () => {
    const [name, address] = [freshName(), freshAddress()];
    await fail(guard, 3, name, address);
    expect(await guard.mayTry(name, freshAddress())).toEqual({ allowed: true });
    expect(await guard.mayTry(freshName(), address)).toEqual({ allowed: true });
  });

  test('stops an address that tries many names', async () => {
    const address = freshAddress();
    for (let i = 0; i < 6; i++) await guard.failed(freshName(), address);
    expect(await guard.mayTry(freshName(), address)).toEqual(throttled(windowMs));
  });

  test('is not soothed about an address by a login of its own', async () => {
    const [name, address] = [freshName(), freshAddress()];
    for (let i = 0; i < 6; i++) await guard.failed(freshName(), address);
    await guard.succeeded(name, address);
    expect(await guard.mayTry(freshName(), address)).toEqual(throttled(windowMs));
  });

  test('forgets the failures of a name from an address once it succeeds', async () => {
    const [name, address] = [freshName(), freshAddress()];
    await fail(guard, 2, name, address);
    await guard.succeeded(name, address);
    await fail(guard, 2, name, address);
    expect(await guard.mayTry(name, address)).toEqual({ allowed: true });
  });

  test('lets a name in where it has logged in before, whatever other names do there; its own failures count', async () => {
    const [name, home] = [freshName(), freshAddress()];
    await guard.succeeded(name, home);
    for (let i = 0; i < 3 * options.address.failures; i++) await guard.failed(freshName(), home);
    expect(await guard.mayTry(name, home)).toEqual({ allowed: true });
    expect(await guard.mayTry(freshName(), home)).toEqual(throttled(windowMs));
    await fail(guard, 3, name, home);
    expect(await guard.mayTry(name, home)).toEqual(throttled(windowMs));
  });

  test('tells known ones from new ones, and both from addresses that have failed', async () => {
    const [name, home, elsewhere] = [freshName(), freshAddress(), freshAddress()];
    const standing = async (user: string, address: string) => (await guard.look(user, address)).standing;
    expect(await standing(name, home)).toBe('new');
    await guard.succeeded(name, home);
    await guard.failed(freshName(), home);
    await guard.failed(name, elsewhere);
    expect(await standing(name, home)).toBe('known');
    expect(await standing(freshName(), home)).toBe('failed');
    expect(await standing(name, elsewhere)).toBe('failed');
    expect(await standing(name, freshAddress())).toBe('new');
  });

  test('knows a user from as many addresses as it may, the ones that were used last', async () => {
    const [name, other] = [freshName(), freshName()];
    const homes = Array.from({ length: 30 }, freshAddress);
    await guard.succeeded(other, homes[0] as string);
    for (const home of homes) await guard.succeeded(name, home);
    await guard.succeeded(name, homes[10] as string);
    await guard.succeeded(name, freshAddress());
    const known: string[] = [];
    for (const home of homes) if ((await guard.look(name, home)).standing === 'known') known.push(home);
    expect(known).toEqual([homes[10], ...homes.slice(12)]);
    expect((await guard.look(other, homes[0] as string)).standing).toBe('known');
  });

  test('slows down a name that many addresses try, but not where it has logged in before', async () => {
    const [name, home] = [freshName(), freshAddress()];
    await guard.succeeded(name, home);
    await failFromEverywhere(guard, name);
    expect(await guard.mayTry(name, freshAddress())).toEqual(throttled(1_000 * trickleS));
    expect(await guard.mayTry(name, home)).toEqual({ allowed: true });
  });

  test.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', false],
    ['2001:db8:1:0::7', '2001:0DB8:0001::8', false],
    ['::1', '0:0:0:0:1:2:3:4', false],
    ['2001:db8:2:1::1', '2001:db8:2:ff::1', false],
    ['2001:db8:3:1::1', '2001:db8:3:100::1', true],
    ['::ffff:203.0.113.7', '203.0.113.7', false],
    ['fe80::1%eth0', 'fe80::2', false],
  ])('takes IPv6 addresses by their /56: after %s, %s may try: %s', async (one, another, allowed) => {
    const name = freshName();
    await fail(guard, 3, name, one);
    expect((await guard.mayTry(name, another)).allowed).toBe(allowed);
  });

  test('is not brought to slow a name down by one IPv6 /56, however many /64s it sends from', async () => {
    const name = freshName();
    for (let i = 0; i < 20; i++) {
      const address = `2001:db8:${name.slice(5)}:${i.toString(16)}::1`;
      if ((await guard.mayTry(name, address)).allowed) await guard.failed(name, address);
    }
    expect(await guard.mayTry(name, freshAddress())).toEqual({ allowed: true });
  });

  test('stops unknown tokens and keys from an address, each after its allowance, and nothing else', async () => {
    const [name, address] = [freshName(), freshAddress()];
    const waits = [];
    for (let i = 0; i < 4; i++) {
      waits.push(guard.strangerWaitMs('token', address));
      await guard.stranger('token', address);
    }
    expect(waits).toEqual([0, 0, 0, 0]);
    const waitMs = guard.strangerWaitMs('token', address);
    expect(waitMs > windowMs / 2 && waitMs <= windowMs).toBe(true);
    expect(guard.strangerWaitMs('key', address)).toBe(0);
    expect(guard.strangerWaitMs('token', freshAddress())).toBe(0);
    expect(await guard.mayTry(name, address)).toEqual({ allowed: true });
  });

  test('takes names of any length and content', async () => {
    const address = freshAddress();
    for (const name of ['', '\0', 'x'.repeat(8_000), 'a b', '{x}']) {
      await fail(guard, 1, name, address);
      expect(await guard.mayTry(name, address)).toEqual({ allowed: true });
    }
  });
});

test('A name that many addresses try gets a try each time the trickle allows one, until it succeeds', async () => {
  using _ = driveDates();
  const guard = createLoginGuard(null, options);
  const [name, home] = [freshName(), freshAddress()];
  await failFromEverywhere(guard, name);
  const mayTry = async (): Promise<boolean> => (await guard.mayTry(name, home)).allowed;
  for (let turn = 0; turn < 2; turn++) {
    vi.advanceTimersByTime(1_000 * trickleS - 1);
    expect(await mayTry()).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await mayTry()).toBe(true);
    await guard.failed(name, freshAddress());
  }
  expect(await mayTry()).toBe(false);
  await guard.succeeded(name, home);
  await guard.failed(name, freshAddress());
  expect(await mayTry()).toBe(true);
});

test('Replicas that share a Redis share the counts; its keys name nobody and expire', async () => {
  const [name, address] = [freshName(), freshAddress()];
  const client = await connect();
  const [one, two] = [createLoginGuard(client, options), createLoginGuard(await connect(), options)];
  await fail(one, 2, name, address);
  await fail(two, 1, name, address);
  for (const guard of [one, two]) expect(await guard.mayTry(name, address)).toEqual(throttled(windowMs));
  const keys = await client.keys('*');
  expect(keys.length).toBeGreaterThan(2);
  for (const key of keys) {
    expect(key).toMatch(/^weir:guard:(pair|address|name|trickle|known|token|key):[\w-]{22}$/);
    expect(await client.pttl(key)).toBeGreaterThan(0);
  }
});

test('Of strangers that others counted a replica learns with the next one; then it asks nobody', async () => {
  const address = freshAddress();
  const client = await connect();
  const [one, two] = [createLoginGuard(client, options), createLoginGuard(client, options)];
  for (let i = 0; i < 4; i++) await one.stranger('token', address);
  expect(two.strangerWaitMs('token', address)).toBe(0);
  await two.stranger('token', address);
  const calls = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
  const before = await calls();
  for (let i = 0; i < 100; i++) expect(two.strangerWaitMs('token', address)).toBeGreaterThan(0);
  expect(await calls()).toBe(before);
});

test.each(['SIGSTOP', 'SIGKILL'] as const)(
  'After %s of its Redis the guard counts in this process, strangers as well, and goes on',
  async (signal) => {
    const [name, address] = [freshName(), freshAddress()];
    const guard = createLoginGuard(await connect(50), options);
    await redis.kill(signal);
    try {
      await fail(guard, 3, name, address);
      expect(await guard.mayTry(name, address)).toEqual(throttled(windowMs));
      expect(await guard.mayTry(name, freshAddress())).toEqual({ allowed: true });
      await guard.succeeded(name, address);
      expect(await guard.mayTry(name, address)).toEqual({ allowed: true });
      for (let i = 0; i < 4; i++) await guard.stranger('key', address);
      expect(guard.strangerWaitMs('key', address)).toBeGreaterThan(0);
    } finally {
      if (signal === 'SIGSTOP') await redis.kill('SIGCONT');
      else await redis.restart();
    }
    const client = clients.at(-1) as RedisConnection;
    changeCallTimeout(client, patientMs);
    await until(async () => (await client.ping()) === 'PONG', { what: 'Redis to come back' });
    await fail(guard, 3, name, address);
    expect(await createLoginGuard(await connect(), options).mayTry(name, address)).toEqual(throttled(windowMs));
  },
);

test('With the defaults one address alone can’t fill the count of a name', () => {
  const { pair, name } = loginGuardDefaults;
  expect((pair.failures * name.windowS) / pair.windowS).toBeLessThan(name.failures);
});
