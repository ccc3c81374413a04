/** CORS: what browsers are told of scripts that come from other origins (Fetch standard, 3.3). */
import { beforeEach, describe, expect, it, test } from 'vitest';
import { startTestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import type { RawAnswer } from '../support/raw.ts';
import { startForAll } from '../support/start-for-all.ts';
import { answer, say } from '../support/upstream.ts';

const page = 'https://app.example.com';
const { upstream, app } = await startForAll(`http: {cors: {origins: [${page}, capacitor://localhost]}}`);
beforeEach(() => upstream.play(say(answer(200, {}, 'ok'))));

const bearer = `Authorization: Bearer ${app.token}\r\n`;
const from = (origin: string, fields = '') => `Host: weir\r\nOrigin: ${origin}\r\n${fields}`;
const saidOf = (told: RawAnswer) => [told.status, told.field('access-control-allow-origin'), told.field('vary')];
const asks = 'Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n';

describe('a preflight', () => {
  it('is answered without a token, does not reach the upstream, and has a log line', async () => {
    const told = await app.ask('OPTIONS /v1/messages', from(page, asks));
    expect(told).toMatchObject({ status: 204, text: '' });
    expect(told.all('access-control-allow-origin')).toEqual([page]);
    expect(told.field('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE');
    expect(told.field('access-control-allow-headers')).toBe('Authorization, Content-Type');
    expect(told.field('access-control-max-age')).toBe('600');
    expect(told.field('vary')).toBe('Origin');
    // RFC 9110, 8.6: a 204 says no length; and it has no body that could have a type.
    expect([told.field('content-length'), told.field('content-type')]).toEqual([undefined, undefined]);
    expect(upstream.arrivals).toEqual([]);
    expect(app.lines.at(-1)).toMatchObject({ method: 'OPTIONS', status: 204 });
  });

  it('takes no token of the bucket', async () => {
    const yaml = `limits: {default: {rate: 1, burst: 1}}\nhttp: {cors: {origins: [${page}]}}`;
    await using small = await startTestApp(upstream.url, yaml);
    for (let n = 0; n < 20; n++) {
      expect((await small.ask('OPTIONS /v1/contacts', from(page, asks))).status).toBe(204);
    }
  });

  it('of another origin is a request like any other', async () => {
    const told = await app.ask('OPTIONS /v1/messages', from('https://evil.example', asks));
    expect(saidOf(told)).toEqual([401, undefined, 'Origin']);
  });

  it('is none if it asks for no method', async () => {
    const told = await app.ask('OPTIONS /v1/messages', from(page, bearer));
    expect(told.status).toBe(200);
    expect(upstream.arrivals.length).toBe(1);
  });
});

describe('an answer', () => {
  it('of the upstream says what Weir says, not what it said itself', async () => {
    const fields = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Credentials': 'true', Vary: 'Accept' };
    upstream.play(say(answer(200, fields, 'ok')));
    const told = await app.ask('GET /v1/messages', from(page, bearer));
    expect(told.status).toBe(200);
    expect(told.all('access-control-allow-origin')).toEqual([page]);
    expect(told.field('access-control-allow-credentials')).toBeUndefined();
    expect(told.field('access-control-expose-headers')).toBe('RateLimit, RateLimit-Policy, Retry-After, X-Request-Id');
    expect(told.all('vary')).toEqual(['Accept', 'Origin']);
  });

  test.each(['Accept, origin', '*'])('varies once: %s', async (vary) => {
    upstream.play(say(answer(200, { Vary: vary }, 'ok')));
    expect((await app.ask('GET /v1/messages', from(page, bearer))).all('vary')).toEqual([vary]);
  });

  it('to another origin allows nothing', async () => {
    upstream.play(say(answer(200, { 'Access-Control-Allow-Origin': '*' }, 'ok')));
    const told = await app.ask('GET /v1/messages', from('https://evil.example', bearer));
    expect(saidOf(told)).toEqual([200, undefined, 'Origin']);
  });

  it('of Weir itself can be read by scripts, too: refusals and its own endpoints', async () => {
    const refused = await app.ask('GET /v1/messages', from('capacitor://localhost'));
    expect([refused.status, refused.field('access-control-allow-origin')]).toEqual([401, 'capacitor://localhost']);
    const login = await app.ask('POST /v1/users/login', from(page));
    expect([login.status, login.field('access-control-allow-origin')]).toEqual([401, page]);
  });
});

it('[*] tells everybody the same, and needs no Vary', async () => {
  await using all = await startTestApp(upstream.url, 'http: {cors: {origins: ["*"], methods: ["*"], fields: []}}');
  const told = await all.ask('OPTIONS /v1/messages', from('https://any.example', asks));
  expect(saidOf(told)).toEqual([204, '*', undefined]);
  expect(told.field('access-control-allow-methods')).toBe('*');
  expect(told.field('access-control-allow-headers')).toBeUndefined();
});

it('credentials: browsers may send cookies', async () => {
  const yaml = `http: {cors: {origins: [${page}], credentials: true}}`;
  await using trusting = await startTestApp(upstream.url, yaml);
  const token = `Authorization: Bearer ${trusting.token}\r\n`;
  const told = await trusting.ask('GET /v1/messages', from(page, token));
  expect([told.status, told.field('access-control-allow-credentials')]).toEqual([200, 'true']);
});

it('without origins what the upstream says passes unchanged', async () => {
  await using none = await startTestApp(upstream.url, '');
  upstream.play(say(answer(200, { 'Access-Control-Allow-Origin': 'https://of.upstream' }, 'ok')));
  const told = await none.ask('GET /v1/messages', from(page, `Authorization: Bearer ${none.token}\r\n`));
  expect([told.field('access-control-allow-origin'), told.field('vary')]).toEqual(['https://of.upstream', undefined]);
  expect((await none.ask('OPTIONS /v1/messages', from(page, asks))).status).toBe(401);
});

describe('settings', () => {
  const origins = 'a list of origins such as [https://app.example.com], or [*] alone';
  const methods = 'a list of methods in capitals such as [GET, POST], without CONNECT and TRACE, or [*] alone';
  const fields = 'a list of field names such as [Authorization, Content-Type, X-API-Key], or [*] alone';
  const sent = 'is not what browsers send; give "https://a.example"';
  test.each([
    ['origins: [https://a.example/]', `origins[0]: "https://a.example/" ${sent}`],
    ['origins: ["https://A.example:443"]', `origins[0]: "https://A.example:443" ${sent}`],
    ['origins: ["https://*.example"]', `origins[0]: "https://*.example" is not allowed; give ${origins}`],
    ['origins: [a.example]', `origins[0]: "a.example" is not allowed; give ${origins}`],
    [`origins: ["*", ${page}]`, `origins: a list is not allowed; give ${origins}`],
    ['methods: [TRACE]', `methods[0]: "TRACE" is not allowed; give ${methods}`],
    ['fields: ["a b"]', `fields[0]: "a b" is not allowed; give ${fields}`],
  ])('%s', (yaml, line) => {
    expect(problems(load(`http: {cors: {${yaml}}}`)).map((said) => said.replace(/^w\.yaml:\d+:\d+: /, ''))).toEqual([
      `http.cors.${line}`,
    ]);
  });

  it('* is no origin next to credentials', () => {
    expect(problems(load('http: {cors: {origins: ["*"], credentials: true}}'))).toEqual([
      expect.stringContaining('names, since http.cors.credentials is true, or leave that out'),
    ]);
  });
});
