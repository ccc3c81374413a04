import { describe, expect, test } from 'vitest';
import { createLoginGuard } from '../../src/adapters/login-guard/guard.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import type { TokenRecord } from '../../src/auth/accounts.ts';
import { createAuthenticate } from '../../src/auth/authenticate.ts';
import { BearerTokens } from '../../src/auth/bearer-tokens.ts';
import { tokensAtHand } from '../../src/auth/own-tokens.ts';
import { StoreAway } from '../../src/auth/ports.ts';
import type { Tokens } from '../../src/auth/token-cache.ts';
import { refusalTable } from '../../src/exchange/refusals.ts';
import { basic } from '../support/basic.ts';
import { request } from '../support/webapp.ts';

const token = nodeSecrets.token();
const adminToken = nodeSecrets.token();
const [key, nextKey] = ['0123456789ab', 'rotated-key-0123'];
const records = new Map<string, TokenRecord>([
  [nodeSecrets.digest(token), { user: 'anna', role: 'ROLE_USER', expiresAtMs: 1 }],
  [nodeSecrets.digest(adminToken), { user: 'admin', role: 'ROLE_ADMIN', expiresAtMs: 1 }],
]);
const findToken = (digest: string): TokenRecord | undefined => records.get(digest);
const guard = createLoginGuard(null);
const bearing = (tokens: Tokens) => new BearerTokens({ tokens, end: async () => {}, guard, secrets: nodeSecrets });
const atHand = (find = findToken) => tokensAtHand({ findToken: find }, nodeSecrets);
const monitored: number[] = [];
const meter = { monitored: (expiresAtMs: number) => void monitored.push(expiresAtMs) };
const deps = { tokens: [bearing(atHand())], guard, secrets: nodeSecrets, meter, apiKeys: [key, nextKey] };

const credentials = {
  nothing: [],
  basic: ['Authorization', basic('anna', 'x')],
  token: ['Authorization', `Bearer ${token}`],
  'token, upper case': ['AUTHORIZATION', `BEARER ${token}`],
  admin: ['Authorization', `Bearer ${adminToken}`],
  'unknown token': ['Authorization', `Bearer ${nodeSecrets.token()}`],
  key: ['Authorization', `Apikey ${key}`],
  'next key': ['authorization', `APIKEY ${nextKey}`],
  'wrong key': ['Authorization', 'Apikey 0123456789aB'],
} as const;

/** The rules in one table: 0 passes, a number is the status of the refusal. */
describe.each([
  ['/v1/users/login', [401, 0, 401, 401, 401, 401, 401, 401, 401]],
  ['/v1/users/logout', [401, 401, 0, 0, 0, 401, 401, 401, 401]],
  ['/v1/users', [401, 401, 403, 403, 0, 401, 401, 401, 401]],
  ['/v1/users/anna', [401, 401, 0, 0, 0, 401, 401, 401, 401]],
  ['/v1/messages', [401, 401, 0, 0, 0, 401, 401, 401, 401]],
  ['/v1/support', [401, 401, 0, 0, 0, 401, 401, 401, 401]],
  ['/v1/settings/application', [401, 401, 403, 403, 0, 401, 401, 401, 401]],
  ['/v1/health', [401, 401, 0, 0, 0, 401, 0, 0, 401]],
  ['/v1/stats/app', [401, 401, 0, 0, 0, 401, 0, 0, 401]],
  ['/v1/metrics', [401, 401, 0, 0, 0, 401, 0, 0, 401]],
  ['/metrics', [401, 401, 0, 0, 0, 401, 0, 0, 401]],
  ['/whatever', [401, 401, 0, 0, 0, 401, 401, 401, 401]],
])('%s', (path, statuses) => {
  const rows = Object.entries(credentials).map(([name, fields], i) => [name, statuses[i] as number, fields] as const);
  test.each(rows)('with %s: %i', async (_, status, fields) => {
    const method = /health|stats|metrics/.test(path) ? 'GET' : 'POST';
    const answer = await createAuthenticate(deps)(request(method, path, fields));
    expect(answer.kind === 'refusal' ? refusalTable[answer.name].status : 0).toBe(status);
  });
});

test.each([
  ['/v1/messages', credentials.token, { kind: 'user', name: 'anna', role: 'ROLE_USER' }],
  ['/v1/messages', credentials.admin, { kind: 'user', name: 'admin', role: 'ROLE_ADMIN' }],
  ['/v1/health', credentials.key, { kind: 'key' }],
  ['/v1/users/login', credentials.basic, { kind: 'nobody' }],
])('%s with %j is asked by %j', (path, fields, principal) => {
  expect(createAuthenticate(deps)(request('GET', path, fields))).toMatchObject({ principal });
});

test('A token that is known in this process is answered at once, without a promise', () => {
  expect(createAuthenticate(deps)(request('GET', '/v1/messages', credentials.token))).not.toBeInstanceOf(Promise);
});

