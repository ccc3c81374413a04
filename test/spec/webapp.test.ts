import { describe, expect, test } from 'vitest';
import { loginGuardDefaults } from '../../src/adapters/login-guard/guard.ts';
import { ensureAdmin } from '../../src/auth/first-admin.ts';
import { type Accounts, type Passwords, StoreAway } from '../../src/auth/ports.ts';
import { basic } from '../support/basic.ts';
import { goodPassword, startWebapp, tokenOf, verifiedBy, withBasic, withToken } from '../support/webapp.ts';

const newPassword = 'Another-Horse-2';
const login = '/v1/users/login';

describe('Logging in', () => {
  test.each([
    ['no body', undefined],
    ['an empty body', ''],
    ['white space', ' \r\n'],
    ['null', 'null'],
    ['{}', '{}'],
    ['a new password', { new_password: newPassword }],
  ])('works with %s', async (_, body) => {
    const webapp = await startWebapp();
    const answer = await webapp.logIn('admin', goodPassword, { body });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      users: [{ token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/), expires_after: '2018-03-01 15:29:26+00:00' }],
      meta: { version: expect.any(String), api_status: 'stable' },
    });
  });

  test.each([
    ['not JSON', '{"new_password":', 1025, 'JSON'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 1025, 'UTF-8'],
    ['an array', '[]', 1009, 'not an array'],
    ['a number', '17', 1009, 'not a number'],
    ['text', '"Secret-1"', 1009, 'not a string'],
    ['a new password that is a number', '{"new_password":17}', 1009, 'new_password must be text, not a number'],
    ['a new password that is null', '{"new_password":null}', 1009, 'new_password must be text, not null'],
    ['an unknown field', '{"newPassword":"Abcdef1!"}', 1010, '"newPassword" is not known here'],
    ['an unknown field __proto__', '{"__proto__":{}}', 1010, '"__proto__" is not known here'],
    ['a new password without a digit', '{"new_password":"Abcdefg!"}', 1009, 'new_password must hold a digit'],
  ])('refuses %s with 400', async (_, body, code, details) => {
    const webapp = await startWebapp();
    const answer = await webapp.logIn('admin', goodPassword, { body });
    expect(answer.status).toBe(400);
    expect(answer.error).toMatchObject({ code, details: expect.stringContaining(details) });
  });

  test.each([
    ['a wrong password', withBasic('admin', 'Wrong-Horse-1')],
    ['an unknown user', withBasic('nobody', goodPassword)],
    ['a name in another case', withBasic('Admin', goodPassword)],
  ])('refuses %s with the same words', async (_, fields) => {
    const webapp = await startWebapp();
    const answer = await webapp.ask('POST', login, { fields });
    expect(answer.status).toBe(401);
    expect(answer.error).toEqual({ code: 1005, title: 'Access denied', details: 'Invalid credentials.' });
  });

  test.each([
    ['no credentials', [], 401],
    ['a token', withToken('x'.repeat(43)), 401],
    ['an API key', ['Authorization', 'Apikey 0123456789ab'], 401],
    ['Basic without a colon', ['Authorization', 'Basic YWRtaW4='], 401],
    ['two Authorization fields', [...withBasic('admin', goodPassword), ...withBasic('admin', goodPassword)], 400],
    ['64 KB of credentials', withBasic('admin', 'x'.repeat(65_536)), 431],
  ])('with %s is refused', async (_, fields, status) => {
    const webapp = await startWebapp();
    expect((await webapp.ask('POST', login, { fields })).status).toBe(status);
  });

  test('gives each login a token of its own, all valid at once', async () => {
    const webapp = await startWebapp();
    const tokens = [await webapp.token('admin', goodPassword), await webapp.token('admin', goodPassword)];
    expect(new Set(tokens).size).toBe(2);
    for (const token of tokens) expect(await webapp.statusOf(token)).toBe(200);
  });

  test('with a new password ends all earlier tokens and the old password', async () => {
    const webapp = await startWebapp();
    const earlier = await webapp.token('admin', goodPassword);
    const token = tokenOf(await webapp.logIn('admin', goodPassword, { body: { new_password: newPassword } }));
    expect(await webapp.statusOf(earlier)).toBe(401);
    expect(await webapp.statusOf(token)).toBe(200);
    expect((await webapp.logIn('admin', goodPassword)).status).toBe(401);
    expect(await webapp.token('admin', newPassword)).toHaveLength(43);
  });

  test('gives a token that lives 7 days', async () => {
    const webapp = await startWebapp();
    const token = await webapp.token('admin', goodPassword);
    await webapp.clock.advance(7 * 24 * 3_600_000 - 1);
    expect(await webapp.statusOf(token)).toBe(200);
    await webapp.clock.advance(1);
    expect(await webapp.statusOf(token)).toBe(401);
  });
});

