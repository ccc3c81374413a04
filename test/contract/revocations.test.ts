/** Revocations travel between replicas over a real Redis: here each replica is its connections and its token cache. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { RedisAccounts } from '../../src/adapters/redis/accounts.ts';
import { openSubscriber } from '../../src/adapters/redis/client.ts';
import { persistenceOf } from '../../src/adapters/redis/persistence.ts';
import { followRevocations } from '../../src/adapters/redis/revocations.ts';
import type { User } from '../../src/auth/accounts.ts';
import { createOwnTokens, type OwnTokens } from '../../src/auth/own-tokens.ts';
import type { Log } from '../../src/observe/ports.ts';
import { startClusterOfOne, startRedis, type TestRedis } from '../support/redis.ts';
import { connectedTo } from '../support/redis-buckets.ts';
import { silentLog } from '../support/silent-log.ts';
import { redisClientForAll } from '../support/start-for-all.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** So long that only a message explains an end before it. */
const longMs = 600_000;
/** So long that no busy machine is taken for a Redis that is away. */
const callTimeoutMs = 60_000;

interface Replica extends OwnTokens, AsyncDisposable {
  /** What it was told, in the order of its coming. */
  readonly told: string[];
  readonly warnings: string[];
}

interface ReplicaOptions {
  readonly freshMs?: number;
  readonly prefix?: string;
  /** How long the subscription's connection waits for a reply; no busy machine takes so long. */
  readonly silenceMs?: number;
}

async function openReplica(
  url: string,
  { freshMs = longMs, prefix = 'weir:', silenceMs = 10_000 }: ReplicaOptions = {},
): Promise<Replica> {
  const told: string[] = [];
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) };
  const forAccounts = await connectedTo(url, callTimeoutMs);
  const forRevocations = openSubscriber({ url, callTimeoutMs: silenceMs }, silentLog, 'revocations');
  const { accounts, tokens } = createOwnTokens(
    {
      store: new RedisAccounts(forAccounts, machineClock, prefix),
      secrets: nodeSecrets,
      clock: machineClock,
      meter: { storeCalled() {} },
    },
    { freshMs, keptMs: longMs, max: 100 },
  );
  followRevocations(
    forRevocations,
    prefix,
    {
      tokenRevoked(digest) {
        told.push(`token ${digest}`);
        tokens.tokenRevoked(digest);
      },
      userRevoked(name) {
        told.push(`user ${name}`);
        tokens.userRevoked(name);
      },
      revocationsMissed() {
        told.push('missed');
        tokens.revocationsMissed();
      },
    },
    { clock: machineClock, log },
  );
  await until(() => told.includes('missed') || warnings.length > 0, { what: 'the subscription' });
  return {
    accounts,
    tokens,
    told,
    warnings,
    async [Symbol.asyncDispose]() {
      forAccounts.disconnect();
      forRevocations.disconnect();
    },
  };
}

let names = 0;

/** A user with a token that both replicas have in the cache. */
async function loggedIn(one: Replica, other: Replica): Promise<{ user: User; digest: string }> {
  const name = `zoë ${++names}`;
  await one.accounts.addUser({ name, role: 'ROLE_USER', passwordHash: 'x', mustChangePassword: false });
  const user = (await one.accounts.findUser(name)) as User;
  return { user, digest: await token(one, other, user) };
}

async function token(one: Replica, other: Replica, user: User): Promise<string> {
  const digest = nodeSecrets.digest(nodeSecrets.token());
  expect(await one.accounts.addToken(digest, user, machineClock.wallMs() + 3_600_000)).toBe(true);
  for (const { tokens } of [one, other]) {
    const isCached = async (): Promise<boolean> => {
      expect(await tokens.find(digest)).toMatchObject({ user: user.name });
      // Not yet where the answer took longer than it is fresh, or a subscription broke meanwhile.
      return typeof tokens.recall(digest) === 'object';
    };
    await until(isCached, { what: 'the token to be in the cache' });
  }
  return digest;
}

async function goneAt({ tokens }: Replica, digest: string): Promise<void> {
  await until(async () => (await tokens.find(digest)) === undefined, { what: 'the token to end' });
}

/** It has missed what it could, when it broke and when it returned. */
const subscriptionIsBack = ({ told }: Replica) =>
  until(() => told.filter((what) => what === 'missed').length >= 2, { what: 'the subscription to return' });

const deployments = { Redis: () => startRedis(), 'Redis Cluster': startClusterOfOne };

