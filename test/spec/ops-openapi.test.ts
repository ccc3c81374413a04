/** docs/reference/ops-port.openapi.yaml, held against the ops port itself: all that is described is heard, and nothing else. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { eventsPath, openPaths, opsPaths, reloadPath } from '../../src/ops/pages.ts';
import type { OpsSources, Steer } from '../../src/ops/ports.ts';
import { startOps } from '../../src/ops/server.ts';
import { steeringPath, steeringPaths } from '../../src/ops/steer.ts';
import { viewersMax } from '../../src/ops/viewers.ts';
import { startTestApp } from '../support/app.ts';
import { type Asking, ask } from '../support/ask.ts';
import { operatorToken, operatorWith } from '../support/operator.ts';
import { startRedis } from '../support/redis.ts';
import { type ReloadableApp, startReloadable } from '../support/reloadable.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';

interface Operation {
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
}

const text = readFileSync(new URL('../../docs/reference/ops-port.openapi.yaml', import.meta.url), 'utf8');
const api = parse(text) as { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).addSchema(api, 'api');

const methods = ['get', 'put', 'post', 'delete', 'patch'] as const;
const operations = Object.entries(api.paths).flatMap(([path, of]) =>
  methods.flatMap((method) =>
    of[method] === undefined ? [] : [{ path, method: method.toUpperCase(), operation: of[method] }],
  ),
);
const isSteering = (path: string): boolean => steeringPaths.includes(path) || path === steeringPath;

const escaped = (name: string): string => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
const schemaAt = (pointer: string): ValidateFunction => {
  const found = ajv.getSchema(`api#${pointer}`);
  if (found === undefined) throw new Error(`nothing is at ${pointer}`);
  return found;
};

/** Where the answer with this status is described. */
function responseAt(path: string, method: string, status: number): string {
  const responses = api.paths[path]?.[method.toLowerCase()]?.responses;
  if (responses?.[status] === undefined) throw new Error(`${method} ${path}: ${status} is not described`);
  return responses[status].$ref?.slice(1) ?? `/paths/${escaped(path)}/${method.toLowerCase()}/responses/${status}`;
}

/** What has been heard: method, path and status. */
const heard = new Set<string>();

let upstream: Upstream;
let app: ReloadableApp;
const waiting: Promise<unknown>[] = [];
const yaml = `limits: {messages: {rate: 0.01, burst: 1, holdMaxMs: 600000}}\nops: {token: ${operatorToken}}\n`;
beforeAll(async () => {
  upstream = await startUpstream(say(answer(200, {}, 'ok')));
  app = await startReloadable(upstream.url, yaml);
  await app.send('POST /v1/messages', '', '{}');
  for (const id of ['one', 'two']) {
    waiting.push(app.send('POST /v1/messages', `X-Request-Id: ${id}\r\nPrefer: wait=500\r\n`, '{}'));
    await until(async () => (await call('GET', '/status/requests/{id}', { name: id })) === 200, {
      what: `${id} to wait`,
    });
  }
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await Promise.all(waiting);
  await upstream.stop();
});

interface Called extends Asking {
  /** For the place in the path. */
  readonly name?: string;
  /** Percent-encoded already. */
  readonly part?: string;
  /** Null: none is shown. */
  readonly token?: string | null;
  readonly port?: number;
}

/** Asks, and holds the answer against what is written. Returns its status. */
async function call(method: string, path: string, called: Called = {}): Promise<number> {
  const { name = '', part = encodeURIComponent(name), token = operatorToken, port = app.opsPort, body } = called;
  const [template = '', query = ''] = path.split(/(?=\?)/);
  const url = template.replace(/\{\w+\}/, part) + query;
  const shown = token === null ? {} : { authorization: `Bearer ${token}` };
  const fields = { 'content-type': 'application/json', ...shown, ...called.fields };
  const told = await ask(method, `http://127.0.0.1:${port}${url}`, { fields, body });
  const type = (told.fields['content-type'] ?? '').split(';')[0] as string;
  const at = `${responseAt(template, method, told.status)}/content/${escaped(type)}`;
  const isJson = type.endsWith('json');
  const fits = schemaAt(isJson ? `${at}/schema` : at);
  expect([url, isJson && !fits(told.json) ? fits.errors : []]).toEqual([url, []]);
  heard.add(`${method} ${template} ${told.status}`);
  return told.status;
}

test('is valid OpenAPI, and served', async () => {
  expect((await ask('GET', `http://127.0.0.1:${app.opsPort}/openapi.json`)).json).toEqual(api);
  const { valid, errors } = await new Validator().validate(text);
  expect([valid, errors]).toEqual([true, undefined]);
});

