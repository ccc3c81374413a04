/** Callers without a login: open ports, keys in a field of their own, users that may use some classes only. */
import { beforeEach, describe, expect, it, test } from 'vitest';
import { startTestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import { appForAll, upstreamForAll } from '../support/start-for-all.ts';
import { answer, say } from '../support/upstream.ts';

const upstream = await upstreamForAll();
beforeEach(() => upstream.play(say(answer(200, {}, 'ok'))));
const start = (yaml: string) => startTestApp(upstream.url, yaml);

describe('auth.open', () => {
  it('lets anybody pass, whose Authorization is the upstream’s', async () => {
    await using app = await start('profile: none\nauth: {open: true}');
    const told = await app.ask('GET /v2/orders', 'Host: weir\r\nAuthorization: Bearer sk-1\r\n');
    expect([told.status, told.body.toString()]).toEqual([200, 'ok']);
    expect(upstream.arrivals[0]?.field('authorization')).toBe('Bearer sk-1');
    expect(app.lines[0]).toMatchObject({ principal: { kind: 'anybody', from: '127.0.0.1' } });
  });

  it('unless Weir has one for it', async () => {
    await using app = await start('profile: none\nauth: {open: true}\ncoreapp: {authorization: Bearer of-weir}');
    await app.ask('GET /v2/orders', 'Host: weir\r\nAuthorization: Bearer sk-1\r\n');
    expect(upstream.arrivals[0]?.all('authorization')).toEqual(['Bearer of-weir']);
  });

  it('opens nothing that needs the admin', async () => {
    await using app = await start('profile: none\nauth: {open: true, adminPaths: [/v2/all]}');
    expect((await app.ask('GET /v2/all/x', 'Host: weir\r\n')).status).toBe(401);
    expect(upstream.arrivals).toEqual([]);
  });

  it('leaves the endpoints of the profile coreapp as they are', async () => {
    await using app = await start('auth: {open: true}');
    expect((await app.ask('GET /v1/messages', 'Host: weir\r\n')).status).toBe(200);
    expect((await app.ask('POST /v1/users/login', 'Host: weir\r\n')).status).toBe(401);
    expect((await app.ask('GET /v1/users/admin', 'Host: weir\r\n')).status).toBe(401);
  });

  const env = { UPSTREAM_URL: 'http://api' };
  test.each(['0.0.0.0', '10.0.0.1', 'weir.example'])('is refused on %s', (host) => {
    expect(problems(load(`profile: none\nauth: {open: true}\nlisten: {host: ${host}}`, env))).toEqual([
      `w.yaml:2:14: auth.open: true with listen.host ${host}, which others may reach, is not allowed; set listen.host to 127.0.0.1, or auth.openToAll to true if whoever reaches the port may use the upstream`,
    ]);
  });
  test.each(['127.0.0.1', '127.8.0.1', '"::1"', 'localhost'])('is allowed on %s', (host) => {
    expect(problems(load(`profile: none\nauth: {open: true}\nlisten: {host: ${host}}`, env))).toEqual([]);
  });
  it('is allowed anywhere where it is said twice', () => {
    expect(problems(load('profile: none\nauth: {open: true, openToAll: true}', env))).toEqual([]);
  });
});

describe('auth.keyField', async () => {
  const app = await appForAll(upstream, 'auth: {keyField: X-API-Key}\nhttp: {passFields: []}');
  const ask = (fields: string, path = '/v1/messages') => app.ask(`GET ${path}`, `Host: weir\r\n${fields}`);

  it('takes a token in that field, in any case, and does not pass it on', async () => {
    const told = await ask(`x-api-KEY: ${app.token}\r\n`);
    expect(told.status).toBe(200);
    expect(upstream.arrivals[0]?.field('x-api-key')).toBeUndefined();
    expect(upstream.arrivals[0]?.field('X_Api_Key')).toBeUndefined();
    expect(app.lines.at(-1)).toMatchObject({ principal: { kind: 'user', name: 'admin' } });
  });

  it('and in Authorization as ever, but goes by the field where there are both', async () => {
    expect((await ask(`Authorization: Bearer ${app.token}\r\n`)).status).toBe(200);
    expect((await ask(`Authorization: Bearer ${app.token}\r\nX-API-Key: wrong\r\n`)).status).toBe(401);
  });

  it('takes the API key there, where monitoring may look', async () => {
    expect((await ask('X-API-Key: monitoring-key-1\r\n', '/v1/health')).status).toBe(200);
    expect((await ask('X-API-Key: monitoring-key-1\r\n')).status).toBe(401);
  });

  test.each(['X-API-Key: nobody-knows-it\r\n', 'X-API-Key:\r\n', `X-API-Key: ${'x'.repeat(5_000)}\r\n`, ''])(
    'refuses %j',
    async (fields) => {
      expect((await ask(fields)).status).toBe(401);
      expect(upstream.arrivals).toEqual([]);
    },
  );

  it('two of them are one that nobody knows', async () => {
    expect((await ask(`X-API-Key: ${app.token}\r\nX-API-Key: ${app.token}\r\n`)).status).toBe(401);
  });

  test.each([
    [
      'auth: {keyField: Authorization}',
      'w.yaml:1:18: auth.keyField: "Authorization" is not allowed; give the name of a field that Weir does not write itself, such as X-API-Key',
    ],
    [
      'auth: {keyField: X-Key}\nlimits: {messages: {scope: "header:x-key"}}',
      'w.yaml:2:28: limits.messages.scope: "header:X-Key" is not allowed; give principal: auth.keyField says who a caller is',
    ],
  ])('%s is refused', (yaml, problem) => {
    expect(problems(load(yaml))).toEqual([problem]);
  });
});

describe('auth.keyParameter', async () => {
  const app = await appForAll(upstream, 'auth: {keyParameter: access_token}');
  const ask = (target: string, fields = '') => app.ask(`GET ${target}`, `Host: weir\r\n${fields}`);

  it('takes a token in the query, and does not pass it on', async () => {
    const told = await ask(`/v1/messages?a=1&access_token=${app.token}&b=%20`);
    expect([told.status, upstream.arrivals[0]?.target]).toEqual([200, '/v1/messages?a=1&b=%20']);
    expect(app.lines.at(-1)).toMatchObject({ principal: { kind: 'user', name: 'admin' }, path: '/v1/messages' });
  });

  it('goes by Authorization where there are both, and passes neither on', async () => {
    const bearer = `Authorization: Bearer ${app.token}\r\n`;
    expect((await ask('/v1/messages?access_token=wrong', bearer)).status).toBe(200);
    expect(upstream.arrivals[0]?.target).toBe('/v1/messages');
    expect((await ask(`/v1/messages?access_token=${app.token}`, 'Authorization: Bearer wrong\r\n')).status).toBe(401);
  });

  test.each(['', '?access_token=', '?access_token=wrong', '?ACCESS_TOKEN=', '?x=access_token'])(
    'refuses %j',
    async (query) => {
      expect((await ask(`/v1/messages${query}`)).status).toBe(401);
      expect(upstream.arrivals).toEqual([]);
    },
  );

  it('is a name', () => {
    expect(problems(load('auth: {keyParameter: "a b"}'))).toEqual([
      'w.yaml:1:22: auth.keyParameter: "a b" is not allowed; give the name of a parameter, such as access_token',
    ]);
  });
});

describe('auth.may', async () => {
  const app = await appForAll(upstream, 'auth: {may: {anna: [messages, default]}}');
  const token = await app.user('anna');
  const ask = (path: string, shown = token) =>
    app.ask(`GET ${path}`, `Host: weir\r\nAuthorization: Bearer ${shown}\r\n`);

  it('bounds a user to classes, and nobody else', async () => {
    expect((await ask('/v1/messages')).status).toBe(200);
    expect((await ask('/v9')).status).toBe(200);
    const told = await ask('/v1/contacts');
    expect([told.status, told.json.errors[0].details]).toEqual([403, 'This user may not use the class contacts.']);
    expect((await ask('/v1/contacts', app.token)).status).toBe(200);
    const line = app.lines.find(({ status }) => status === 403);
    expect(line).toMatchObject({ principal: { name: 'anna' }, refusal: 'forbidden' });
  });

  it('leaves it what Weir answers itself', async () => {
    expect((await ask('/v1/users/anna')).status).toBe(200);
  });

  it('a class that there is not is a mistake', () => {
    expect(problems(load('auth: {may: {anna: [mesages]}}'))).toEqual([
      expect.stringContaining('auth.may: "mesages" is not allowed; give classes that there are: messages, '),
    ]);
  });
});

describe('Refusals have the form of the API', () => {
  it('of problem details where Weir does not know it', async () => {
    await using app = await start('profile: none');
    const told = await app.ask('GET /v2/orders', 'Host: weir\r\n');
    expect([told.status, told.field('content-type')]).toEqual([401, 'application/problem+json']);
    expect(told.json).toEqual({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      detail: 'A token is needed.',
      code: 'unauthenticated',
    });
    const unreadable = await app.ask('GET /v2/ord\u0001ers', 'Host: weir\r\n');
    expect([unreadable.status, unreadable.field('content-type')]).toEqual([400, 'application/problem+json']);
  });

  it('of the Graph API', async () => {
    await using app = await start('profile: cloud');
    const told = await app.ask('POST /v23.0/1/messages', 'Host: weir\r\n');
    expect([told.status, told.field('content-type')]).toEqual([401, 'application/json; charset=utf-8']);
    expect(told.json.error).toMatchObject({ code: 190, type: 'OAuthException', is_transient: false });
  });

  it('and no path is Weir’s own', async () => {
    await using app = await start('profile: none\nauth: {open: true}');
    for (const path of ['/v1/users/login', '/metrics', '/v1/metrics', '/v1/users;x/y']) {
      expect((await app.ask(`GET ${path}`, 'Host: weir\r\n')).status, path).toBe(200);
    }
    expect(upstream.arrivals.map(({ target }) => target)).toHaveLength(4);
  });
});
