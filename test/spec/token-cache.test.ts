/** Which tokens a replica caches, and for how long: on the wire to the store and in virtual time. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenRecord, User } from '../../src/auth/accounts.ts';
import { type Accounts, StoreAway } from '../../src/auth/ports.ts';
import type { TokenCache } from '../../src/auth/token-cache.ts';
import { DistantStore } from '../support/distant-accounts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const hourMs = 3_600_000;
const graceMs = 600_000;
const options = { freshMs: 5_000, keptMs: graceMs, max: 3 };

let clock: VirtualClock;
let store: DistantStore;
let accounts: Accounts;
let tokens: TokenCache;
let user: User;

/** Lets time pass until the promise is settled. */
async function settled<T>(promise: T | Promise<T>): Promise<Awaited<T>> {
  let over = false;
  const settle = Promise.resolve(promise).finally(() => {
    over = true;
  });
  settle.catch(() => {});
  while (!over) await clock.advance(0.25);
  return await settle;
}

const find = (digest: string): Promise<TokenRecord | undefined> => settled(tokens.find(digest));

/** A token that the store knows and the replica does not. */
async function strange(digest: string, lifetimeMs = hourMs): Promise<string> {
  expect(await settled(store.open().addToken(digest, user, clock.wallMs() + lifetimeMs))).toBe(true);
  return digest;
}

/** A token that the replica has just looked up. */
async function met(digest: string, lifetimeMs = hourMs): Promise<string> {
  await strange(digest, lifetimeMs);
  expect(await find(digest)).toMatchObject({ user: 'anna' });
  return digest;
}

beforeEach(async () => {
  clock = new VirtualClock();
  store = new DistantStore(clock);
  ({ accounts, tokens } = store.replica(options));
  await settled(
    store.open().addUser({ name: 'anna', role: 'ROLE_USER', passwordHash: 'x', mustChangePassword: false }),
  );
  user = (await settled(store.open().findUser('anna'))) as User;
});

describe('A token that the store has confirmed', () => {
  test('is found again at once, without a promise and without asking', async () => {
    const token = await met('a');
    store.lookUps = 0;
    for (let i = 0; i < 1_000; i++) expect(tokens.find(token)).toMatchObject({ user: 'anna', role: 'ROLE_USER' });
    expect(store.lookUps).toBe(0);
  });

  test('is asked about once by many who want to know at the same time', async () => {
    const token = await strange('a');
    store.lookUps = 0;
    const all = await settled(Promise.all(Array.from({ length: 100 }, async () => await tokens.find(token))));
    expect(new Set(all)).toEqual(new Set([expect.objectContaining({ user: 'anna' })]));
    expect(store.lookUps).toBe(1);
  });

  test('that nobody uses is asked about again after its time, counted from the question', async () => {
    const token = await strange('a');
    for (const [afterMs, recalled] of [
      [4_999.9, expect.objectContaining({ user: 'anna' })],
      [5_000, 'unsure'],
    ] as const) {
      ({ accounts, tokens } = store.replica(options));
      const askedAt = clock.now();
      await find(token);
      await clock.run(askedAt + afterMs);
      expect(tokens.recall(token)).toEqual(recalled);
    }
    store.lookUps = 0;
    expect(await find(token)).toMatchObject({ user: 'anna' });
    expect(store.lookUps).toBe(1);
  });

  test('never waits while it is in use: it is confirmed before its time is over, a few times a minute', async () => {
    const token = await met('a');
    store.lookUps = 0;
    for (let ms = 0; ms < 60_000; ms += 50) {
      expect(tokens.find(token)).not.toBeInstanceOf(Promise);
      await clock.advance(50);
    }
    expect(store.lookUps).toBeGreaterThanOrEqual(12);
    expect(store.lookUps).toBeLessThanOrEqual(21);
  });

  test('does not outlive its end', async () => {
    const token = await met('a', 2_000);
    await clock.advance(1_990);
    expect(tokens.recall(token)).toMatchObject({ user: 'anna' });
    await clock.advance(10);
    expect(tokens.recall(token)).toBe('unheard');
    expect(await find(token)).toBeUndefined();
  });

  test('is known from its login on, where that was here', async () => {
    expect(await settled(accounts.addToken('a', user, clock.wallMs() + hourMs))).toBe(true);
    store.lookUps = 0;
    expect(tokens.find('a')).toMatchObject({ user: 'anna' });
    expect(store.lookUps).toBe(0);
  });

  test('with a cache of 0 ms is asked about every time', async () => {
    ({ accounts, tokens } = store.replica({ ...options, freshMs: 0 }));
    const token = await met('a');
    store.lookUps = 0;
    for (let i = 0; i < 5; i++) await find(token);
    expect(store.lookUps).toBe(5);
  });
});

