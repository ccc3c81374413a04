/** `/status` with its questions, and why a request waits: over HTTP, on a Weir with somebody in line. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { operatorToken, operatorWith } from '../support/operator.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';

let upstream: Upstream;
let app: TestApp;
let waiting: Promise<unknown>;

/** One request has gone, and one waits for long. */
async function openWith(yaml = ''): Promise<void> {
  const settings = `limits: {messages: {rate: 0.01, burst: 1, holdMaxMs: 600000}}\n${yaml}`;
  app = await startTestApp(upstream.url, settings);
  await app.send('POST /v1/messages', '', '{}');
  waiting = app.send('POST /v1/messages', 'X-Request-Id: the-one\r\nPrefer: wait=500\r\n', '{}');
  await until(async () => (await see('/status/requests/the-one')).status === 200, { what: 'the request to wait' });
}

const see = (path: string, token: string | null = null) =>
  ask('GET', `http://127.0.0.1:${app.opsPort}${path}`, {
    fields: token === null ? {} : { Authorization: `Bearer ${token}` },
  });

beforeEach(async () => {
  upstream = await startUpstream(say(answer(200, {}, 'ok')));
});
afterEach(async () => {
  await app.close(0);
  await waiting;
  await upstream.stop();
});

describe('/status', () => {
  test('tells callers by place where it is asked to, and leaves idle classes out', async () => {
    await openWith();
    const { json } = await see('/status?callers=10&recent=true');
    expect(json.lines).toMatchObject([{ class: 'messages', requests: 1 }]);
    expect(json).toMatchObject({
      replica: { version: '0.0.0' },
      callers: [{ class: 'messages', place: 1, requests: 1, share: 1 }],
      more: 0,
      recent: { stepMs: 15_000, classes: expect.arrayContaining([expect.objectContaining({ class: 'messages' })]) },
    });
    expect((await see('/status')).json.lines.length).toBeGreaterThan(1);
  });

  test('tells one class, idle or not', async () => {
    await openWith();
    expect((await see('/status?class=contacts')).json.lines).toMatchObject([{ class: 'contacts', requests: 0 }]);
    expect((await see('/status?class=messages&callers=0')).json).toMatchObject({ callers: [], more: 1 });
  });

  test.each([
    ['/status?class=none', 404, 'class=none: there is no such class. There are '],
    ['/status?callers=1001', 400, 'callers=1001: give a number from 0 to 1000.'],
    ['/status?callers=x', 400, 'callers=x: give a number from 0 to 1000.'],
    ['/status?idle=7', 400, 'idle=7: give true or false.'],
    ['/status?clas=messages', 400, 'clas: there is no such parameter. There are class, callers, idle, recent, fleet.'],
    ['/status?class=messages&class=contacts', 400, 'class is there more than once: give it once.'],
    ['/status/requests/the-one?fleet=true', 400, 'fleet: there is no such parameter. This path has none.'],
    ['/events?class=messages', 400, 'class: there is no such parameter. There are fleet, idle.'],
    ['/events?fleet=7', 400, 'fleet=7: give true or false.'],
    ['/status/requests/other', 404, 'No request with this X-Request-Id waits'],
    ['/status/requests/%ff', 404, 'No request with this X-Request-Id waits'],
  ])('says what is wrong with %s', async (path, status, detail) => {
    await openWith();
    const told = await see(path);
    expect([told.status, told.fields['content-type']]).toEqual([status, 'application/problem+json']);
    expect(told.json.detail).toContain(detail);
  });

  test('goes by no query where probes, scrapers and people may bring one', async () => {
    await openWith();
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/runbook', '/']) {
      expect([path, (await see(`${path}?verbose&x=1&x=2`)).status]).toEqual([path, 200]);
    }
  });

  test('has whole milliseconds', async () => {
    await openWith();
    const [line] = (await see('/status')).json.lines.filter((one: { class: string }) => one.class === 'messages');
    expect(line.oldestMs).toBe(Math.round(line.oldestMs));
  });
});

describe('/status/requests/{id}', () => {
  test('tells why it waits', async () => {
    await openWith();
    expect((await see('/status/requests/the-one')).json).toMatchObject({
      id: 'the-one',
      class: 'messages',
      waitsFor: 'rate',
      limit: 'limits.messages: 0.01 requests a second, 1 at once',
      place: 1,
      inFront: { own: 0, others: 0 },
    });
  });
});

describe('Names of users', () => {
  const callerTo = async (token: string | null) => (await see('/status/requests/the-one', token)).json.caller;

  test('are for whoever shows the operator’s token; others see digests that stay the same', async () => {
    await openWith(`ops: {token: ${operatorToken}}`);
    const digest = await callerTo(null);
    expect(digest).toMatch(/^user:#[0-9a-f]{8}$/);
    expect(await callerTo(null)).toBe(digest);
    expect((await see('/status?callers=1')).json.callers[0].caller).toBe(digest);
    expect(await callerTo(operatorToken)).toBe('user:admin');
  });

  test('are for all, or for nobody, where that is configured', async () => {
    await openWith(`ops: {names: always}`);
    expect(await callerTo(null)).toBe('user:admin');
    await app.close(0);
    await waiting;
    await openWith(`ops: {names: never, token: ${operatorToken}}`);
    expect(await callerTo(operatorToken)).toMatch(/^user:#/);
  });
});

describe('A wrong token', () => {
  test('is refused, and written down', async () => {
    await openWith(`ops: {token: ${operatorToken}}`);
    const told = await see('/status', 'another-operators-token');
    expect([told.status, told.fields['www-authenticate']]).toEqual([401, 'Bearer realm="weir ops"']);
    expect(app.trail.at(-1)).toMatchObject({ action: 'ops.token', outcome: 'refused', by: 'operator' });
  });

  test('is nothing to probes and scrapers, whose credentials may be for others', async () => {
    await openWith(`ops: {token: ${operatorToken}}`);
    for (const path of ['/livez', '/readyz', '/metrics']) expect((await see(path, 'for-others')).status).toBe(200);
  });

  test('is judged ten times a minute from one network; then the right one has to wait, too', () => {
    let now = 0;
    const operator = operatorWith({ token: operatorToken }, () => now);
    const show = (token: string, from = '192.0.2.1') => {
      const found = operator.identify(`Bearer ${token}`, from);
      return typeof found === 'boolean' ? found : found.status;
    };
    for (let i = 0; i < 10; i++) expect(show('wrong')).toBe(401);
    expect(show(operatorToken)).toBe(429);
    expect(show(operatorToken, '192.0.2.2')).toBe(true);
    now = 60_000;
    expect(show(operatorToken)).toBe(true);
  });

  test('is any, where none is configured', () => {
    expect(operatorWith().identify('Bearer ', '192.0.2.1')).toMatchObject({ status: 401 });
  });
});

test('X-Weir-Hold tells how long a request was held, where it is configured', async () => {
  app = await startTestApp(upstream.url, 'http: {holdField: true}');
  waiting = Promise.resolve();
  const told = await app.send('POST /v1/messages', '', '{}');
  const [, held] = /^(\d+);class="messages";attempts=1$/.exec(told.field('x-weir-hold') ?? '') ?? [];
  expect(Number(held)).toBeGreaterThanOrEqual(0);
});