describe('The first admin', () => {
  test('has to bring a new password: 1024 until then', async () => {
    const webapp = await startWebapp({ adminPassword: null });
    const first = await webapp.logIn('admin', 'secret');
    expect(first.status).toBe(403);
    expect(first.error).toMatchObject({ code: 1024, title: 'Password change required' });
    const weak = await webapp.logIn('admin', 'secret', { body: { new_password: 'secret' } });
    expect(weak.error).toMatchObject({ code: 1009, details: 'new_password must have 8 to 64 characters, not 6.' });
    const token = tokenOf(await webapp.logIn('admin', 'secret', { body: { new_password: newPassword } }));
    expect(await webapp.statusOf(token)).toBe(200);
    expect(await webapp.token('admin', newPassword)).toHaveLength(43);
  });

  test('is told of the change only with the right password', async () => {
    const webapp = await startWebapp({ adminPassword: null });
    const answer = await webapp.logIn('admin', 'secret2');
    expect(answer.error?.code).toBe(1005);
  });

  test.each([
    ['the same password keeps the tokens', goodPassword, 200],
    ['no password keeps everything', null, 200],
    ['another password ends the tokens', newPassword, 401],
  ])('after a new start: %s', async (_, adminPassword, status) => {
    const { accounts, passwords, statusOf, token } = await startWebapp();
    const earlier = await token('admin', goodPassword);
    await ensureAdmin(accounts, passwords, adminPassword);
    expect(await statusOf(earlier)).toBe(status);
    expect(await token('admin', adminPassword ?? goodPassword)).toHaveLength(43);
  });

  test('needs no change any more once the environment sets its password, were it "secret"', async () => {
    const { accounts, passwords, token } = await startWebapp({ adminPassword: null });
    await ensureAdmin(accounts, passwords, 'secret');
    expect(await token('admin', 'secret')).toHaveLength(43);
  });

  test('is not made while the store is away', async () => {
    const { passwords } = await startWebapp();
    await expect(ensureAdmin(awayAccounts, passwords, null)).rejects.toThrow(StoreAway);
  });
});

describe('Logging out', () => {
  test.each([[undefined], [''], ['{}']])('ends the token that was sent and no other (body: %j)', async (body) => {
    const webapp = await startWebapp();
    const [left, kept] = [await webapp.token('admin', goodPassword), await webapp.token('admin', goodPassword)];
    const answer = await webapp.ask('POST', '/v1/users/logout', { fields: withToken(left), body });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json)).toEqual(['meta']);
    expect([await webapp.statusOf(left), await webapp.statusOf(kept)]).toEqual([401, 200]);
  });

  test('is refused without a valid token', async () => {
    const webapp = await startWebapp();
    for (const fields of [[], withToken('x'.repeat(43)), withBasic('admin', goodPassword)]) {
      expect((await webapp.ask('POST', '/v1/users/logout', { fields })).status).toBe(401);
    }
  });
});