describe('The token cache', () => {
  test('holds so many tokens and no more; the one that was confirmed first goes first', async () => {
    for (const digest of ['a', 'b', 'c', 'd']) await met(digest);
    expect(tokens.size).toBe(3);
    expect(tokens.recall('a')).toBe('unheard');
    expect(tokens.recall('d')).toMatchObject({ user: 'anna' });
    expect(await find('a')).toMatchObject({ user: 'anna' });
  });

  test('is not touched by a flood of made-up tokens', async () => {
    const token = await met('a');
    for (let i = 0; i < 3_000; i++) void tokens.find(`made up ${i}`);
    await clock.advance(10);
    expect(tokens.size).toBe(1);
    expect(tokens.recall(token)).toMatchObject({ user: 'anna' });
  });

  test('keeps in mind for a while that a token is unknown, and asks again after that', async () => {
    expect(await find('expired long ago')).toBeUndefined();
    store.lookUps = 0;
    for (let i = 0; i < 100; i++) expect(tokens.find('expired long ago')).toBeUndefined();
    expect(store.lookUps).toBe(0);
    await clock.advance(60_000);
    await find('expired long ago');
    expect(store.lookUps).toBe(1);
  });

  test('knows a token that was made elsewhere a moment ago', async () => {
    const elsewhere = store.replica(options);
    expect(await settled(elsewhere.accounts.addToken('a', user, clock.wallMs() + hourMs))).toBe(true);
    expect(await find('a')).toMatchObject({ user: 'anna' });
  });
});

describe('A revocation', () => {
  test.each([
    ['a logout', () => accounts.dropToken('a')],
    ['a changed password', () => accounts.changePassword(user, 'y')],
    ['revoked tokens', () => accounts.dropTokens(user)],
    ['a deleted user', () => accounts.deleteUser('anna')],
  ])('by %s here ends the token here when it is done', async (_, revoke) => {
    await met('a');
    await settled<unknown>(revoke());
    expect(await find('a')).toBeUndefined();
  });

  test('told by another replica ends the token before anybody is asked', async () => {
    for (const digest of ['a', 'b']) await met(digest);
    tokens.tokenRevoked('a');
    expect([tokens.recall('a'), tokens.recall('b')]).toEqual(['unheard', expect.objectContaining({ user: 'anna' })]);
    tokens.userRevoked('anna');
    expect(tokens.recall('b')).toBe('unheard');
  });

  test('is not forgotten over an answer that was under way', async () => {
    const token = await strange('a');
    const asked = tokens.find(token);
    await clock.advance(0.75); // The store has looked.
    void store.open().dropToken(token);
    tokens.tokenRevoked(token);
    const askedAfter = tokens.find(token);
    expect(await settled(asked)).toMatchObject({ user: 'anna' });
    expect(tokens.recall(token)).not.toMatchObject({ user: 'anna' });
    expect(await settled(askedAfter)).toBeUndefined();
  });

  test('whose message is lost ends the token when the cache’s time is over', async () => {
    const token = await met('a');
    await settled(store.open().dropToken(token));
    expect(tokens.recall(token)).toMatchObject({ user: 'anna' });
    await clock.advance(5_000);
    expect(await find(token)).toBeUndefined();
  });

  test('that may have been missed has everything confirmed before it is believed again', async () => {
    for (const digest of ['a', 'b']) await met(digest);
    await settled(store.open().dropToken('a'));
    tokens.revocationsMissed();
    expect([tokens.recall('a'), tokens.recall('b')]).toEqual(['unsure', 'unsure']);
    expect([await find('a'), await find('b')]).toEqual([undefined, expect.objectContaining({ user: 'anna' })]);
    expect(tokens.recall('b')).toMatchObject({ user: 'anna' });
  });
});

