import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryAccounts } from '../../src/adapters/memory/accounts.ts';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { createPasswords } from '../../src/adapters/node/passwords.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { RedisAccounts } from '../../src/adapters/redis/accounts.ts';
import type { NewUser, User } from '../../src/auth/accounts.ts';
import { ensureAdmin } from '../../src/auth/first-admin.ts';
import { type AccountStore, type Accounts, StoreAway } from '../../src/auth/ports.ts';
import { startClusterOfOne, startRedis, type TestRedis } from '../support/redis.ts';
import { connectedTo } from '../support/redis-buckets.ts';
import { redisForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { cheapPasswords } from '../support/webapp.ts';

const hourMs = 3_600_000;
/** More than the random orders below make for one user. */
const tokensPerUserMax = 30;

/** Names that no other test uses, so that tests may share a store. */
let names = 0;
const freshName = (): string => `user ${++names} zoë`;
const freshDigest = (): string => nodeSecrets.digest(nodeSecrets.token());
const inAnHour = (): number => machineClock.wallMs() + hourMs;
/** Of two who tried the same at once. */
const theOnly = (tries: readonly (User | undefined)[]): User => {
  const changed = tries.filter((one) => one !== undefined);
  expect(changed).toHaveLength(1);
  return changed[0] as User;
};

function newUser(name = freshName()): NewUser {
  return { name, role: 'ROLE_USER', passwordHash: '$argon2id$one', mustChangePassword: true };
}

async function added(accounts: Accounts, user = newUser()): Promise<User> {
  expect(await accounts.addUser(user)).toBe(true);
  return (await accounts.findUser(user.name)) as User;
}

async function loggedIn(accounts: Accounts, user: User): Promise<string> {
  const digest = freshDigest();
  expect(await accounts.addToken(digest, user, inAnHour())).toBe(true);
  return digest;
}

async function everybody(accounts: Accounts): Promise<User[]> {
  const users: User[] = [];
  for await (const user of accounts.listUsers()) users.push(user);
  return users;
}

interface Store {
  /** A view of the store; each replica has its own. */
  open(): Promise<AccountStore>;
  close(): Promise<void>;
}

const stores: Readonly<Record<string, () => Promise<Store>>> = {
  async memory() {
    const accounts = new MemoryAccounts(machineClock, { tokensPerUserMax });
    return { open: async () => accounts, close: async () => {} };
  },
  Redis: () => redisStore(startRedis()),
  'Redis Cluster': () => redisStore(startClusterOfOne()),
};

/** @param callTimeoutMs long, so that a busy machine is not taken for a Redis that is away */
async function connect(url: string, callTimeoutMs = 60_000) {
  const client = await connectedTo(url, callTimeoutMs);
  return {
    client,
    accounts: new RedisAccounts(client, machineClock, 'weir:', tokensPerUserMax),
    async [Symbol.asyncDispose]() {
      client.disconnect();
    },
  };
}

async function redisStore(started: Promise<TestRedis>): Promise<Store> {
  const redis = await started;
  const opened = new AsyncDisposableStack();
  opened.use(redis);
  return {
    open: async () => opened.use(await connect(redis.url)).accounts,
    close: () => opened.disposeAsync(),
  };
}

describe.each(Object.entries(stores))('Accounts in %s', (_, start) => {
  let store: Store;
  let accounts: AccountStore;
  let other: AccountStore;
  beforeAll(async () => {
    store = await start();
    [accounts, other] = [await store.open(), await store.open()];
  });
  afterAll(async () => await store?.close());

  test('hold nobody at first', async () => {
    expect(await accounts.findUser(freshName())).toBeUndefined();
    expect(await accounts.findToken(freshDigest())).toBeUndefined();
    expect(await accounts.deleteUser(freshName())).toBe(false);
    await accounts.dropToken(freshDigest());
  });

  test('give a user back as it was added', async () => {
    const user = newUser();
    expect(await added(accounts, user)).toEqual({ ...user, version: expect.any(String) });
    expect(await other.findUser(user.name)).toEqual(await accounts.findUser(user.name));
  });

  test('take a name once: of many who add it, one wins', async () => {
    const user = newUser();
    const tries = Array.from({ length: 8 }, (_, i) =>
      (i % 2 === 0 ? accounts : other).addUser({ ...user, passwordHash: `$argon2id$${i}` }),
    );
    const won = await Promise.all(tries);
    expect(won.filter(Boolean)).toHaveLength(1);
    expect((await accounts.findUser(user.name))?.passwordHash).toBe(`$argon2id$${won.indexOf(true)}`);
  });

  test('take one of several names that could be taken for each other, whoever asks first', async () => {
    const name = freshName();
    const alike = [name, name.toUpperCase(), `${name} `, name.normalize('NFD')];
    const won = await Promise.all(
      alike.map((one, i) => (i % 2 === 0 ? accounts : other).addUser(newUser(one), 'distinct')),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    for (const one of alike) expect(await other.addUser(newUser(one), 'distinct')).toBe(false);
    const winner = alike[won.indexOf(true)] as string;
    // An older Weir may have made them, and they stay as they are.
    expect(await accounts.addUser(newUser(`${winner}  `))).toBe(true);
    expect(await accounts.findUser(winner)).toBeDefined();
  });

  test('find a token, with its user, role and end, and see it from every replica', async () => {
    const user = await added(accounts, { ...newUser(), role: 'ROLE_ADMIN' });
    const [digest, expiresAtMs] = [freshDigest(), inAnHour()];
    expect(await accounts.addToken(digest, user, expiresAtMs)).toBe(true);
    expect(await other.findToken(digest)).toMatchObject({ user: user.name, role: 'ROLE_ADMIN', expiresAtMs });
  });

  test('change a password: once for those who read the same, ending all tokens and the duty to change', async () => {
    const user = await added(accounts);
    const digests = [await loggedIn(accounts, user), await loggedIn(other, user)];
    const tries = [accounts, other].map((one) => one.changePassword(user, '$argon2id$two'));
    const changed = theOnly(await Promise.all(tries));
    expect(changed).toMatchObject({ name: user.name, passwordHash: '$argon2id$two', mustChangePassword: false });
    expect(await other.findUser(user.name)).toEqual(changed);
    for (const digest of digests) expect(await other.findToken(digest)).toBeUndefined();
    expect(await accounts.findToken(await loggedIn(other, changed))).toBeDefined();
  });

  test('rehash a password and keep the tokens', async () => {
    const user = await added(accounts);
    const digest = await loggedIn(accounts, user);
    expect(await accounts.rehash(user, '$argon2id$anew')).toBe(true);
    expect((await other.findUser(user.name))?.passwordHash).toBe('$argon2id$anew');
    expect(await other.findToken(digest)).toBeDefined();
    expect(await accounts.addToken(freshDigest(), user, inAnHour())).toBe(true);
  });

  test.each([
    ['changed', async (user: User) => other.changePassword(user, '$argon2id$two')],
    ['robbed of its tokens', async (user: User) => other.dropTokens(user)],
    ['deleted', async (user: User) => other.deleteUser(user.name)],
    [
      'deleted and made anew',
      async (user: User) => {
        await other.deleteUser(user.name);
        await other.addUser({ ...newUser(user.name), passwordHash: '$argon2id$two' });
      },
    ],
  ])('do nothing for a user that was %s since it was read', async (_, meanwhile) => {
    const user = await added(accounts);
    const digest = await loggedIn(accounts, user);
    await meanwhile(user);
    const now = await accounts.findUser(user.name);
    const late = freshDigest();
    expect(await accounts.addToken(late, user, inAnHour())).toBe(false);
    expect(await accounts.changePassword(user, '$argon2id$late')).toBeUndefined();
    expect(await accounts.rehash(user, '$argon2id$late')).toBe(false);
    expect(await accounts.dropTokens(user)).toBeUndefined();
    expect(await accounts.findUser(user.name)).toEqual(now);
    for (const one of [digest, late]) expect(await accounts.findToken(one)).toBeUndefined();
  });

  test('drop all tokens of a user: once for those who read the same, and the password stays', async () => {
    const [user, stays] = [await added(accounts), await added(accounts)];
    const digests = [await loggedIn(accounts, user), await loggedIn(other, user)];
    const kept = await loggedIn(accounts, stays);
    const changed = theOnly(await Promise.all([accounts.dropTokens(user), other.dropTokens(user)]));
    expect(changed).toEqual({ ...user, version: expect.not.stringMatching(user.version) });
    expect(await other.findUser(user.name)).toEqual(changed);
    for (const digest of digests) expect(await other.findToken(digest)).toBeUndefined();
    expect(await other.findToken(kept)).toBeDefined();
    expect(await accounts.findToken(await loggedIn(other, changed))).toBeDefined();
  });

  test('tell every user once, however many there are', async () => {
    const users = Array.from({ length: 1_000 }, () => newUser());
    await Promise.all(users.map((user) => accounts.addUser(user)));
    const told = await everybody(other);
    const names = told.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(users.map(({ name }) => name)));
    expect(told[0]).toEqual(await accounts.findUser(names[0] as string));
  });

  test('delete a user once, with its tokens and nobody else’s', async () => {
    const [user, stays] = [await added(accounts), await added(accounts)];
    const [gone, kept] = [await loggedIn(accounts, user), await loggedIn(accounts, stays)];
    expect(await accounts.deleteUser(user.name)).toBe(true);
    expect(await other.deleteUser(user.name)).toBe(false);
    expect(await other.findUser(user.name)).toBeUndefined();
    expect(await other.findToken(gone)).toBeUndefined();
    expect(await other.findToken(kept)).toBeDefined();
  });

  test('drop one token and no other', async () => {
    const user = await added(accounts);
    const [gone, kept] = [await loggedIn(accounts, user), await loggedIn(accounts, user)];
    await accounts.dropToken(gone);
    expect(await other.findToken(gone)).toBeUndefined();
    expect(await other.findToken(kept)).toBeDefined();
  });

  test('keep as many tokens of one user as it may have: the oldest end, and nobody else’s', async () => {
    const [user, stays] = [await added(accounts), await added(accounts)];
    const kept = await loggedIn(accounts, stays);
    const digests: string[] = [];
    for (let i = 0; i < 2 * tokensPerUserMax; i++) {
      digests.push(await loggedIn(i % 2 === 0 ? accounts : other, user));
    }
    const valid: string[] = [];
    for (const digest of digests) if ((await other.findToken(digest)) !== undefined) valid.push(digest);
    expect(valid).toEqual(digests.slice(-tokensPerUserMax));
    expect((await other.tokensOf(user.name)).map(({ digest }) => digest)).toEqual(valid);
    expect(await other.findToken(kept)).toBeDefined();
  });

  test('count only tokens that are valid: what was logged out, revoked or is over pushes none out', async () => {
    let user = await added(accounts);
    const expired = freshDigest();
    await accounts.addToken(expired, user, machineClock.wallMs() + 1);
    const first = await loggedIn(accounts, user);
    for (let i = 0; i < 2 * tokensPerUserMax; i++) await other.dropToken(await loggedIn(accounts, user));
    expect(await accounts.findToken(first)).toBeDefined();
    user = (await accounts.dropTokens(user)) as User;
    const digests: string[] = [];
    for (let i = 0; i < tokensPerUserMax; i++) digests.push(await loggedIn(accounts, user));
    expect((await accounts.tokensOf(user.name)).map(({ digest }) => digest)).toEqual(digests);
  });

  test('list the tokens of a user, the oldest first, with when they were made and when they end', async () => {
    const user = await added(accounts);
    expect(await other.tokensOf(user.name)).toEqual([]);
    const since = machineClock.wallMs();
    const digests = [freshDigest(), freshDigest()];
    const ends = [inAnHour(), inAnHour() + hourMs];
    for (const [i, digest] of digests.entries()) await accounts.addToken(digest, user, ends[i] as number);
    const listed = await other.tokensOf(user.name);
    expect(listed.map(({ digest, expiresAtMs }) => [digest, expiresAtMs])).toEqual(
      digests.map((one, i) => [one, ends[i]]),
    );
    for (const { madeAtMs } of listed) {
      expect(madeAtMs).toBeGreaterThanOrEqual(Math.floor(since) - 1);
      expect(madeAtMs).toBeLessThanOrEqual(machineClock.wallMs() + 1);
    }
    await accounts.deleteUser(user.name);
    expect(await other.tokensOf(user.name)).toEqual([]);
  });

  test('forget a token when it expires, and not before', async () => {
    const user = await added(accounts);
    const digest = freshDigest();
    const since = performance.now();
    expect(await accounts.addToken(digest, user, machineClock.wallMs() + 500)).toBe(true);
    await until(async () => (await accounts.findToken(digest)) === undefined, { what: 'the token to expire' });
    expect(performance.now() - since).toBeGreaterThan(490);
    expect(await accounts.findUser(user.name)).toBeDefined();
  });

  test('get one admin from replicas that start at once, with the password that they bring', async () => {
    const passwords = createPasswords(cheapPasswords, machineClock);
    for (const adminPassword of [null, 'Correct-Horse-1', 'Another-Horse-2', 'Another-Horse-2']) {
      await Promise.all([accounts, other, accounts].map((one) => ensureAdmin(one, passwords, adminPassword)));
      const admin = (await other.findUser('admin')) as User;
      expect(admin).toMatchObject({ role: 'ROLE_ADMIN', mustChangePassword: adminPassword === null });
      const turn = await passwords.enter();
      if (turn.kind === 'busy') throw new Error('There was no turn.');
      using _turn = turn;
      expect(await turn.verify(adminPassword ?? 'secret', admin.passwordHash)).toBe('right');
    }
  });

  test('leave no revoked token valid, whatever the order of logins, logouts, changes and deletions', async () => {
    const step = fc.record({
      what: fc.constantFrom('login', 'login', 'login', 'logout', 'change', 'revoke', 'rehash', 'delete', 'add'),
      user: fc.nat({ max: 1 }),
      token: fc.nat({ max: 7 }),
      replica: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const users = [newUser(), newUser()];
        const tokens: { digest: string; user: string; valid: boolean }[] = [];
        const end = (name: string): void => {
          for (const token of tokens) if (token.user === name) token.valid = false;
        };
        for (const { what, user: at, token: which, replica } of steps) {
          const here = replica ? accounts : other;
          const fresh = users[at] as NewUser;
          const user = await here.findUser(fresh.name);
          const token = tokens[which];
          if (what === 'add') await here.addUser(fresh);
          else if (what === 'logout' && token !== undefined) {
            await here.dropToken(token.digest);
            token.valid = false;
          } else if (user !== undefined && what === 'login') {
            tokens.push({ digest: await loggedIn(here, user), user: user.name, valid: true });
          } else if (user !== undefined && what === 'rehash') await here.rehash(user, '$argon2id$again');
          else if (user !== undefined && what === 'change') {
            await here.changePassword(user, '$argon2id$other');
            end(user.name);
          } else if (user !== undefined && what === 'revoke') {
            await here.dropTokens(user);
            end(user.name);
          } else if (user !== undefined && what === 'delete') {
            await here.deleteUser(user.name);
            end(user.name);
          }
        }
        for (const { digest, valid } of tokens) {
          expect((await accounts.findToken(digest)) !== undefined).toBe(valid);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('Accounts in memory', () => {
  test('answer for a token at once, without a promise', async () => {
    const accounts = new MemoryAccounts(machineClock);
    const user = await added(accounts);
    expect(accounts.findToken(await loggedIn(accounts, user))).toMatchObject({ user: user.name });
  });

  test('expire by time that passes, not by a date that is set back', async () => {
    const clock = new VirtualClock();
    let setBackMs = 0;
    const accounts = new MemoryAccounts({
      now: () => clock.now(),
      wallMs: () => clock.wallMs() - setBackMs,
      after: (ms, call) => clock.after(ms, call),
    });
    const user = await added(accounts);
    const digest = freshDigest();
    await accounts.addToken(digest, user, clock.wallMs() + hourMs);
    setBackMs = 10 * hourMs;
    await clock.advance(hourMs - 1);
    expect(accounts.findToken(digest)).toBeDefined();
    await clock.advance(1);
    expect(accounts.findToken(digest)).toBeUndefined();
  });

  test('keep no more tokens than they may, and none that has ended once others come', async () => {
    const clock = new VirtualClock();
    const accounts = new MemoryAccounts(clock, { tokensMax: 10 });
    const user = await added(accounts);
    const digests = Array.from({ length: 25 }, freshDigest);
    for (const digest of digests) await accounts.addToken(digest, user, clock.wallMs() + hourMs);
    expect(accounts.size).toBe(10);
    expect(digests.filter((digest) => accounts.findToken(digest) !== undefined)).toEqual(digests.slice(-10));
    await clock.advance(hourMs);
    await accounts.addToken(freshDigest(), user, clock.wallMs() + hourMs);
    expect(accounts.size).toBe(1);
  });
});

describe('Accounts in Redis', async () => {
  const redis = await redisForAll(['--appendonly', 'yes', '--appendfsync', 'always']);

  test('keep neither the text of a token nor a token without an end', async () => {
    await using store = await connect(redis.url);
    const token = nodeSecrets.token();
    const user = await added(store.accounts);
    await store.accounts.addToken(nodeSecrets.digest(token), user, inAnHour());
    const keys = (await store.client.keys('*')).filter((key) => !key.includes(':tokens:'));
    const index = `weir:{accounts}:tokens:${user.name}`;
    expect(await store.client.pttl(index)).toBeGreaterThan(hourMs - 60_000);
    expect(await store.client.zrange(index, '0', '-1')).toEqual([nodeSecrets.digest(token)]);
    expect(keys).toContain(`weir:{accounts}:token:${nodeSecrets.digest(token)}`);
    for (const key of keys) {
      expect(key).toMatch(/^weir:\{accounts\}:(users$|token:)/);
      const isToken = key.includes(':token:');
      if (isToken) expect(await store.client.pttl(key)).toBeGreaterThan(hourMs - 60_000);
      const value = isToken ? await store.client.get(key) : JSON.stringify(await store.client.hgetall(key));
      expect(key + value).not.toContain(token);
    }
  });

  test('remove the token of a changed user when they meet it', async () => {
    await using store = await connect(redis.url);
    const user = await added(store.accounts);
    const digest = await loggedIn(store.accounts, user);
    await store.accounts.changePassword(user, '$argon2id$two');
    const key = `weir:{accounts}:token:${digest}`;
    expect(await store.client.exists(key)).toBe(1);
    await store.accounts.findToken(digest);
    expect(await store.client.exists(key)).toBe(0);
  });

  test('tell all replicas of a token that newer ones push out', async () => {
    await using store = await connect(redis.url);
    await using listener = await connect(redis.url);
    const messages: string[] = [];
    await listener.client.subscribe('weir:revoked');
    listener.client.on('message', (_channel: string, message: string) => void messages.push(message));
    const user = await added(store.accounts);
    const digests: string[] = [];
    for (let i = 0; i <= tokensPerUserMax; i++) digests.push(await loggedIn(store.accounts, user));
    await until(() => messages.length > 0, { what: 'the message' });
    expect(messages).toEqual([`token ${digests[0]}`]);
  });

  test('leave the tokens alone that a Weir without the list has made, and make no token older than they are', async () => {
    await using store = await connect(redis.url);
    const { accounts, client } = store;
    const user = await added(accounts);
    const old = freshDigest();
    const value = `${user.version}\n${inAnHour()}\n${user.role}\n${user.name}`;
    await client.set(`weir:{accounts}:token:${old}`, value, 'PX', hourMs);
    for (let i = 0; i <= tokensPerUserMax; i++) await loggedIn(accounts, user);
    expect(await accounts.findToken(old)).toMatchObject({ user: user.name });
    await accounts.dropToken(old);
    expect(await accounts.findToken(old)).toBeUndefined();
    expect(await accounts.tokensOf(user.name)).toHaveLength(tokensPerUserMax);
  });

  test('go down by and by to a smaller number of tokens', async () => {
    await using store = await connect(redis.url);
    const user = await added(store.accounts);
    const index = `weir:{accounts}:tokens:${user.name}`;
    await store.client.zadd(index, ...Array.from({ length: 250 }, (_, i) => [i, freshDigest()]).flat());
    const sizes: number[] = [];
    for (let i = 0; i < 4; i++) {
      await loggedIn(store.accounts, user);
      sizes.push(await store.client.zcard(index));
    }
    expect(sizes).toEqual([151, 52, 3, 4]);
  });

  test('find a token with one call', async () => {
    await using store = await connect(redis.url);
    const digest = await loggedIn(store.accounts, await added(store.accounts));
    await store.accounts.findToken(digest);
    const scripts = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await store.client.info('commandstats'))?.[1] ?? 0);
    const before = await scripts();
    for (let i = 0; i < 10; i++) await store.accounts.findToken(digest);
    expect((await scripts()) - before).toBe(10);
  });

  test('go on after the scripts were flushed and after a restart, with everything they had', async () => {
    await using store = await connect(redis.url);
    const { accounts, client } = store;
    const user = await added(accounts);
    const digest = await loggedIn(accounts, user);
    await client.script('FLUSH');
    const both = await Promise.all([accounts.findToken(digest), accounts.findToken(digest)]);
    expect(both).toMatchObject([{ user: user.name }, { user: user.name }]);
    await redis.restart();
    const found = await until(async () => await accounts.findToken(digest), { what: 'the store to come back' });
    expect(found.user).toBe(user.name);
    expect(await accounts.findUser(user.name)).toEqual(user);
    expect(await accounts.changePassword(user, '$argon2id$two')).toBeDefined();
  });

  test.each(['SIGSTOP', 'SIGKILL'] as const)(
    'reject with StoreAway after %s, and come back by themselves',
    async (signal) => {
      await using patient = await connect(redis.url);
      await using store = await connect(redis.url, 500);
      const { accounts } = store;
      const user = await added(patient.accounts);
      const digest = await loggedIn(patient.accounts, user);
      await redis.kill(signal);
      const calls: Readonly<Record<keyof AccountStore, () => unknown>> = {
        findUser: () => accounts.findUser(user.name),
        addUser: () => accounts.addUser(newUser()),
        listUsers: () => everybody(accounts),
        changePassword: () => accounts.changePassword(user, 'x'),
        dropTokens: () => accounts.dropTokens(user),
        rehash: () => accounts.rehash(user, user.passwordHash),
        deleteUser: () => accounts.deleteUser(freshName()),
        addToken: () => accounts.addToken(freshDigest(), user, inAnHour()),
        findToken: () => accounts.findToken(digest),
        tokensOf: () => accounts.tokensOf(user.name),
        dropToken: () => accounts.dropToken(freshDigest()),
      };
      // A change that was sent before the outage may still be made: it stays out.
      for (const [name, call] of Object.entries(calls)) {
        if (name !== 'changePassword' && name !== 'dropTokens') await expect(call(), name).rejects.toThrow(StoreAway);
      }
      if (signal === 'SIGSTOP') await redis.kill('SIGCONT');
      else await redis.restart();
      await until(async () => await accounts.findToken(digest), { what: 'the store to come back' });
    },
  );

  test('reject with StoreAway what they could not have written', async () => {
    await using store = await connect(redis.url);
    const [broken, digest] = [freshName(), freshDigest()];
    for (const value of ['', 'x', 'v\n{', 'v\n{"role":"ROLE_ROOT","passwordHash":"x","mustChangePassword":false}']) {
      await store.client.hset('weir:{accounts}:users', broken, value);
      await expect(store.accounts.findUser(broken), value).rejects.toThrow(StoreAway);
    }
    const key = `weir:{accounts}:token:${digest}`;
    await store.client.lpush(key, 'not a token');
    await expect(store.accounts.findToken(digest)).rejects.toThrow(StoreAway);
    await store.client.del(key); // The store is shared with the tests above.
  });
});
