/** What made-up tokens and keys come to: 401, Retry-After after a while, no work beyond a bound, and nobody kept out. */
import { beforeEach, describe, expect, test } from 'vitest';
import { createLoginGuard, loginGuardDefaults } from '../../src/adapters/login-guard/guard.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import type { TokenRecord } from '../../src/auth/accounts.ts';
import { createAuthenticate } from '../../src/auth/authenticate.ts';
import { BearerTokens } from '../../src/auth/bearer-tokens.ts';
import { type LoginGuard, StoreAway, type StrangerGuard } from '../../src/auth/ports.ts';
import type { Recalled, Tokens } from '../../src/auth/token-cache.ts';
import type { Refusal } from '../../src/exchange/refusals.ts';
import { deafMeter } from '../support/fleet.ts';
import { request } from '../support/webapp.ts';

const anna: TokenRecord = { user: 'anna', role: 'ROLE_USER', expiresAtMs: 1 };
const home = '192.0.2.1';
const elsewhere = '198.51.100.7';
const allowed = 5;

let guard: LoginGuard;
let tokens: BearerTokens;
/** What the replica knows, what the store knows, and which tokens it was asked about. */
let recalled: Map<string, Recalled>;
let stored: Set<string>;
let asked: string[];
/** Answers what was asked so far; null: answers come at once. */
let held: (() => void)[] | null;

beforeEach(() => {
  guard = createLoginGuard(null, { ...loginGuardDefaults, stranger: { failures: allowed, windowS: 60 } });
  [recalled, stored, asked, held] = [new Map(), new Set(), [], null];
  tokens = bearing(async (digest) => {
    asked.push(digest);
    if (held !== null) await new Promise<void>((resolve) => held?.push(resolve));
    return stored.has(digest) ? anna : undefined;
  });
});

const bearing = (look: Tokens['find']): BearerTokens =>
  new BearerTokens(
    {
      guard,
      secrets: { digest: (text) => text },
      tokens: {
        verifier: { couldBe: () => true, needsText: false },
        recall: (digest) => recalled.get(digest) ?? 'unheard',
        find: look,
      },
      end: async () => {},
    },
    { max: 8, maxEach: 3, waitersMax: 100 },
    { max: 2, maxEach: 1, waitersMax: 10 },
  );
const find = (text: string, address: string) => tokens.find(text, address);

const refused = (retry: boolean) => ({
  kind: 'refusal',
  name: 'unauthenticated',
  details: retry ? expect.stringMatching(/^Too many unknown tokens or keys .* Try again in \d+ s\.$/) : null,
  retryAfterMs: retry ? expect.toSatisfy((ms: number) => ms > 30_000 && ms <= 60_000, 'up to a minute') : null,
});

async function tire(address: string): Promise<void> {
  for (let i = 0; i < allowed; i++) await find(`made up ${i} at ${address}`, address);
  asked.length = 0;
}

/** Lets the store answer until nobody asks any more. */
async function answerAll(): Promise<void> {
  for (let answer = held?.shift(); answer !== undefined; answer = held?.shift()) {
    answer();
    await new Promise(setImmediate);
  }
}

/** Answers, whether they came at once or not. */
const all = <T>(answers: readonly (T | Promise<T>)[]): Promise<T[]> =>
  Promise.all(answers.map(async (answer) => await answer));

describe('Unknown tokens from an address', () => {
  test('are 401, with Retry-After once there were too many', async () => {
    const answers = [];
    for (let i = 0; i < allowed + 2; i++) answers.push(await find(`made up ${i}`, home));
    expect(answers).toEqual([...Array(allowed - 1).fill(refused(false)), refused(true), refused(true), refused(true)]);
  });

  test('are then asked about one at a time, and not counted: a token that is valid passes', async () => {
    await tire(home);
    held = [];
    stored.add('new');
    const answers = [find('another', home), find('new', home), find('one more', home)];
    for (const so of [['another'], ['another', 'new'], ['another', 'new', 'one more']]) {
      expect(asked).toEqual(so);
      held.shift()?.();
      await new Promise(setImmediate);
    }
    expect(await all(answers)).toEqual([refused(true), anna, refused(true)]);
  });

  test('are refused without a question to the store where too many wait already', async () => {
    await tire(home);
    held = [];
    const answers = Array.from({ length: 11 }, (_, i) => find(`made up ${i}`, home));
    expect(await find('another', home)).toEqual(refused(true));
    expect(asked).toHaveLength(1);
    await answerAll();
    expect(new Set(await all(answers)).size).toBe(11);
    expect(asked).not.toContain('another');
  });

  test('from many such addresses are asked about two at a time, and nobody else waits behind them', async () => {
    for (let n = 1; n <= 5; n++) await tire(`203.0.113.${n}`);
    held = [];
    const answers = [1, 2, 3, 4, 5].map((n) => find(`another ${n}`, `203.0.113.${n}`));
    expect(asked).toHaveLength(2);
    stored.add('new');
    const mine = find('new', elsewhere);
    expect(asked.at(-1)).toBe('new');
    await answerAll();
    expect(await mine).toBe(anna);
    await all(answers);
  });

  test('do not keep out the tokens that are known here, be they to be confirmed', async () => {
    await tire(home);
    recalled.set('in use', anna).set('at rest', 'unsure');
    stored.add('at rest');
    expect(find('in use', home)).toBe(anna);
    expect(await find('at rest', home)).toBe(anna);
  });

  test('do not keep out new tokens from elsewhere', async () => {
    await tire(home);
    stored.add('new');
    expect(await find('new', elsewhere)).toBe(anna);
  });

  test('count by the /64 of an IPv6 address', async () => {
    await tire('2001:db8:1:2::1');
    expect(await find('another', '2001:db8:1:2:ffff::9')).toEqual(refused(true));
    expect(await find('another', '2001:db8:1:3::1')).toEqual(refused(false));
  });

  test('do not count when the same one comes again', async () => {
    recalled.set('expired', 'unknown');
    for (let i = 0; i < 10 * allowed; i++) expect(find('expired', home)).toEqual(refused(false));
    expect(asked).toEqual([]);
  });

  test('do not count while the store is away: nobody knows whether they are unknown', async () => {
    tokens = bearing(() => Promise.reject(new StoreAway('away')));
    for (let i = 0; i < 2 * allowed; i++) {
      expect(await find(`any ${i}`, home)).toMatchObject({ name: 'storeAway', retryAfterMs: 1_000 });
    }
    expect(guard.strangerWaitMs('token', home)).toBe(0);
  });
});