describe('While the store is away', () => {
  test('a token in use notices nothing for the grace time, then it is an outage, never "unknown"', async () => {
    const token = await met('a');
    const confirmedAt = clock.now();
    store.mood = 'down';
    while (clock.now() < confirmedAt + graceMs - 1_000) {
      expect(await find(token)).toMatchObject({ user: 'anna' });
      await clock.advance(7_777);
    }
    await clock.advance(confirmedAt + graceMs - clock.now());
    await expect(find(token)).rejects.toThrow(StoreAway);
  });

  test('and does not answer, a token in use never waits', async () => {
    const token = await met('a');
    store.mood = 'hung';
    for (let ms = 0; ms < 30_000; ms += 20) {
      expect(tokens.find(token)).toMatchObject({ user: 'anna' });
      await clock.advance(20);
    }
  });

  test('and does not answer, a token that rested waits a quarter of a second, once for all tokens', async () => {
    for (const digest of ['a', 'b']) await met(digest);
    await clock.advance(60_000);
    store.mood = 'hung';
    const since = clock.now();
    expect(await find('a')).toMatchObject({ user: 'anna' });
    expect(clock.now() - since).toBeLessThanOrEqual(251);
    expect(tokens.find('b')).toMatchObject({ user: 'anna' });
  });

  test('all others are told of the outage, at once after the first', async () => {
    store.mood = 'hung';
    await expect(find('a')).rejects.toThrow(StoreAway);
    const since = clock.now();
    await expect(find('b')).rejects.toThrow(StoreAway);
    expect(clock.now() - since).toBeLessThan(1);
  });

  test('it is asked four times a second at most, whoever comes', async () => {
    for (const digest of ['a', 'b', 'c']) await met(digest);
    store.mood = 'down';
    await clock.advance(5_000);
    store.lookUps = 0;
    for (let ms = 0; ms < 10_000; ms += 10) {
      for (const digest of ['a', 'b', 'c', `stranger ${ms}`]) Promise.resolve(tokens.find(digest)).catch(() => {});
      await clock.advance(10);
    }
    expect(store.lookUps).toBeLessThanOrEqual(43);
  });

  test('a token goes on that may have been revoked without a message, but none that is known to be', async () => {
    for (const digest of ['a', 'b']) await met(digest);
    store.mood = 'down';
    tokens.revocationsMissed();
    tokens.tokenRevoked('a');
    await expect(find('a')).rejects.toThrow(StoreAway);
    expect(await find('b')).toMatchObject({ user: 'anna' });
  });

  test('a token does not go on that the store has denied', async () => {
    const token = await met('a');
    await settled(store.open().dropToken(token));
    await clock.advance(5_000);
    expect(await find(token)).toBeUndefined();
    store.mood = 'down';
    await clock.advance(60_000);
    await expect(find(token)).rejects.toThrow(StoreAway);
  });

  test('a token that somebody failed to revoke is not believed here', async () => {
    await met('a');
    store.mood = 'down';
    await expect(settled(accounts.dropToken('a'))).rejects.toThrow(StoreAway);
    await expect(find('a')).rejects.toThrow(StoreAway);
  });

  test('nothing goes on where the grace time is 0', async () => {
    ({ accounts, tokens } = store.replica({ ...options, keptMs: 0 }));
    await met('a');
    store.mood = 'down';
    await clock.advance(5_000);
    await expect(find('a')).rejects.toThrow(StoreAway);
  });
});

describe('When the store is back', () => {
  test('within a second everything is as before, by itself', async () => {
    const token = await met('a');
    store.mood = 'down';
    await clock.advance(60_000);
    expect(await find(token)).toMatchObject({ user: 'anna' });
    const other = await strangeWhileAway('b');
    store.mood = 'up';
    await clock.advance(250);
    expect(await find(other)).toMatchObject({ user: 'anna' });
    await settled(store.open().dropToken(token));
    expect(await find(token)).toBeUndefined();
  });

  test('a replica that has noticed the outage and was idle since asks before it believes', async () => {
    for (const digest of ['a', 'b']) await met(digest);
    store.mood = 'down';
    await clock.advance(6_000);
    await find('a');
    store.mood = 'up';
    await settled(store.open().dropToken('b'));
    await clock.advance(2_000);
    expect(await find('b')).toBeUndefined();
  });

  test('empty, the tokens are gone as well', async () => {
    const token = await met('a');
    store.mood = 'down';
    await clock.advance(6_000);
    expect(await find(token)).toMatchObject({ user: 'anna' });
    store.loseEverything();
    store.mood = 'up';
    tokens.revocationsMissed();
    await clock.advance(250);
    await find(token); // Noticing that the store is back.
    await clock.advance(1);
    expect(await find(token)).toBeUndefined();
  });

  async function strangeWhileAway(digest: string): Promise<string> {
    store.mood = 'up';
    await strange(digest);
    store.mood = 'down';
    return digest;
  }
});