describe('The API key opens', () => {
  const withKey = async (method: string, path: string, upgrading = false): Promise<number> => {
    const answer = await createAuthenticate({ ...deps, upgrading })(request(method, path, credentials.key));
    return answer.kind === 'refusal' ? refusalTable[answer.name].status : 200;
  };

  test.each([
    '/v1/health',
    '/v1/Health',
    '/v1/stats/app',
    '/v1/stats/app/internal',
    '/v1/stats/db',
    '/v1/stats/db/internal',
  ])('%s, to look at and nothing else', async (path) => {
    expect(await Promise.all(['GET', 'HEAD'].map((method) => withKey(method, path)))).toEqual([200, 200]);
    const others = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', 'PURGE'];
    expect(await Promise.all(others.map((method) => withKey(method, path)))).toEqual(others.map(() => 401));
    expect(await withKey('GET', path, true)).toBe(401);
  });

  test.each(['/metrics', '/v1/metrics'])('%s, Weir’s own, the same way', async (path) => {
    const [read, written, upgraded] = [withKey('GET', path), withKey('POST', path), withKey('GET', path, true)];
    expect([await read, await written, await upgraded]).toEqual([200, 401, 401]);
  });

  test('and a token goes on opening them to any method', async () => {
    const answer = await createAuthenticate({ ...deps, upgrading: true })(
      request('POST', '/v1/health', credentials.token),
    );
    expect(answer.kind).toBe('exchange');
  });
});

test('Without API keys none is right, not even an empty one', async () => {
  const authenticate = createAuthenticate({ ...deps, apiKeys: [] });
  for (const value of ['Apikey', 'Apikey ', `Apikey ${key}`, 'Apikey undefined']) {
    const answer = await authenticate(request('GET', '/v1/health', ['Authorization', value]));
    expect(answer).toMatchObject({ name: 'unauthenticated' });
  }
});

test('A token that can’t be one of Weir’s is refused without asking the store', async () => {
  const asked: string[] = [];
  const tokens = bearing(atHand((digest) => void asked.push(digest)));
  const authenticate = createAuthenticate({ ...deps, tokens: [tokens] });
  for (const text of ['x', 'x'.repeat(42), 'x'.repeat(44), 'eyJhbGciOiJub25lIn0.e30.']) {
    const answer = await authenticate(request('GET', '/v1/messages', ['Authorization', `Bearer ${text}`]));
    expect(answer).toMatchObject({ name: 'unauthenticated' });
  }
  expect(asked).toEqual([]);
});

describe('With a store elsewhere', () => {
  const later = (answer: (digest: string, text: string) => TokenRecord | undefined) => {
    const tokens = bearing({ ...atHand(), recall: () => 'unheard', find: async (...shown) => answer(...shown) });
    return createAuthenticate({ ...deps, tokens: [tokens] });
  };

  test('a token is looked up by its digest, and its text does not wait for the answer', async () => {
    const authenticate = later((digest, text) => (text === '' ? records.get(digest) : undefined));
    expect(await authenticate(request('GET', '/v1/messages', credentials.token))).toMatchObject({
      principal: { kind: 'user', name: 'anna' },
    });
  });

  test('an outage is 503 with error 1023 and Retry-After, never "invalid"', async () => {
    const authenticate = later(() => {
      throw new StoreAway('away');
    });
    const told = await authenticate(request('GET', '/v1/messages', credentials.token));
    expect(told).toEqual({ kind: 'refusal', name: 'storeAway', details: null, retryAfterMs: 1_000 });
    expect(await authenticate(request('GET', '/v1/health', credentials.key))).toMatchObject({ kind: 'exchange' });
  });

  test('a bug is not taken for an outage', async () => {
    const authenticate = later(() => {
      throw new TypeError('bug');
    });
    await expect(authenticate(request('GET', '/v1/messages', credentials.token))).rejects.toThrow(TypeError);
  });
});

describe('When the tokens expire that monitoring uses', () => {
  test.each([
    ['a token at /v1/health', '/v1/health', credentials.token, [1]],
    ['a token at /v1/metrics', '/v1/metrics', credentials.admin, [1]],
    ['a token elsewhere', '/v1/messages', credentials.token, []],
    ['an unknown token', '/v1/health', credentials['unknown token'], []],
    ['the key', '/v1/health', credentials.key, []],
  ])('is learnt from %s', async (_, path, fields, learnt) => {
    monitored.length = 0;
    await createAuthenticate(deps)(request('GET', path, fields));
    expect(monitored).toEqual(learnt);
  });

  test('is not learnt from a token of an identity provider, which whoever has it renews', async () => {
    monitored.length = 0;
    const record: TokenRecord = { user: 'jwt:anna', role: 'ROLE_USER', expiresAtMs: 1 };
    const jwts = { couldBe: () => true, find: async () => record };
    const answer = await createAuthenticate({ ...deps, tokens: [...deps.tokens, jwts] })(
      request('GET', '/v1/health', ['Authorization', 'Bearer a.b.c']),
    );
    expect([answer.kind, monitored]).toEqual(['exchange', []]);
  });
});
