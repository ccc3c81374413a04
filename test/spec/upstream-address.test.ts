/** What a request becomes on its way to an upstream with another path, host or key, and its answer on the way back. */
import { createHmac } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, test } from 'vitest';
import { startTestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import { temporaryFolder } from '../support/files.ts';
import { appForAll, upstreamForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say } from '../support/upstream.ts';

const folder = temporaryFolder(afterAll);
const [upstream, files] = [await upstreamForAll(), await upstreamForAll()];
beforeEach(() => {
  upstream.play(say(answer(200, {}, 'ok')));
  files.play(say(answer(200, {}, 'files')));
});
const open = 'profile: none\nauth: {open: true}\n';
const host = 'Host: weir\r\n';

describe('A request', async () => {
  const yaml = `${open}coreapp:
  basePath: /api/v2
  host: shop.example
  authorization: key-1
  authorizationField: X-Shop-Token
  setFields: {X-Tenant: "7"}
  removeFields: [Cookie]
  setQuery: {api-version: 2024-10, q: a b}
`;
  const app = await appForAll(upstream, yaml);

  it('goes to the path, the host, with the fields and the key of the upstream', async () => {
    await app.ask(
      'GET /orders?limit=5',
      `${host}Cookie: a=b\r\nx-tenant: 8\r\nX-Shop-Token: mine\r\nX_Shop_Token: mine\r\nX-Other: 1\r\n`,
    );
    const [arrival] = upstream.arrivals;
    expect(arrival?.target).toBe('/api/v2/orders?limit=5&api-version=2024-10&q=a+b');
    expect(arrival?.all('host')).toEqual(['shop.example']);
    expect(arrival?.all('x-tenant')).toEqual(['7']);
    expect(arrival?.all('x-shop-token')).toEqual(['key-1']);
    expect(arrival?.all('x_shop_token')).toEqual([]);
    expect(arrival?.all('cookie')).toEqual([]);
    expect(arrival?.all('x-other')).toEqual(['1']);
    expect(arrival?.all('x-forwarded-host')).toEqual(['weir']);
  });

  test.each([
    ['/', '/api/v2/?api-version=2024-10&q=a+b'],
    ['/a%2Fb', null],
    ['/x?', '/api/v2/x?&api-version=2024-10&q=a+b'],
  ])('with the target %s arrives as %s', async (target, arrived) => {
    const { status } = await app.ask(`GET ${target}`, host);
    expect(upstream.arrivals.map((arrival) => arrival.target)).toEqual(arrived === null ? [] : [arrived]);
    expect(status).toBe(arrived === null ? 400 : 200);
  });

  it('OPTIONS * is about no path', async () => {
    await app.ask('OPTIONS *', host);
    expect(upstream.arrivals[0]?.target).toBe('*');
  });

  test.each([
    [`${upstream.url}/api/v2/orders/7`, '/orders/7'],
    [`${upstream.url}/api/v2`, '/'],
    [`${upstream.url}/other?x`, '/other?x'],
    [`${upstream.url}?x`, '/?x'],
    ['/api/v2/orders/7#f', '/orders/7#f'],
    ['/api/v22/orders', '/api/v22/orders'],
    ['orders/7', 'orders/7'],
    ['//api.example.com/x', '//api.example.com/x'],
    ['https://elsewhere.example/api/v2/x', 'https://elsewhere.example/api/v2/x'],
    [`${upstream.url}0/x`, `${upstream.url}0/x`],
    [`${upstream.url}//evil.example/x`, '/evil.example/x'],
  ])('of an answer the Location %s is told as %s', async (location, told) => {
    upstream.play(say(answer(201, { Location: location })));
    expect((await app.ask('POST /orders', host)).field('location')).toBe(told);
  });

  test.each([
    ['/v19.0/1055/messages?a=/v1', '/api/v26.0/1055/messages?a=/v1'],
    ['/v7', '/api/v26.0'],
    ['/v19.0?x', '/api/v26.0?x'],
    ['/1055/v19.0', '/api/1055/v19.0'],
    ['/v19.0.1/x', '/api/v19.0.1/x'],
    ['/vx/x', '/api/vx/x'],
    ['/v19.0x/x', '/api/v19.0x/x'],
  ])('with a version of its own gets %s as %s', async (target, arrived) => {
    await using app = await startTestApp(upstream.url, `${open}coreapp: {version: v26.0, basePath: /api}`);
    await app.ask(`GET ${target}`, host);
    expect(upstream.arrivals.at(-1)?.target).toBe(arrived);
  });

  it('sets its parameters in the place of the caller’s own, and leaves the others as they are', async () => {
    const yaml = `${open}coreapp: {setQuery: {api-version: "7", k: a b}, urls: {files: "http://127.0.0.1:1"}, host: api.internal}\nlimits: {files: {match: ["* /files/**"]}}`;
    await using app = await startTestApp(upstream.url, yaml);
    const arrived = async (target: string): Promise<string | undefined> => {
      await app.ask(`GET ${target}`, host);
      return upstream.arrivals.at(-1)?.target;
    };
    const set = 'api-version=7&k=a+b';
    expect(await arrived('/x')).toBe(`/x?${set}`);
    expect(await arrived('/x?api-version=1')).toBe(`/x?${set}`);
    expect(await arrived('/x?a=%20&api%2Dversion=1&b&k=&=c')).toBe(`/x?a=%20&b&=c&${set}`);
    const told = async (location: string): Promise<string | undefined> => {
      upstream.play(say(answer(201, { Location: location })));
      return (await app.ask('POST /x', host)).field('location');
    };
    // The upstream knows itself by what requests say as Host, and names other upstreams of Weir's.
    expect(await told('https://api.internal/x/7?y')).toBe('/x/7?y');
    expect(await told('http://API.internal/x/7')).toBe('/x/7');
    expect(await told('//api.internal/x/7')).toBe('/x/7');
    expect(await told(`//${new URL(upstream.url).host}/x/7`)).toBe('/x/7');
    expect(await told('http://127.0.0.1:1/files/7')).toBe('/files/7');
    expect(await told('http://127.0.0.1:1/x/7')).toBe('http://127.0.0.1:1/x/7');
    expect(await told('//api.internal.example/x')).toBe('//api.internal.example/x');
  });

  it('that of an answer that leads nowhere stays', async () => {
    upstream.play(say(answer(200, { Location: '/api/v2/x' })));
    expect((await app.ask('GET /orders', host)).field('location')).toBe('/api/v2/x');
  });
});

describe('Credentials', () => {
  const written: Record<string, string> = {};
  const at = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    written[path] = text;
    return path;
  };

  it('go by a value of the request, else by its class, else by nothing; a changed file is taken up', async () => {
    const paths = { 'path:/{number}/x=17': at('17', 'Bearer of-17\n'), orders: at('orders', 'Bearer of-orders') };
    const named = { ...paths, 'header:X-Tenant=acme': at('acme', 'Bearer of-acme') };
    const yaml = `${open}coreapp: {authorization: Bearer of-all, authorizations: ${JSON.stringify(named)}}
limits: {orders: {match: ["* /orders/**"]}}`;
    await using app = await startTestApp(upstream.url, yaml, {}, written);
    const shown = async (path: string, fields = ''): Promise<string | undefined> => {
      await app.ask(`GET ${path}`, `${host}${fields}`);
      return upstream.arrivals.at(-1)?.field('authorization');
    };
    expect(await shown('/17/x')).toBe('Bearer of-17');
    expect(await shown('/18/x')).toBe('Bearer of-all');
    expect(await shown('/orders/3')).toBe('Bearer of-orders');
    expect(await shown('/orders', 'X-Tenant: acme\r\n')).toBe('Bearer of-acme');
    expect(await shown('/', 'Authorization: Bearer mine\r\n')).toBe('Bearer of-all');

    renameSync(at('next', 'Bearer of-17-anew'), named['path:/{number}/x=17']);
    await until(async () => (await shown('/17/x')) === 'Bearer of-17-anew', { what: 'the changed credential' });
    at('orders', '');
    const isSaid = (what: string) =>
      until(() => app.events.some(({ message }) => message.includes(what)), { what: `a line with ${what}` });
    await isSaid('something that is none');
    rmSync(join(folder, 'orders'));
    await isSaid('cannot be read');
    expect(await shown('/orders/3')).toBe('Bearer of-orders');
  });

  test.each([
    [
      '{orders: /none}',
      'coreapp.authorizations: orders: "/none" cannot be read (no such file); give the path of a readable file',
    ],
    [
      '{default: empty}',
      'coreapp.authorizations: default: "empty" holds no credential; put a scheme and credentials in it, in one line of visible ASCII, such as Bearer 1234',
    ],
    ['{ordres: good}', 'coreapp.authorizations: "ordres" is not allowed; give classes that there are: orders, default'],
    [
      '{"path:=7": good}',
      'a name in coreapp.authorizations: "path:=7" is not allowed; give a file for each class or value, such as { messages: /run/secrets/messages, "header:X-Tenant=7": /run/secrets/seven }',
    ],
  ])('%s is refused', (authorizations, problem) => {
    const yaml = `${open.replace('open: true', '')}coreapp: {url: "http://api", authorizations: ${authorizations}}\nlimits: {orders: {match: ["* /orders"]}}`;
    const found = problems(load(yaml, {}, { empty: '\n', good: 'Bearer x' }));
    expect(found).toEqual([expect.stringContaining(problem)]);
  });
});

