/** docs/reference/ops-port.openapi.yaml, held against the ops port itself. */
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { openPaths, opsPaths, reloadPath } from '../../src/ops/pages.ts';
import { steeringPath, steeringPaths } from '../../src/ops/steer.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { operatorToken } from '../support/operator.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';

interface Operation {
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
}

const text = readFileSync(new URL('../../docs/reference/ops-port.openapi.yaml', import.meta.url), 'utf8');
const api = parse(text) as { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).addSchema(api, 'api');

const escaped = (name: string): string => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
const schemaAt = (pointer: string): ValidateFunction => {
  const found = ajv.getSchema(`api#${pointer}`);
  if (found === undefined) throw new Error(`nothing is at ${pointer}`);
  return found;
};

/** Where the answer with this status is described. */
function responseAt(path: string, method: string, status: number): string {
  const operation = api.paths[path]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${method} ${path} is not described`);
  const { responses } = operation;
  const key = [String(status), 'default'].find((one) => Object.hasOwn(responses, one));
  if (key === undefined) throw new Error(`${method} ${path}: ${status} is not described`);
  return responses[key]?.$ref?.slice(1) ?? `/paths/${escaped(path)}/${method.toLowerCase()}/responses/${key}`;
}

test('is valid OpenAPI', async () => {
  const { valid, errors } = await new Validator().validate(text);
  expect([valid, errors]).toEqual([true, undefined]);
});

test('has all that is there, and what needs a token', () => {
  const all = ['/events', '/status/requests/{id}', reloadPath, steeringPath, ...opsPaths, ...steeringPaths];
  expect(Object.keys(api.paths).sort()).toEqual(all.sort());
  for (const [path, operations] of Object.entries(api.paths)) {
    const security = steeringPaths.includes(path) || path === steeringPath ? [{ operator: [] }] : undefined;
    const nobodyAsks = openPaths.has(path) || path === reloadPath ? [{}] : undefined;
    for (const method of ['get', 'put', 'post', 'delete']) {
      const operation = operations[method];
      if (operation !== undefined) expect([path, operation.security]).toEqual([path, security ?? nobodyAsks]);
    }
  }
});

describe('What the ops port answers', () => {
  let upstream: Upstream;
  let app: TestApp;
  const waiting: Promise<unknown>[] = [];
  beforeAll(async () => {
    upstream = await startUpstream(say(answer(200, {}, 'ok')));
    app = await startTestApp(
      upstream.url,
      `limits: {messages: {rate: 0.01, burst: 1, holdMaxMs: 600000}}\nops: {token: ${operatorToken}}`,
    );
    await app.send('POST /v1/messages', '', '{}');
    for (const id of ['one', 'two']) {
      waiting.push(app.send('POST /v1/messages', `X-Request-Id: ${id}\r\nPrefer: wait=500\r\n`, '{}'));
      await until(async () => (await call('GET', '/status/requests/{id}', id)) === 200, { what: `${id} to wait` });
    }
  });
  afterAll(async () => {
    await app.close(0);
    await Promise.all(waiting);
    await upstream.stop();
  });

  /** Asks, and holds the answer against what is written. Returns its status. */
  async function call(method: string, path: string, name = '', body?: object, token = operatorToken): Promise<number> {
    const [template = '', query = ''] = path.split(/(?=\?)/);
    const url = template.replace(/\{\w+\}/, encodeURIComponent(name)) + query;
    const fields = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const told = await ask(method, `http://127.0.0.1:${app.opsPort}${url}`, { fields, body });
    const type = (told.fields['content-type'] ?? '').split(';')[0] as string;
    const at = `${responseAt(template, method, told.status)}/content/${escaped(type)}`;
    const isJson = type.endsWith('json');
    const fits = schemaAt(isJson ? `${at}/schema` : at);
    expect([url, isJson && !fits(told.json) ? fits.errors : []]).toEqual([url, []]);
    return told.status;
  }

  test.each([
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
    ['POST', '/reload', 503],
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
    ['DELETE', '/steering/drains/{replica}', 'of-nowhere', undefined, 200],
    ['POST', '/steering/requests/{id}/first', 'two', undefined, 200],
    ['POST', '/steering/requests/{id}/end', 'two', undefined, 200],
    ['POST', '/steering/requests/{id}/end', 'two', undefined, 404],
    ['POST', '/steering/callers/{caller}/end', 'user:admin', undefined, 200],
  ] as const)('to %s %s of %s, body %j, is as it is written', async (method, path, name, body, status) => {
    expect(await call(method, path, name, body)).toBe(status);
  });

  test('to a wrong token is as it is written', async () => {
    expect(await call('GET', '/status', '', undefined, 'a-wrong-token-of-somebody')).toBe(401);
    expect(await call('PUT', '/steering/pauses/classes/{class}', 'messages', {}, 'a-wrong-token-of-somebody')).toBe(
      401,
    );
  });

  test.each([
    { rate: 5, burst: 7 },
    { rate: 0.001, burst: 1, seconds: 86_400 },
    { rate: 1_000_000, burst: 1_000_000, seconds: 1 },
    {},
    { rate: 5 },
    { burst: 7 },
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
    expect(await call('PUT', '/steering/limits/{class}', 'contacts', body)).toBe(isOne ? 200 : 422);
  });
});