describe('A flood of made-up tokens', () => {
  test('from one address asks about three at a time, past the allowance about one, and not about all', async () => {
    held = [];
    const answers = Array.from({ length: 50 }, (_, i) => find(`made up ${i}`, home));
    expect(asked).toHaveLength(3);
    while (guard.strangerWaitMs('token', home) === 0) {
      held.shift()?.();
      await new Promise(setImmediate);
    }
    for (let answer = held.shift(); answer !== undefined; answer = held.shift()) {
      answer();
      await new Promise(setImmediate);
      expect(held.length).toBeLessThanOrEqual(3);
    }
    const names = (await all(answers)).map((answer) => (answer as Refusal).name);
    expect(new Set(names)).toEqual(new Set(['unauthenticated']));
    expect(asked.length).toBeLessThanOrEqual(allowed + 2 + 11);
  });

  test('from many addresses asks about eight at a time', async () => {
    held = [];
    const answers = Array.from({ length: 50 }, (_, i) => find(`made up ${i}`, `192.0.2.${i}`));
    expect(asked).toHaveLength(8);
    await answerAll();
    await all(answers);
    expect(asked).toHaveLength(50);
  });

  test('does not let others wait behind one address', async () => {
    held = [];
    stored.add('new');
    const flood = Array.from({ length: 4 }, (_, n) =>
      Array.from({ length: 12 }, (_, i) => find(`made up ${i}`, `192.0.2.${n}`)),
    ).flat();
    const before = asked.length;
    const mine = find('new', elsewhere);
    for (let i = 0; i < 4; i++) held.shift()?.();
    await new Promise(setImmediate);
    expect(asked.slice(before, before + 4)).toContain('new'); // 40 had come before.
    await answerAll();
    expect(await mine).toBe(anna);
    await all(flood);
  });

  test('that is longer than the line is told that the store is too busy, not that it is wrong', async () => {
    held = [];
    const answers = Array.from({ length: 110 }, (_, i) => find(`made up ${i}`, home));
    expect(await answers.at(-1)).toMatchObject({ name: 'storeAway', retryAfterMs: 1_000 });
    await answerAll();
    await all(answers);
  });

  test('asks once about a token that many send at once, and all of them pass', async () => {
    held = [];
    stored.add('new');
    const answers = Array.from({ length: 60 }, () => find('new', home));
    const [answer] = held;
    answer?.();
    held.splice(0, 1);
    await new Promise(setImmediate);
    recalled.set('new', anna);
    await answerAll();
    expect(new Set(await all(answers))).toEqual(new Set([anna]));
    expect(asked.length).toBeLessThanOrEqual(4);
  });
});

describe('Wrong API keys from an address', () => {
  const key = '0123456789ab';
  const answerTo = (text: string, address: string, strangers: StrangerGuard = guard) =>
    createAuthenticate({ tokens: [tokens], guard: strangers, secrets: nodeSecrets, meter: deafMeter, apiKeys: [key] })(
      request('GET', '/v1/health', ['Authorization', `Apikey ${text}`], address),
    );

  test('are 401, with Retry-After once there were too many; the right one passes all the same', async () => {
    for (let i = 1; i < allowed; i++) expect(await answerTo(`wrong-key-000${i}`, home)).toEqual(refused(false));
    expect(answerTo(key, home)).toMatchObject({ kind: 'exchange' });
    expect(await answerTo('wrong-key-last', home)).toEqual(refused(true));
    expect(answerTo(key, home)).toMatchObject({ kind: 'exchange' });
    expect(answerTo('wrong-key-more', home)).toEqual(refused(true));
  });

  test('are counted up to the allowance: a flood of them costs no calls of the store', async () => {
    let counted = 0;
    const counting: StrangerGuard = {
      strangerWaitMs: (kind, address) => guard.strangerWaitMs(kind, address),
      stranger(kind, address) {
        counted += 1;
        return guard.stranger(kind, address);
      },
    };
    await all(Array.from({ length: 100 }, (_, i) => answerTo(`wrong-key-${i}`, home, counting)));
    expect(counted).toBe(allowed);
  });

  test('do not keep out tokens, nor unknown tokens the key', async () => {
    for (let i = 0; i < allowed; i++) await answerTo(`wrong-key-000${i}`, home);
    stored.add('new');
    expect(await find('new', home)).toBe(anna);
    await tire(elsewhere);
    expect(answerTo(key, elsewhere)).toMatchObject({ kind: 'exchange' });
  });
});