describe('The secret of an app', () => {
  it('proves each token, and is shown to nobody', async () => {
    const yaml = `${open}coreapp: {authorization: Bearer 1234, appSecret: s3cret, setQuery: {a: b}}`;
    await using app = await startTestApp(upstream.url, yaml);
    await app.ask('GET /v23.0/me?x=1', host);
    // printf %s 1234 | openssl dgst -sha256 -hmac s3cret
    const proof = createHmac('sha256', 's3cret').update('1234').digest('hex');
    expect(upstream.arrivals[0]?.target).toBe(`/v23.0/me?x=1&a=b&appsecret_proof=${proof}`);
    expect(JSON.stringify([app.lines, app.events])).not.toMatch(/s3cret|1234/);
  });

  it('is nothing without a token', async () => {
    await using app = await startTestApp(upstream.url, `${open}coreapp: {appSecret: s3cret}`);
    await app.ask('GET /x', host);
    expect(upstream.arrivals[0]?.target).toBe('/x');
  });
});

describe('A class', () => {
  it('may have an upstream of its own', async () => {
    const yaml = `${open}coreapp: {urls: {files: "${files.url}"}}\nlimits: {files: {match: ["* /files/**"]}}`;
    await using app = await startTestApp(upstream.url, yaml);
    expect((await app.ask('GET /files/1', host)).body.toString()).toBe('files');
    expect((await app.ask('GET /orders', host)).body.toString()).toBe('ok');
    files.play(say(answer(201, { Location: `${files.url}/files/2` })));
    expect((await app.ask('POST /files', host)).field('location')).toBe('/files/2');
    expect(files.arrivals[0]?.field('host')).toBe(files.url.replace('http://', ''));
  });
});