describe.each(Object.entries(deployments))('Over %s', (_, start) => {
  let redis: TestRedis;
  let one: Replica;
  let other: Replica;
  beforeAll(async () => {
    redis = await start();
    [one, other] = [await openReplica(redis.url), await openReplica(redis.url)];
  });
  afterAll(async () => {
    for (const replica of [one, other]) await replica?.[Symbol.asyncDispose]();
    await redis?.stop();
  });

  test.each([
    ['a logout', (at: Replica, _: User, digest: string) => at.accounts.dropToken(digest)],
    ['a changed password', (at: Replica, user: User) => at.accounts.changePassword(user, 'y')],
    ['revoked tokens', (at: Replica, user: User) => at.accounts.dropTokens(user)],
    ['a deleted user', (at: Replica, user: User) => at.accounts.deleteUser(user.name)],
  ])('%s ends the tokens on the other replica, and nobody else’s', async (_, revoke) => {
    const { user, digest } = await loggedIn(one, other);
    const bystander = await loggedIn(one, other);
    await revoke(one, user, digest);
    await goneAt(other, digest);
    expect(other.tokens.recall(bystander.digest)).toMatchObject({ user: bystander.user.name });
  });

  test('a logout leaves the user’s other tokens', async () => {
    const { user, digest } = await loggedIn(one, other);
    const stays = await token(one, other, user);
    await other.accounts.dropToken(digest);
    await goneAt(one, digest);
    expect(one.tokens.recall(stays)).toMatchObject({ user: user.name });
  });

  test('what changed nothing is not told: a password hashed anew, a change of somebody who is no longer as read', async () => {
    const { user, digest } = await loggedIn(one, other);
    other.told.length = 0;
    await one.accounts.rehash(user, 'y');
    await one.accounts.deleteUser('nobody of that name');
    await one.accounts.changePassword({ ...user, version: 'earlier' }, 'z');
    await one.accounts.dropToken('the last word');
    await until(() => other.told.length > 0, { what: 'a message' });
    expect(other.told).toEqual(['token the last word']);
    expect(other.tokens.recall(digest)).toMatchObject({ user: user.name });
  });

  test('Weirs with other prefixes do not hear of it', async () => {
    await using stranger = await openReplica(redis.url, { prefix: 'other:' });
    stranger.told.length = 0;
    await one.accounts.dropToken('a');
    await stranger.accounts.dropToken('b');
    await until(() => stranger.told.length > 0, { what: 'a message' });
    expect(stranger.told).toEqual(['token b']);
  });
});

describe('When the subscription breaks', async () => {
  const persistent = ['--appendonly', 'yes', '--appendfsync', 'always'];
  const { server: redis, redis: client } = await redisClientForAll(persistent);

  test('everything is confirmed anew, and what was missed shows', async () => {
    await using one = await openReplica(redis.url);
    await using other = await openReplica(redis.url);
    const { user, digest } = await loggedIn(one, other);
    const stays = await token(one, other, user);
    other.told.length = 0;
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await one.accounts.dropToken(digest);
    await goneAt(other, digest);
    expect(await other.tokens.find(stays)).toMatchObject({ user: user.name });
    await subscriptionIsBack(other);
    await token(one, other, user);
    await one.accounts.dropToken(stays);
    await goneAt(other, stays);
  });

  test('without a word, it is noticed within seconds, and everything is confirmed anew', async () => {
    await using proxy = await startTcpProxy(redis.port);
    await using one = await openReplica(redis.url);
    await using other = await openReplica(`redis://127.0.0.1:${proxy.port}`, { silenceMs: 1_000 });
    const { digest } = await loggedIn(one, other);
    other.told.length = 0;
    expect(proxy.silence('weir-revocations')).toBe(1);
    await one.accounts.dropToken(digest);
    await goneAt(other, digest);
    expect(other.told[0]).toBe('missed');
  });

  test('for good, the cache’s time is the bound', async () => {
    await using proxy = await startTcpProxy(redis.port);
    await using one = await openReplica(redis.url);
    const freshMs = 500;
    await using other = await openReplica(`redis://127.0.0.1:${proxy.port}`, { freshMs });
    expect(proxy.silence('subscribe', { lasting: true })).toBe(1);
    const { digest } = await loggedIn(one, other);
    await one.accounts.dropToken(digest);
    await goneAt(other, digest);
  });

  test('and Redis restarts in between, it is as before', async () => {
    await using one = await openReplica(redis.url);
    await using other = await openReplica(redis.url);
    const { user, digest } = await loggedIn(one, other);
    other.told.length = 0;
    await redis.restart();
    await until(async () => (await one.accounts.findUser(user.name)) !== undefined, { what: 'Redis to be back' });
    await subscriptionIsBack(other);
    await until(async () => (await other.tokens.find(digest)) !== undefined, { what: 'the token to be found' });
    await one.accounts.dropToken(digest);
    await goneAt(other, digest);
  });

  test('because the user may not subscribe, that is said, and the cache’s time is the bound', async () => {
    await client.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '+@all', 'resetchannels');
    const url = `redis://mute:secret@127.0.0.1:${redis.port}`;
    const freshMs = 500;
    await using one = await openReplica(url, { freshMs });
    await using other = await openReplica(url, { freshMs });
    const { digest } = await loggedIn(one, other);
    await one.accounts.dropToken(digest);
    expect(await one.tokens.find(digest)).toBeUndefined();
    await goneAt(other, digest);
    expect(other.warnings).toEqual(['revocations of other replicas arrive late: subscribing failed']);
  });
});

describe('What a restart of Redis would leave', () => {
  test.each([
    ['none', []],
    ['rdb', ['--save', '3600', '1']],
    ['aof', ['--appendonly', 'yes']],
    ['unknown', ['--rename-command', 'CONFIG', '']],
  ] as const)('%s: with %j', async (persistence, args) => {
    await using redis = await startRedis(args);
    const client = await connectedTo(redis.url, callTimeoutMs);
    expect(await persistenceOf(client)).toBe(persistence);
    client.disconnect();
  });
});