describe('Users', () => {
  test.each([
    ['admin', 'POST', '/v1/users', { username: 'berta', password: goodPassword }, 201],
    ['admin', 'POST', '/v1/users', { username: 'anna', password: goodPassword }, 409],
    ['admin', 'GET', '/v1/users/anna', undefined, 200],
    ['admin', 'GET', '/v1/users/carl', undefined, 404],
    ['admin', 'PUT', '/v1/users/anna', { password: newPassword }, 200],
    ['admin', 'PUT', '/v1/users/carl', { password: newPassword }, 404],
    ['admin', 'DELETE', '/v1/users/anna', undefined, 200],
    ['admin', 'DELETE', '/v1/users/carl', undefined, 404],
    ['admin', 'DELETE', '/v1/users/admin', undefined, 403],
    ['anna', 'POST', '/v1/users', { username: 'berta', password: goodPassword }, 403],
    ['anna', 'GET', '/v1/users/anna', undefined, 200],
    ['anna', 'HEAD', '/v1/users/anna', undefined, 200],
    ['anna', 'GET', '/v1/users/admin', undefined, 403],
    ['anna', 'GET', '/v1/users/carl', undefined, 403],
    ['anna', 'PUT', '/v1/users/anna', { password: newPassword }, 200],
    ['anna', 'PUT', '/v1/users/admin', { password: newPassword }, 403],
    ['anna', 'DELETE', '/v1/users/anna', undefined, 403],
    ['anna', 'DELETE', '/v1/users/admin', undefined, 403],
    ['nobody', 'GET', '/v1/users/anna', undefined, 401],
    ['nobody', 'POST', '/v1/users', { username: 'berta', password: goodPassword }, 401],
  ])('%s: %s %s %j → %i', async (who, method, path, body, status) => {
    const webapp = await startWebapp();
    const anna = await webapp.user('anna');
    const tokens: Record<string, string> = { anna, admin: await webapp.token('admin', goodPassword) };
    const token = tokens[who];
    const fields = token === undefined ? [] : withToken(token);
    const answer = await webapp.ask(method, path, { fields, body });
    expect(answer.status).toBe(status);
    expect(answer.error?.code).toBe({ 401: 1005, 403: 1005, 404: 1006, 409: 1004 }[status]);
  });

  test('are answered in the shapes of the contract', async () => {
    const webapp = await startWebapp();
    const meta = { version: expect.any(String), api_status: 'stable' };
    for (const [method, path, body, user] of [
      ['POST', '/v1/users', { username: 'anna', password: goodPassword }, { username: 'anna' }],
      ['GET', '/v1/users/anna', undefined, { username: 'anna', ROLES: 'ROLE_USER' }],
      ['GET', '/v1/users/admin', undefined, { username: 'admin', ROLES: 'ROLE_ADMIN' }],
      ['PUT', '/v1/users/anna', { password: newPassword }, { username: 'anna' }],
      ['DELETE', '/v1/users/anna', undefined, { username: 'anna' }],
    ] as const) {
      expect((await webapp.askAsAdmin(method, path, body)).json, method + path).toEqual({ users: [user], meta });
    }
  });

  test.each([
    ['nothing', undefined, 1008, 'username is missing'],
    ['no password', { username: 'anna' }, 1008, 'password is missing'],
    ['a name that is a list', { username: ['anna'], password: goodPassword }, 1009, 'username must be text'],
    ['a short name', { username: 'ann', password: goodPassword }, 1009, 'username must have 4 to 32 characters'],
    ['a control character', { username: 'anna\u0007', password: goodPassword }, 1009, 'control, format or unassigned'],
    ['a weak password', { username: 'anna', password: 'password' }, 1009, 'password must hold a digit'],
    ['a role', { username: 'anna', password: goodPassword, ROLES: 'ROLE_ADMIN' }, 1010, '"ROLES" is not known'],
    ['half a body', '{"username":', 1025, 'JSON'],
  ])('are not created from %s', async (_, body, code, details) => {
    const webapp = await startWebapp();
    const answer = await webapp.askAsAdmin('POST', '/v1/users', body);
    expect(answer.status).toBe(400);
    expect(answer.error).toMatchObject({ code, details: expect.stringContaining(details) });
    expect(JSON.stringify(answer.json)).not.toContain(goodPassword);
  });

  test.each([
    ['deleted', 'DELETE', undefined],
    ['given another password', 'PUT', { password: newPassword }],
  ])('lose all their tokens when %s, and nobody else does', async (_, method, body) => {
    const webapp = await startWebapp();
    const [one, two] = [await webapp.user('anna'), await webapp.token('anna', goodPassword)];
    const other = await webapp.user('berta');
    expect((await webapp.askAsAdmin(method, '/v1/users/anna', body)).status).toBe(200);
    for (const token of [one, two]) expect(await webapp.statusOf(token)).toBe(401);
    expect(await webapp.statusOf(other)).toBe(200);
  });

  test('who are made anew under the same name do not get the old tokens back', async () => {
    const webapp = await startWebapp();
    const old = await webapp.user('anna');
    await webapp.askAsAdmin('DELETE', '/v1/users/anna');
    await webapp.user('anna');
    expect(await webapp.statusOf(old)).toBe(401);
  });

  test('with names beyond ASCII are found by their encoded path', async () => {
    const webapp = await startWebapp();
    const fields = withToken(await webapp.user('jürgen müller'));
    const path = `/v1/users/${encodeURIComponent('jürgen müller')}`;
    expect((await webapp.ask('GET', path, { fields })).json.users).toEqual([
      { username: 'jürgen müller', ROLES: 'ROLE_USER' },
    ]);
  });
});