test('has all that is there, and what needs a token', () => {
  const all = ['/', eventsPath, '/status/requests/{id}', reloadPath, steeringPath, ...opsPaths, ...steeringPaths];
  expect(Object.keys(api.paths).sort()).toEqual(all.sort());
  for (const { path, operation } of operations) {
    const nobodyAsks = path === '/' || openPaths.has(path) || path === reloadPath ? [{}] : undefined;
    expect([path, operation.security]).toEqual([path, isSteering(path) ? [{ operator: [] }] : nobodyAsks]);
  }
});

describe('What the ops port answers', () => {
  test.each([
    ['GET', '/', 200],
    ['GET', '/openapi.json', 200],
    ['GET', '/livez', 200],
    ['GET', '/readyz', 200],
    ['GET', '/metrics', 200],
    ['GET', '/runbook', 200],
    ['GET', '/status', 200],
    ['GET', '/status?callers=5&recent=true', 200],
    ['GET', '/status?callers=5&fleet=true', 200],
    ['GET', '/status?callers=many', 400],
    ['GET', '/status?class=nowhere', 404],
    ['GET', '/steering', 200],
    ['POST', '/reload', 200],
  ] as const)('to %s %s is as it is written', async (method, path, status) => {
    expect(await call(method, path)).toBe(status);
  });

  test.each([
    ['GET', '/status/requests/{id}', 'one', undefined, 200],
    ['GET', '/status/requests/{id}', 'none', undefined, 404],
    ['PUT', '/steering/pauses/classes/{class}', 'messages', { seconds: 60 }, 200],
    ['PUT', '/steering/pauses/classes/{class}', 'nowhere', undefined, 422],
    ['PUT', '/steering/pauses/callers/{caller}', 'user:bulk', undefined, 200],
    ['PUT', '/steering/limits/{class}', 'contacts', { rate: 5, burst: 7 }, 200],
    ['PUT', '/steering/drains/{replica}', 'of-nowhere', undefined, 422],
    ['GET', '/status?callers=5', '', undefined, 200],
    ['DELETE', '/steering/pauses/classes/{class}', 'messages', undefined, 200],
    ['DELETE', '/steering/pauses/callers/{caller}', 'user:bulk', undefined, 200],
    ['DELETE', '/steering/limits/{class}', 'contacts', undefined, 200],
    ['POST', '/steering/requests/{id}/first', 'two', undefined, 200],
    ['POST', '/steering/requests/{id}/end', 'two', undefined, 200],
    ['POST', '/steering/callers/{caller}/end', 'user:admin', undefined, 200],
  ] as const)('to %s %s of %s, body %j, is as it is written', async (method, path, name, body, status) => {
    expect(await call(method, path, { name, body })).toBe(status);
  });

  test('where the replica is drained, and where it is ready again, is as it is written', async () => {
    const { json } = await ask('GET', `http://127.0.0.1:${app.opsPort}/status?callers=0`);
    const drain = ['/steering/drains/{replica}', { name: json.replica.name as string }] as const;
    expect([await call('PUT', ...drain), await call('GET', '/readyz')]).toEqual([200, 503]);
    expect([await call('DELETE', ...drain), await call('GET', '/readyz')]).toEqual([200, 200]);
  });

  test('where the configuration is bad is as it is written', async () => {
    app.write('weir.yaml', 'limits: no');
    expect(await call('POST', '/reload')).toBe(422);
    app.write('weir.yaml', yaml);
    expect(await call('POST', '/reload')).toBe(200);
  });

  test('once a second, and to one too many who look, is as it is written', async () => {
    const streams = await Promise.all(Array.from({ length: viewersMax }, stream));
    const [first] = streams as [IncomingMessage];
    let events = '';
    first.setEncoding('utf8').on('data', (part: string) => {
      events += part;
    });
    await until(() => events.includes('\n\n'), { what: 'an event' });
    const fits = schemaAt('/components/schemas/Status');
    fits(JSON.parse(events.replace(/^data: /, '').split('\n\n')[0] as string));
    expect(fits.errors).toBeNull();
    expect(await call('GET', eventsPath)).toBe(503);
    for (const one of streams) one.destroy();
  });

  test.each([
    { rate: 5, burst: 7 },
    { rate: 0.001, burst: 1, seconds: 86_400 },
    { rate: 1_000_000, burst: 1_000_000, seconds: 1 },
    {},
    { rate: 5 },
    { rate: 0, burst: 7 },
    { rate: 1_000_001, burst: 7 },
    { rate: '5', burst: 7 },
    { rate: 5, burst: 0 },
    { rate: 5, burst: 1.5 },
    { rate: 5, burst: 7, seconds: 0 },
    { rate: 5, burst: 7, seconds: 86_401 },
    { rate: 5, burst: 7, seconds: 1.5 },
    { rate: 5, burst: 7, minutes: 1 },
  ])('says of a limit whether it is one: %j', async (body) => {
    const isOne = schemaAt('/components/schemas/Limit')(body);
    expect(await call('PUT', '/steering/limits/{class}', { name: 'contacts', body })).toBe(isOne ? 200 : 422);
  });
});

