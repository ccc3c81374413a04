/** The audit trail: one line for each login, logout and change of an account, done or refused, and no secret in it. */
import { describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/adapters/log/format.ts';
import { createLog } from '../../src/adapters/log/log.ts';
import { type Accounts, StoreAway } from '../../src/auth/ports.ts';
import type { AuditLine } from '../../src/observe/audit.ts';
import { startTestApp } from '../support/app.ts';
import { basic } from '../support/basic.ts';
import { refusedLogin } from '../support/log-lines.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { goodPassword, startWebapp, type TestWebapp, withBasic, withToken } from '../support/webapp.ts';

const here = '192.0.2.1';
const otherPassword = 'Other-Horse-2';
const done = { outcome: 'done', reason: null } as const;
const refused = (reason: AuditLine['reason']) => ({ outcome: 'refused', reason }) as const;

interface Act {
  readonly webapp: TestWebapp;
  /** Fields with the admin's token, and with anna's. */
  readonly admin: readonly string[];
  readonly anna: readonly string[];
}

async function afterwards(act: (on: Act) => Promise<unknown>): Promise<AuditLine[]> {
  const webapp = await startWebapp();
  const anna = withToken(await webapp.user('anna'));
  const admin = withToken(await webapp.token('admin', goodPassword));
  webapp.trail.length = 0;
  await act({ webapp, admin, anna });
  return webapp.trail;
}

const login =
  (name: string, password: string, body?: unknown) =>
  async ({ webapp }: Act) =>
    await webapp.ask('POST', '/v1/users/login', { fields: withBasic(name, password), body });

const as =
  (who: 'admin' | 'anna', method: string, path: string, body?: unknown) =>
  async ({ webapp, [who]: fields }: Act) =>
    await webapp.ask(method, path, { fields, body });

const bernd = { username: 'bernd', password: goodPassword };
const change = { password: otherPassword };

describe('what is done, and who did it to whom', () => {
  const did = (action: AuditLine['action'], by: string, user = by) => ({
    action,
    ...done,
    principal: `user:${by}`,
    user,
  });

  it.each<[string, (on: Act) => Promise<unknown>, Partial<AuditLine>[]]>([
    ['a login', login('anna', goodPassword), [did('login', 'anna')]],
    [
      'a login that brings a new password',
      login('anna', goodPassword, { new_password: otherPassword }),
      [did('login', 'anna'), did('user.password', 'anna')],
    ],
    ['a logout', as('anna', 'POST', '/v1/users/logout'), [did('logout', 'anna')]],
    ['a user that is created', as('admin', 'POST', '/v1/users', bernd), [did('user.add', 'admin', 'bernd')]],
    ['a changed password', as('anna', 'PUT', '/v1/users/anna', change), [did('user.password', 'anna')]],
    ['a user that is deleted', as('admin', 'DELETE', '/v1/users/anna'), [did('user.delete', 'admin', 'anna')]],
    ['reading a user is nothing to write down', as('anna', 'GET', '/v1/users/anna'), []],
    ['nor is a message', as('anna', 'POST', '/v1/messages'), []],
    ['nor is a method that is not known', as('anna', 'PATCH', '/v1/users/anna'), []],
  ])('%s', async (_, act, lines) => {
    expect(await afterwards(act)).toEqual(
      lines.map((line) => ({ by: 'request', requestId: 'test', remote: here, ...line })),
    );
  });
});

describe('what is refused, and why', () => {
  const no = (
    action: AuditLine['action'],
    reason: AuditLine['reason'],
    principal: string | null = null,
    user: string | null = null,
  ) => ({ action, ...refused(reason), principal, user });
  const unreadable = async ({ webapp }: Act) =>
    await webapp.ask('POST', '/v1/users/login', { fields: ['Authorization', 'Basic %'] });
  const logout = async ({ webapp }: Act) => await webapp.ask('POST', '/v1/users/logout', { fields: withToken('x') });

  it.each<[string, (on: Act) => Promise<unknown>, Partial<AuditLine>]>([
    ['a wrong password', login('anna', otherPassword), no('login', 'wrongPassword', 'nobody', 'anna')],
    ['an unknown user, whose name may be a password', login('Sup3r-s3cret', 'x'), no('login', 'unknownUser', 'nobody')],
    [
      'a new password that breaks a rule',
      login('anna', goodPassword, { new_password: 'x' }),
      no('login', 'parameterInvalid', 'nobody'),
    ],
    ['credentials that cannot be read', unreadable, no('login', 'unauthenticated')],
    ['a logout with a token that is none', logout, no('logout', 'unauthenticated')],
    [
      'a user that creates another one',
      as('anna', 'POST', '/v1/users', bernd),
      no('user.add', 'forbidden', 'user:anna'),
    ],
    [
      'a name that is taken',
      as('admin', 'POST', '/v1/users', { ...bernd, username: 'anna' }),
      no('user.add', 'exists', 'user:admin', 'anna'),
    ],
    [
      'a user that changes another one’s password',
      as('anna', 'PUT', '/v1/users/admin', change),
      no('user.password', 'forbidden', 'user:anna', 'admin'),
    ],
    [
      'a user that deletes another one',
      as('anna', 'DELETE', '/v1/users/admin'),
      no('user.delete', 'forbidden', 'user:anna', 'admin'),
    ],
  ])('%s', async (_, act, line) => {
    expect(await afterwards(act)).toEqual([{ by: 'request', requestId: 'test', remote: here, ...line }]);
  });

  it('too many failures, whether the password is right or not: the user is named where there is one', async () => {
    const once = { failures: 1, windowS: 60 };
    const address = { failures: 9, windowS: 60 };
    const webapp = await startWebapp({
      guard: { pair: once, address, name: once, stranger: once, trickleS: 60, knownS: 60 },
    });
    const admin = login('admin', otherPassword);
    const act = { webapp, admin: [], anna: [] };
    await admin(act);
    await login('admin', goodPassword)(act);
    await login('Sup3r-s3cret', 'x')(act);
    await login('Sup3r-s3cret', 'x')(act);
    const told = webapp.trail.map(({ reason, user }) => `${reason} ${user}`);
    expect(told).toEqual(['wrongPassword admin', 'tooManyFailures admin', 'unknownUser null', 'tooManyFailures null']);
  });

  it('a first login without a new password', async () => {
    const webapp = await startWebapp({ adminPassword: null });
    await login('admin', 'secret')({ webapp, admin: [], anna: [] });
    expect(webapp.trail).toMatchObject([{ action: 'login', ...refused('passwordChangeRequired'), user: 'admin' }]);
  });

  it('a store that is away', async () => {
    const webapp = await startWebapp();
    const away: Accounts['findUser'] = () => Promise.reject(new StoreAway('away'));
    Object.assign(webapp.accounts, { findUser: away });
    await login('admin', goodPassword)({ webapp, admin: [], anna: [] });
    expect(webapp.trail).toMatchObject([{ action: 'login', ...refused('storeAway'), principal: 'nobody', user: null }]);
  });
});

describe('on its way to the log', () => {
  const line: AuditLine = { ...refusedLogin, requestId: 'r-1', user: 'anna "zoë"\n', remote: here };

  it.each<[LogLevel, number]>([
    ['debug', 1],
    ['warn', 1],
    ['fatal', 1],
    ['silent', 0],
  ])('at level %s %i line is written', (level, count) => {
    const texts: string[] = [];
    createLog({ level, clock: new VirtualClock(), destination: { write: (text) => texts.push(text) } }).audit(line);
    expect(texts).toEqual(
      Array(count).fill(
        '{"level":"info","time":"2026-01-01T00:00:00.000Z","msg":"audit","action":"login","outcome":"refused",' +
          '"reason":"wrongPassword","by":"request","requestId":"r-1","principal":"nobody","user":"anna \\"zoë\\"\\n",' +
          '"remote":"192.0.2.1"}\n',
      ),
    );
  });
});

describe('of a whole Weir', () => {
  it('tells that the configuration has made the admin, then who logged in, under the id of the request', async () => {
    await using app = await startTestApp('http://127.0.0.1:9');
    const fields = `Host: weir\r\nX-Request-Id: mine\r\nAuthorization: ${basic('admin', 'wrong')}\r\n`;
    await app.ask('POST /v1/users/login', fields);
    await app.send('POST /v1/users/logout', 'X-Request-Id: bye\r\n');
    const nobody = { requestId: null, principal: null, remote: null };
    expect(app.trail).toMatchObject([
      { action: 'user.add', ...done, by: 'configuration', user: 'admin', ...nobody },
      { action: 'login', ...done, by: 'request', principal: 'user:admin', remote: '127.0.0.1' },
      { action: 'login', ...refused('wrongPassword'), requestId: 'mine', principal: 'nobody', user: 'admin' },
      { action: 'logout', ...done, requestId: 'bye', principal: 'user:admin', user: 'admin' },
    ]);
    expect(JSON.stringify(app.trail)).not.toContain(app.token);
  });

  it('a key that is right leaves a line of its request and nothing else in the log', async () => {
    await using app = await startTestApp('http://127.0.0.1:9', '{}', { WA_API_KEY: 'the-new-key-1 the-old-key-1' });
    const before = [app.events.length, app.trail.length];
    for (const key of ['the-new-key-1', 'the-old-key-1']) {
      const answer = await app.ask('GET /v1/metrics', `Host: weir\r\nAuthorization: Apikey ${key}\r\n`);
      expect(answer.status).toBe(200);
    }
    expect([app.events.length, app.trail.length]).toEqual(before);
    expect(app.lines).toMatchObject(Array(2).fill({ principal: { kind: 'key' }, status: 200, refusal: null }));
  });
});