test.each([
  ['GET', '/v1/users/login', 'POST'],
  ['PUT', '/v1/users/logout', 'POST'],
  ['GET', '/v1/users', 'POST'],
  ['POST', '/v1/users/anna', 'GET, HEAD, PUT, DELETE'],
  ['DELETE', '/v1/metrics', 'GET, HEAD'],
  ['constructor', '/v1/metrics', 'GET, HEAD'],
])('%s %s is answered 405 with Allow: %s', async (method, path, allow) => {
  const webapp = await startWebapp();
  const fields =
    path === login ? withBasic('admin', goodPassword) : withToken(await webapp.token('admin', goodPassword));
  const answer = await webapp.ask(method, path, { fields });
  expect(answer).toMatchObject({ status: 405, refusal: { allow }, error: { details: `Allowed here: ${allow}.` } });
});

describe('Metrics', () => {
  const key = '0123456789ab';
  test.each([
    ['/metrics', 200, 'json'],
    ['/v1/metrics', 200, 'json'],
    ['/v1/metrics?format=json', 200, 'json'],
    ['/v1/metrics?format=prometheus', 200, 'prometheus'],
    ['/metrics?a=b&format=prometheus', 200, 'prometheus'],
    ['/metrics?format=xml', 400, undefined],
  ])('%s → %i %s', async (path, status, format) => {
    const webapp = await startWebapp({ apiKeys: [key] });
    const answer = await webapp.ask('GET', path, { fields: ['Authorization', `Apikey ${key}`] });
    expect(answer.status).toBe(status);
    expect(answer.json.format).toBe(format);
  });
});

const awayAccounts = new Proxy({} as Accounts, {
  get: () => async () => {
    throw new StoreAway('away');
  },
});

test('When the store is away, the answer is 503 with error 1023, never a wrong credential', async () => {
  const real = await startWebapp();
  let away = false;
  const accounts = new Proxy(real.accounts, {
    get: (target, name: keyof Accounts) => Reflect.get(away ? awayAccounts : target, name).bind(target),
  });
  const webapp = await startWebapp({ accounts });
  const token = await webapp.token('admin', goodPassword);
  const asked = [
    [login, withBasic('admin', goodPassword)],
    [login, withBasic('nobody', goodPassword)],
    ['/v1/users/logout', withToken(token)],
  ] as const;
  away = true;
  for (const [path, fields] of asked) {
    const answer = await webapp.ask('POST', path, { fields });
    expect(answer).toMatchObject({ status: 503, error: { code: 1023 }, refusal: { retryAfterMs: 1_000 } });
  }
  away = false;
  expect(await webapp.statusOf(token)).toBe(200);
});

test('When too many logins wait, the answer is 503 with Retry-After, never 401', async () => {
  const full: Passwords = { enter: async () => ({ kind: 'busy', retryAfterMs: 2_500 }) };
  const webapp = await startWebapp({ passwords: full });
  const answer = await webapp.logIn('admin', goodPassword);
  expect(answer).toMatchObject({ status: 503, error: { code: 1016 }, refusal: { retryAfterMs: 2_500 } });
});