const wrong = { name: 'x', token: 'a-wrong-token-of-somebody' };
const asking = operations.filter(({ path, operation }) => operation.security === undefined || isSteering(path));
const steering = operations.filter(({ path }) => isSteering(path));
const orders = operations.filter(({ path }) => steeringPaths.includes(path));

test.each(asking)(
  'To $method $path a wrong token is answered as it is written, and one too many',
  async ({ method, path }) => {
    await using ops = await opsWith(operatorToken);
    for (let i = 0; i < 10; i++) expect(await call(method, path, { ...wrong, ...ops })).toBe(401);
    expect(await call(method, path, { ...wrong, ...ops })).toBe(429);
  },
);

test.each(steering)(
  'To $method $path whoever shows no token is answered as it is written',
  async ({ method, path }) => {
    expect(await call(method, path, { name: 'x', token: null })).toBe(401);
    await using ops = await opsWith(null);
    expect(await call(method, path, { name: 'x', ...ops })).toBe(403);
  },
);

test.each(orders)('To $method $path what is no order is answered as it is written', async ({ method, path }) => {
  const elsewhere = { fields: { 'sec-fetch-site': 'cross-site' } };
  expect(await call(method, path, { name: 'x', ...elsewhere })).toBe(403);
  expect(await call(method, path, { part: '%ff' })).toBe(400);
  if (method === 'POST') expect(await call(method, path, { name: 'none' })).toBe(404);
  if (method !== 'PUT') return;
  expect(await call(method, path, { name: 'x', body: '{' })).toBe(400);
  expect(await call(method, path, { name: 'x', body: ' '.repeat(5_000) })).toBe(413);
  expect(await call(method, path, { name: 'x', body: {}, fields: { 'content-type': 'text/plain' } })).toBe(415);
  expect(await call(method, path, { name: 'x', body: { hours: 1 } })).toBe(422);
});

const strict = operations.filter(({ operation }) => '400' in operation.responses);
test.each(strict)('To $method $path a parameter that is not known is answered as it is written', async (one) => {
  expect(await call(one.method, `${one.path}?more=1`, { name: 'x' })).toBe(400);
});

test('Where other replicas may have what is meant, that is answered as it is written', async () => {
  const redis = await startRedis();
  await using fleet = await startTestApp(upstream.url, yaml, { REDIS_URL: redis.url });
  const port = fleet.opsPort;
  for (const { method, path } of orders)
    if (method === 'POST') expect(await call(method, path, { name: 'x', port })).toBe(202);
  await fleet.close(0);
  await redis.stop();
});

test('A reload that comes too early is answered as it is written', async () => {
  await using ops = await opsWith(null);
  expect(await call('POST', reloadPath, ops)).toBe(503);
});

test.each(Object.keys(api.paths))('%s answers no method that is not described', async (path) => {
  const there = methods.filter((method) => api.paths[path]?.[method] !== undefined).map((one) => one.toUpperCase());
  const also = there.includes('GET') && path !== eventsPath ? ['HEAD'] : [];
  const allowed = [...there, ...also];
  const url = `http://127.0.0.1:${app.opsPort}${path.replace(/\{\w+\}/, 'one')}`;
  const fields = { authorization: `Bearer ${operatorToken}` };
  for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS']) {
    if (there.includes(method)) continue;
    const told = await ask(method, url, { fields });
    if (also.includes(method))
      expect([path, method, told.status]).toEqual([path, method, path.includes('{') ? 404 : 200]);
    else expect([path, method, told.status, told.fields.allow]).toEqual([path, method, 405, allowed.join(', ')]);
  }
});

/** Only another machine hears it. */
const notHeardHere = [`POST ${reloadPath} 403`];

test('All that is described has been heard', () => {
  const described = operations.flatMap(({ path, method, operation }) =>
    Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`),
  );
  expect([...heard, ...notHeardHere].sort()).toEqual(described.sort());
});

/** An ops port that knows nothing but who asks. @param token null: nobody steers */
async function opsWith(token: string | null): Promise<AsyncDisposable & { readonly port: number }> {
  const sources: OpsSources = {
    ready: () => expect.unreachable(),
    snapshot: () => expect.unreachable(),
    metrics: () => expect.unreachable(),
    steer: { inForce: () => expect.unreachable() } as unknown as Steer,
  };
  const ops = await startOps({ host: '127.0.0.1', port: 0 }, sources, operatorWith({ token }));
  return { port: ops.port, [Symbol.asyncDispose]: () => ops.close() };
}

async function stream(): Promise<IncomingMessage> {
  const asked = get({ port: app.opsPort, path: eventsPath, agent: false });
  const [answered] = (await once(asked, 'response')) as [IncomingMessage];
  answered.on('error', () => {});
  heard.add(`GET ${eventsPath} ${answered.statusCode}`);
  return answered;
}
