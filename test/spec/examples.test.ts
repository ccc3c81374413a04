/** `config/examples/`: each is valid, and does in front of a simulator what it says. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it, test } from 'vitest';
import { tokens } from '../../src/commands/tokens.ts';
import { SimulatedAny } from '../../src/simulator/apis/any.ts';
import { cloudDefaults, SimulatedCloud } from '../../src/simulator/apis/cloud/cloud.ts';
import { startApi } from '../../src/simulator/apis/server.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import { startRedis } from '../support/redis.ts';

const folder = new URL('../../config/examples/', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const names = readdirSync(folder);

test.each(names)('%s is a configuration', (name) => {
  expect(problems(load(text(name), { UPSTREAM_URL: 'http://127.0.0.1:9000' }))).toEqual([]);
});

test('are all told of', () => {
  const page = readFileSync(new URL('../../docs/how-to/put-weir-in-front-of-any-api.md', import.meta.url), 'utf8');
  for (const name of names) expect(page).toContain(name);
});

interface Seen {
  readonly accepted: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
}

describe.each([
  ['retry-after-and-a-leaky-bucket.yaml', '/leaky/orders', 'leaky'],
  ['reset-times.yaml', '/reset/epoch/issues', 'reset'],
  ['reset-times.yaml', '/reset/seconds/issues', 'reset'],
  ['reset-times.yaml', '/reset/text/issues', 'reset'],
  ['reset-times.yaml', '/secondary/issues', 'secondary'],
])('%s in front of %s', (name, path, kind) => {
  const api = new SimulatedAny({ rate: 20, burst: 2, latencyMs: 0 });
  const opened = startApi(api);
  afterAll(async () => (await opened).close());

  it('has every request answered, though the API takes fewer than it is thought to', async () => {
    const { url } = await opened;
    const more = '\nops: {figuresMaxAgeMs: 0}\n';
    await using app = await startTestApp(url, text(name) + more);
    const asked = Array.from({ length: 8 }, () => app.ask(`GET ${path}`, 'Host: weir\r\n'));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    const { accepted, refused } = api.seen() as Seen;
    expect(accepted[kind]).toBe(8);
    expect(refused[kind] ?? 0).toBeGreaterThan(0);
  });
});

describe('tokens-of-a-language-model.yaml in front of /v1/chat/completions, two replicas on one Redis', () => {
  const name = 'tokens-of-a-language-model.yaml';
  const api = new SimulatedAny({ rate: 1, burst: 60, latencyMs: 20 });
  const opened = Promise.all([startApi(api), startRedis()]);
  afterAll(async () => {
    const [simulator, redis] = await opened;
    await simulator.close();
    await redis.stop();
  });

  it('lets those who ask for much and use little go, and keeps to what they use', async () => {
    const [{ url }, redis] = await opened;
    const one = (): Promise<TestApp> =>
      startTestApp(url, `${text(name)}\nops: {figuresMaxAgeMs: 0}\n`, { REDIS_URL: redis.url });
    await using first = await one();
    await using second = await one();
    const body = (stream: boolean): string =>
      JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], max_tokens: 4_000, stream });
    // Seven of them are all that the limit of a user has at once, by what they ask for; the others would take minutes.
    const asked = Array.from({ length: 40 }, (_, i) => {
      const sent = body(i % 4 === 0);
      const fields = `Host: weir\r\nContent-Type: application/json\r\nContent-Length: ${sent.length}\r\n`;
      return (i % 2 === 0 ? first : second).ask('POST /v1/chat/completions', fields, sent);
    });
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(200));
    expect(answers.filter(({ text: said }) => said.endsWith('data: [DONE]\n\n'))).toHaveLength(10);
    const { refused, tokens } = api.seen() as Seen & { readonly tokens: number };
    expect(refused).toEqual({});
    const sums = await Promise.all([first, second].map((app) => tokensOf(app)));
    // Each is charged by two limits; each settles to what the API has counted.
    expect(sums.reduce((sum, { used }) => sum + used, 0)).toBe(2 * tokens);
    expect(sums.reduce((sum, { charged }) => sum + charged, 0)).toBeGreaterThan(2 * 40 * 4_000);
  });
});

async function tokensOf(app: TestApp): Promise<{ charged: number; used: number }> {
  const page = await app.metrics();
  const sum = (metric: string): number => {
    const values = page.matchAll(new RegExp(`^${metric}\\{.*\\} (\\d+)$`, 'gm'));
    return [...values].reduce((total, [, value]) => total + Number(value), 0);
  };
  return { charged: sum('weir_tokens_charged_total'), used: sum('weir_tokens_used_total') };
}

describe('cloud-api.yaml in front of the simulator', () => {
  it('has a team that may send messages, and nothing else', async () => {
    const cloud = new SimulatedCloud({ ...cloudDefaults, latencyMs: 0, token: 'put-the-token-in-a-file' });
    await using simulator = await startApi(cloud);
    await using redis = await startRedis();
    await using app = await startTestApp(simulator.url, text('cloud-api.yaml'), { REDIS_URL: redis.url });
    const token = await tokenFor('crm', redis.url);
    const bearer = `Host: weir\r\nAuthorization: Bearer ${token}\r\n`;
    const body = JSON.stringify({ messaging_product: 'whatsapp', to: '4915', type: 'text', text: { body: 'x' } });
    const fields = `${bearer}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    const sent = await app.ask('POST /v23.0/1055/messages', fields, body);
    expect([sent.status, sent.json.contacts]).toEqual([200, [{ input: '4915', wa_id: '4915' }]]);
    const managed = await app.ask('GET /v23.0/1055/phone_numbers', bearer);
    expect([managed.status, managed.json.error.type]).toEqual([403, 'WeirException']);
    expect((await app.ask('GET /v23.0/1055/phone_numbers?access_token=x', 'Host: weir\r\n')).status).toBe(401);
  });
});

/** As `weir tokens create` makes one. */
async function tokenFor(user: string, url: string): Promise<string> {
  const out: string[] = [];
  const io = { out: (line: string) => void out.push(line), err: () => {}, readFile: () => '', terminal: null };
  expect(await tokens(['create', '--user', user], { REDIS_URL: url }, io)).toBe(0);
  return out[0] ?? '';
}