test.each([
  [
    'coreapp: {basePath: /a/}',
    'coreapp.basePath: "/a/" is not allowed; give a path such as /api/v2, without a slash at its end',
  ],
  [
    'coreapp: {host: "a b"}',
    'coreapp.host: "a b" is not allowed; give a host, with a port where it is not the usual one',
  ],
  [
    'coreapp: {setFields: {Authorization: x}}',
    'a name in coreapp.setFields: "Authorization" is not allowed; give a value for each name that Weir does not write itself, such as { X-Tenant: "7" }',
  ],
  [
    'coreapp: {setFields: {X-A: "a\\nb"}}',
    'coreapp.setFields: X-A: "a\\nb" is not allowed; give a value for each name that Weir does not write itself, such as { X-Tenant: "7" }',
  ],
  [
    'coreapp: {removeFields: [Host]}',
    'coreapp.removeFields[0]: "Host" is not allowed; give a list of names that Weir does not write itself, such as [Cookie]',
  ],
  [
    'coreapp: {urls: {files: "ftp://x"}}',
    'coreapp.urls: files: "ftp://x" is not allowed; give an origin for each class, such as { files: "https://files.example.com" }',
  ],
])('%s is refused', (yaml, problem) => {
  expect(problems(load(yaml))).toEqual([expect.stringContaining(problem)]);
});
