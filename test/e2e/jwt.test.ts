/** An identity provider's tokens for real: two Weir processes on one Redis, a provider on loopback, a simulator behind. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask as askUrl, type Told } from '../support/ask.ts';
import { temporaryFolder } from '../support/files.ts';
import { newKey, type Provider, type ProviderKey, respelled, sign, startProvider } from '../support/provider.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { type RunningSimulator, type RunningWeir, startSimulatorProcess, startWeir } from '../support/weir.ts';

const issuer = 'https://login.example.com/';
const audience = 'whatsapp';

const folder = temporaryFolder(afterAll);
let key: ProviderKey;
let provider: Provider;
let redis: TestRedis;
let simulator: RunningSimulator;
let one: RunningWeir;
let other: RunningWeir;

async function start(name: string): Promise<RunningWeir> {
  const file = join(folder, `${name}.yaml`);
  const jwt = { issuer, audience, jwksUrl: provider.url, roleClaim: 'roles', adminValues: ['boss'], timeoutMs: 60_000 };
  // Cached for so long that only a message explains an end.
  await writeFile(file, JSON.stringify({ auth: { tokenMemoryMs: 60_000, jwt } }));
  return await startWeir({ WEIR_CONFIG: file, COREAPP_URL: simulator.url, REDIS_URL: redis.url });
}

beforeAll(async () => {
  key = await newKey('one', 'RS256');
  [provider, redis, simulator] = [await startProvider(key), await startRedis(), await startSimulatorProcess()];
  [one, other] = [await start('one'), await start('other')];
});
afterAll(async () => {
  for (const each of [other, one, simulator, provider]) await each?.[Symbol.asyncDispose]();
  await redis?.stop();
});

let ids = 0;
const token = (sub: string, more: JWTPayload = {}, by = key): Promise<string> =>
  sign(by, { iss: issuer, aud: audience, sub, exp: Math.floor(Date.now() / 1_000) + 600, jti: `${++ids}`, ...more });

async function ask({ url }: RunningWeir, method: string, path: string, bearer: string, body?: unknown): Promise<Told> {
  const fields = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  return await askUrl(method, url + path, { fields, ...(body === undefined ? {} : { body }) });
}
const message = { to: '16315551000', type: 'text', text: { body: 'hello' } };

it('a token of the provider’s sends messages, and the log names its user', async () => {
  const { status, json } = await ask(one, 'POST', '/v1/messages', await token('anna'), message);
  expect([status, json.messages?.length]).toEqual([201, 1]);
  await one.process.waitForLine(/"msg":"request".*"principal":"user:jwt:anna".*"status":201/);
});

it('a claim makes an admin, who may create users; nobody else of the provider’s may', async () => {
  const anna = { username: 'anna', password: 'Correct-Horse-1' };
  expect((await ask(one, 'POST', '/v1/users', await token('eve'), anna)).status).toBe(403);
  expect((await ask(one, 'POST', '/v1/users', await token('chief', { roles: ['boss'] }), anna)).status).toBe(201);
  await one.process.waitForLine(/"msg":"audit","action":"user.add","outcome":"refused".*"principal":"user:jwt:eve"/);
  await one.process.waitForLine(
    /"msg":"audit","action":"user.add","outcome":"done".*"principal":"user:jwt:chief","user":"anna"/,
  );
});

it('logging out ends the token on every replica at once, and no other token of that user', async () => {
  const [bye, stays] = [await token('anna'), await token('anna')];
  for (const at of [one, other]) {
    for (const each of [bye, stays]) expect((await ask(at, 'GET', '/v1/health', each)).status).toBe(200);
  }
  expect((await ask(one, 'POST', '/v1/users/logout', bye)).status).toBe(200);
  expect((await ask(one, 'GET', '/v1/health', bye)).status).toBe(401);
  await until(async () => (await ask(other, 'GET', '/v1/health', bye)).status === 401, {
    what: 'the other replica to know',
  });
  expect((await ask(other, 'GET', '/v1/health', stays)).status).toBe(200);
});

it('logging out ends the token with another signature that is as valid, on every replica', async () => {
  const ecKey = await newKey('ec', 'ES256');
  provider.keys = [key, ecKey];
  // Their keys may have been fetched a moment ago, so these replicas are new.
  await using here = await start('here');
  await using there = await start('there');
  const bye = await token('anna', {}, ecKey);
  const mirrored = respelled.mirrored(bye);
  for (const at of [here, there]) {
    for (const each of [bye, mirrored]) expect((await ask(at, 'GET', '/v1/health', each)).status).toBe(200);
  }
  expect((await ask(here, 'POST', '/v1/users/logout', bye)).status).toBe(200);
  expect((await ask(here, 'GET', '/v1/health', mirrored)).status).toBe(401);
  await until(async () => (await ask(there, 'GET', '/v1/health', mirrored)).status === 401, {
    what: 'the other replica to know',
  });
});

it('a replica that starts later knows what was logged out before', async () => {
  const bye = await token('anna');
  expect((await ask(one, 'POST', '/v1/users/logout', bye)).status).toBe(200);
  await using late = await start('late');
  expect((await ask(late, 'GET', '/v1/health', bye)).status).toBe(401);
});

it('an outage of the provider is 503 with error 1023, never 401; what is known goes on', async () => {
  await using fresh = await start('fresh');
  const known = await token('anna');
  expect((await ask(one, 'GET', '/v1/health', known)).status).toBe(200);
  provider.answer = (_, response) => void response.writeHead(500).end();
  const refused = await ask(fresh, 'GET', '/v1/health', known);
  expect([refused.status, refused.json.errors[0].code, refused.fields['retry-after']]).toEqual([503, 1023, '1']);
  await fresh.process.waitForLine(/answered 500 in place of 200.*identity provider’s keys cannot be had/);
  expect((await ask(one, 'GET', '/v1/health', known)).status).toBe(200);
  expect((await ask(one, 'GET', '/v1/health', await token('bernd'))).status).toBe(200);
  provider.answer = null;
  await until(async () => (await ask(fresh, 'GET', '/v1/health', known)).status === 200, {
    what: 'the keys to be back',
  });
});

it('no token and no part of one is in what the processes have said', async () => {
  const last = await token('anna');
  expect((await ask(one, 'GET', '/v1/health', last)).status).toBe(200);
  expect((await ask(one, 'GET', '/v1/health', `${last.slice(0, -4)}AAAA`)).status).toBe(401);
  const [header = '', payload = '', signature = ''] = last.split('.');
  for (const at of [one, other]) {
    for (const part of [header, payload, signature]) expect(at.process.transcript()).not.toContain(part);
  }
});
