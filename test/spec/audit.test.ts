/** The audit trail: one line for each login, logout and change of an account, done or refused, and no secret in it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/adapters/log/format.ts';
import { createLog } from '../../src/adapters/log/log.ts';
import { type Accounts, StoreAway } from '../../src/auth/ports.ts';
import type { AuditLine } from '../../src/observe/audit.ts';
import { startTestApp } from '../support/app.ts';
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

describe('what is done, and who did it to whom', () => {
  const byAdmin = { principal: 'user:admin' };
  const byAnna = { principal: 'user:anna', user: 'anna' };
  it.each<[string, (on: Act) => Promise<unknown>, Partial<AuditLine>[]]>([
    ['a login', login('anna', goodPassword), [{ action: 'login', ...done, ...byAnna }]],
    [
      'a login that brings a new password',
      login('anna', goodPassword, { new_password: otherPassword }),
      [
        { action: 'login', ...done, ...byAnna },
        { action: 'user.password', ...done, ...byAnna },
      ],
    ],
    [
      'a logout',
      ({ webapp, anna }) => webapp.ask('POST', '/v1/users/logout', { fields: anna }),
      [{ action: 'logout', ...done, ...byAnna }],
    ],
    [
      'a user that is created',
      ({ webapp, admin }) =>
        webapp.ask('POST', '/v1/users', { fields: admin, body: { username: 'bernd', password: goodPassword } }),
      [{ action: 'user.add', ...done, ...byAdmin, user: 'bernd' }],
    ],
    [
      'a user that changes its password',
      ({ webapp, anna }) => webapp.ask('PUT', '/v1/users/anna', { fields: anna, body: { password: otherPassword } }),
      [{ action: 'user.password', ...done, ...byAnna }],
    ],
    [
      'a user that is deleted',
      ({ webapp, admin }) => webapp.ask('DELETE', '/v1/users/anna', { fields: admin }),
      [{ action: 'user.delete', ...done, ...byAdmin, user: 'anna' }],
    ],
    [
      'reading a user is nothing to write down',
      ({ webapp, anna }) => webapp.ask('GET', '/v1/users/anna', { fields: anna }),
      [],
    ],
    ['nor is a message', ({ webapp, anna }) => webapp.ask('POST', '/v1/messages', { fields: anna }), []],
    [
      'nor is a method that is not known',
      ({ webapp, anna }) => webapp.ask('PATCH', '/v1/users/anna', { fields: anna }),
      [],
    ],
  ])('%s', async (_, act, lines) => {
    expect(await afterwards(act)).toEqual(
      lines.map((line) => ({ by: 'request', requestId: 'test', remote: here, ...line })),
    );
  });
});

describe('what is refused, and why', () => {
  const nobody = { principal: 'nobody', user: null };
  it.each<[string, (on: Act) => Promise<unknown>, Partial<AuditLine>]>([
    [
      'a wrong password',
      login('anna', otherPassword),
      { action: 'login', ...refused('wrongPassword'), ...nobody, user: 'anna' },
    ],
    [
      'an unknown user, whose name may be a password',
      login('Sup3r-s3cret', 'x'),
      { action: 'login', ...refused('unknownUser'), ...nobody },
    ],
    [
      'a new password that breaks a rule',
      login('anna', goodPassword, { new_password: 'x' }),
      { action: 'login', ...refused('parameterInvalid'), ...nobody },
    ],
    [
      'credentials that cannot be read',
      ({ webapp }) => webapp.ask('POST', '/v1/users/login', { fields: ['Authorization', 'Basic %'] }),
      { action: 'login', ...refused('unauthenticated'), principal: null, user: null },
    ],
    [
      'a logout with a token that is none',
      ({ webapp }) => webapp.ask('POST', '/v1/users/logout', { fields: withToken('x') }),
      { action: 'logout', ...refused('unauthenticated'), principal: null, user: null },
    ],
    [
      'a user that creates another one',
      ({ webapp, anna }) =>
        webapp.ask('POST', '/v1/users', { fields: anna, body: { username: 'bernd', password: goodPassword } }),
      { action: 'user.add', ...refused('forbidden'), principal: 'user:anna', user: null },
    ],
    [
      'a name that is taken',
      ({ webapp, admin }) =>
        webapp.ask('POST', '/v1/users', { fields: admin, body: { username: 'anna', password: goodPassword } }),
      { action: 'user.add', ...refused('exists'), principal: 'user:admin', user: 'anna' },
    ],
    [
      'a user that changes another one’s password',
      ({ webapp, anna }) => webapp.ask('PUT', '/v1/users/admin', { fields: anna, body: { password: otherPassword } }),
      { action: 'user.password', ...refused('forbidden'), principal: 'user:anna', user: 'admin' },
    ],
    [
      'a user that deletes another one',
      ({ webapp, anna }) => webapp.ask('DELETE', '/v1/users/admin', { fields: anna }),
      { action: 'user.delete', ...refused('forbidden'), principal: 'user:anna', user: 'admin' },
    ],
  ])('%s', async (_, act, line) => {
    expect(await afterwards(act)).toEqual([{ by: 'request', requestId: 'test', remote: here, ...line }]);
  });

  it('too many failures, whether the password is right or not: the user is named where there is one', async () => {
    const guard = { failures: 1, windowS: 60 };
    const webapp = await startWebapp({
      guard: {
        pair: guard,
        address: { failures: 9, windowS: 60 },
        name: guard,
        stranger: guard,
        trickleS: 60,
        knownS: 60,
      },
    });
    const admin = login('admin', otherPassword);
    const act = { webapp, admin: [], anna: [] };
    await admin(act);
    await login('admin', goodPassword)(act);
    await login('Sup3r-s3cret', 'x')(act);
    await login('Sup3r-s3cret', 'x')(act);
    expect(webapp.trail.map(({ reason, user }) => [reason, user])).toEqual([
      ['wrongPassword', 'admin'],
      ['tooManyFailures', 'admin'],
      ['unknownUser', null],
      ['tooManyFailures', null],
    ]);
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
  const line: AuditLine = {
    action: 'login',
    outcome: 'refused',
    reason: 'wrongPassword',
    by: 'request',
    requestId: 'r-1',
    principal: 'nobody',
    user: 'anna "zoë"\n',
    remote: here,
  };

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
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
  });

  it('tells that the configuration has made the admin, then who logged in, under the id of the request', async () => {
    const app = await startTestApp('http://127.0.0.1:9');
    open.push(app);
    const credentials = Buffer.from('admin:wrong').toString('base64');
    await app.ask(
      'POST /v1/users/login',
      `Host: weir\r\nX-Request-Id: mine\r\nAuthorization: Basic ${credentials}\r\n`,
    );
    await app.send('POST /v1/users/logout', 'X-Request-Id: bye\r\n');
    expect(app.trail).toMatchObject([
      {
        action: 'user.add',
        ...done,
        by: 'configuration',
        requestId: null,
        principal: null,
        user: 'admin',
        remote: null,
      },
      { action: 'login', ...done, by: 'request', principal: 'user:admin', remote: '127.0.0.1' },
      { action: 'login', ...refused('wrongPassword'), requestId: 'mine', principal: 'nobody', user: 'admin' },
      { action: 'logout', ...done, requestId: 'bye', principal: 'user:admin', user: 'admin' },
    ]);
    expect(JSON.stringify(app.trail)).not.toContain(app.token);
  });

  it('a key that is right leaves a line of its request and nothing else in the log', async () => {
    const app = await startTestApp('http://127.0.0.1:9', '{}', { WA_API_KEY: 'the-new-key-1 the-old-key-1' });
    open.push(app);
    const before = [app.events.length, app.trail.length];
    for (const key of ['the-new-key-1', 'the-old-key-1']) {
      const answer = await app.ask('GET /v1/metrics', `Host: weir\r\nAuthorization: Apikey ${key}\r\n`);
      expect(answer.status).toBe(200);
    }
    expect([app.events.length, app.trail.length]).toEqual(before);
    expect(app.lines).toMatchObject([
      { principal: { kind: 'key' }, status: 200, refusal: null },
      { principal: { kind: 'key' }, status: 200, refusal: null },
    ]);
  });
});