describe('Guessing', () => {
  const guard = { ...loginGuardDefaults, pair: { failures: 3, windowS: 60 }, address: { failures: 8, windowS: 60 } };
  const [here, elsewhere] = ['192.0.2.1', '198.51.100.7'];

  test('is slowed down: the right password does not help any more, and the answer says how long', async () => {
    const webapp = await startWebapp({ guard });
    for (let i = 0; i < 3; i++) await webapp.logIn('admin', 'Wrong-1!', { remote: here });
    const answer = await webapp.logIn('admin', goodPassword, { remote: here });
    expect(answer).toMatchObject({ status: 401, error: { code: 1005, details: expect.stringMatching(/in \d+ s/) } });
    expect(answer.refusal?.retryAfterMs).toBeGreaterThan(0);
    expect(answer.refusal?.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('does not lock out the owner elsewhere, nor other names from here', async () => {
    const webapp = await startWebapp({ guard });
    await webapp.user('anna');
    for (let i = 0; i < 4; i++) await webapp.logIn('admin', 'Wrong-1!', { remote: here });
    expect(await webapp.token('admin', goodPassword, elsewhere)).toHaveLength(43);
    expect(await webapp.token('anna', goodPassword, here)).toHaveLength(43);
  });

  test('over many names is slowed down by address', async () => {
    const webapp = await startWebapp({ guard });
    for (let i = 0; i < 8; i++) await webapp.logIn(`user${i}`, 'x', { remote: here });
    const answer = await webapp.logIn('admin', goodPassword, { remote: here });
    expect(answer.error?.details).toMatch(/Too many failed logins/);
  });

  test('tells an unknown name from a known one neither before nor after', async () => {
    const webapp = await startWebapp({ guard });
    for (let i = 0; i < 4; i++) {
      const [known, unknown] = await Promise.all(
        ['admin', 'nobody'].map((name, at) => webapp.logIn(name, 'Wrong-1!', { remote: `192.0.2.${at + 1}` })),
      );
      expect(known?.error).toEqual(unknown?.error);
    }
  });

  test('in parallel gets no more tries than one by one, but for those in turn already', async () => {
    const webapp = await startWebapp({ guard });
    const answers = await Promise.all(Array.from({ length: 40 }, () => webapp.logIn('admin', 'Wrong-1!')));
    const tried = answers.filter(({ error }) => error?.details === 'Invalid credentials.').length;
    expect(answers.every(({ status }) => status === 401)).toBe(true);
    expect(tried).toBeLessThanOrEqual(3 + 1);
  });
});

test('A user that is changed between verifying and giving the token gets none', async () => {
  const { accounts, passwords, logIn } = await startWebapp();
  const racing = verifiedBy(passwords, async (turn, password, hash) => {
    const verdict = await turn.verify(password, hash);
    const admin = await accounts.findUser('admin');
    if (admin !== undefined) await accounts.changePassword(admin, await turn.hash(newPassword));
    return verdict;
  });
  const webapp = await startWebapp({ accounts, passwords: racing });
  expect((await webapp.logIn('admin', goodPassword)).status).toBe(401);
  expect((await logIn('admin', newPassword)).status).toBe(200);
});

test('No answer repeats a credential', async () => {
  const webapp = await startWebapp();
  const secrets = [goodPassword, 'Wrong-Horse-1', basic('admin', goodPassword).slice(6)];
  const answers = await Promise.all([
    webapp.logIn('admin', 'Wrong-Horse-1'),
    webapp.ask('POST', login, { fields: ['Authorization', `Bearer ${goodPassword}`] }),
    webapp.ask('POST', login, { fields: ['Authorization', `${goodPassword} x`] }),
    webapp.logIn('admin', 'x', { body: { new_password: `${goodPassword}\n` } }),
  ]);
  for (const { json } of answers) for (const secret of secrets) expect(JSON.stringify(json)).not.toContain(secret);
});
