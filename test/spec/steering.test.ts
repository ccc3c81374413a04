/** What an operator orders of those that wait: in virtual time, and over HTTP. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Steering } from '../../src/app/steering.ts';
import type { OnceOrder, StandingOrder, Word } from '../../src/observe/steering.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { Lines } from '../support/lines.ts';
import { operatorToken } from '../support/operator.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const pause = (lines: Lines, classes: string[], callers: string[] = []): void => {
  lines.admit.operatorPauses.set(new Set(classes), new Set(callers));
  lines.admit.pump();
};
const once = (lines: Lines, order: OnceOrder) => lines.admit.once(order);

describe('A class that is paused', () => {
  test('is held, not refused; once it goes on, it goes on in order and by its rate', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 1 } } });
    pause(lines, ['messages']);
    await lines.arriveAll('abc');
    await lines.clock.advance(5_000);
    expect([lines.sent, lines.line().requests]).toEqual([[], 3]);
    expect(lines.held()).toBe(0);
    pause(lines, []);
    await lines.clock.advance(1_000);
    expect(lines.sent.map((one) => one.split('@')[0])).toEqual(['a', 'b', 'c']);
  });

  test('does not hold up the others', async () => {
    const lines = new Lines();
    pause(lines, ['messages']);
    lines.arrive('a');
    lines.arrive('b', { name: 'contacts' });
    await lines.clock.settle();
    expect(lines.sent).toEqual(['b@0']);
  });

  test('holds each request for its hold time, and no longer', async () => {
    const lines = new Lines({ limits: { messages: { holdMaxMs: 2_000 } } });
    pause(lines, ['messages']);
    const a = lines.arrive('a');
    await lines.clock.advance(2_100);
    expect(a.state).toBe('holdTimeOver');
  });
});

describe('A caller that is paused', () => {
  test('is passed over: others go before it, and no slot is asked for on its behalf', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 1 } } });
    pause(lines, [], ['user:a']);
    lines.arrive('a1', { user: 'a' });
    await lines.clock.advance(1_000);
    expect(lines.asked).toEqual([]);
    lines.arrive('b1', { user: 'b' });
    await lines.clock.settle();
    expect(lines.sent).toEqual(['b1@1000']);
    expect(lines.admit.wait('id')).toMatchObject({ waitsFor: 'operator', turnInMs: null });
    pause(lines, []);
    await lines.clock.advance(200);
    expect(lines.sent).toEqual(['b1@1000', 'a1@1100']);
  });
});

describe('A request that waits', () => {
  const line = async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 1 } } });
    const visits = ['x', 'a1', 'a2', 'b1', 'c1'].map((label) => lines.arrive(label, { user: label[0] as string }));
    for (const { label, exchange } of visits) Object.assign(exchange, { id: label });
    await lines.clock.settle();
    return { lines, visits };
  };

  test('is sent with the next slot where it is let go first; the others keep their order', async () => {
    const { lines } = await line();
    expect(once(lines, { kind: 'first', request: 'a2' })).toBe(1);
    await lines.clock.advance(400);
    expect(lines.sent.map((one) => one.split('@')[0])).toEqual(['x', 'a2', 'b1', 'c1', 'a1']);
  });

  test('goes first with all slots that it costs', async () => {
    const costOf = (_: string, path: string) => (path.endsWith('/3') ? 3 : 1);
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 1 } }, costOf });
    lines.arrive('x');
    for (const user of ['b', 'c', 'd']) lines.arrive(user, { user });
    const dear = lines.arrive('dear', { user: 'e', path: '/v1/messages/3' });
    Object.assign(dear.exchange, { id: 'dear' });
    await lines.clock.settle();
    once(lines, { kind: 'first', request: 'dear' });
    await lines.clock.advance(400);
    expect(lines.sent.slice(0, 3)).toEqual(['x@0', 'dear@300', 'b@400']);
  });

  test('is ended: its caller is refused, and its place is the next one’s', async () => {
    const { lines, visits } = await line();
    expect(once(lines, { kind: 'endRequest', request: 'a1' })).toBe(1);
    expect(once(lines, { kind: 'endCaller', caller: 'user:b' })).toBe(1);
    expect(once(lines, { kind: 'endRequest', request: 'nobody' })).toBe(0);
    await lines.clock.advance(300);
    expect(visits.map(({ state }) => state)).toEqual(['sent', 'endedByOperator', 'sent', 'endedByOperator', 'sent']);
  });
});

describe('Orders', () => {
  const drain = { kind: 'drain', replica: 'one' } as const;
  const open = () => {
    const clock = new VirtualClock();
    const told: Word[] = [];
    const ended: StandingOrder[] = [];
    const steering = new Steering({
      areHeard: () => true,
      ended: (order) => void ended.push(order),
      clock,
      replica: 'one',
      changed: () => {},
      once: () => 0,
      tell: (words) => void told.push(...words),
    });
    return { clock, told, ended, steering };
  };

  test('end by themselves', async () => {
    const { clock, ended, steering } = open();
    steering.give(drain, 1_000);
    expect(steering.isDrained).toBe(true);
    await clock.advance(1_000);
    expect([steering.isDrained, steering.view().inForce]).toEqual([false, []]);
    expect(ended).toEqual([drain]);
  });

  test('do not end by themselves where they were ended before, or were over when they were heard of', async () => {
    const [one, other] = [open(), open()];
    one.steering.give(drain, 1_000);
    expect(one.steering.lift(drain)).toBe(true);
    expect(one.steering.lift(drain)).toBe(false);
    await other.clock.advance(120_000);
    other.steering.heard(one.told, null);
    await one.clock.advance(120_000);
    expect([one.ended, other.ended, other.steering.words]).toEqual([[], [], []]);
  });

  test('are what was said last, in whatever order replicas hear of it', () => {
    const one = open();
    const other = open();
    one.steering.give(drain, 60_000);
    one.steering.lift(drain);
    other.steering.heard([...one.told].reverse(), null);
    expect(other.steering.view().inForce).toEqual([]);
    other.steering.give(drain, 60_000);
    one.steering.heard(other.told, null);
    expect(one.steering.isDrained).toBe(true);
  });
});

describe('Over HTTP', () => {
  let upstream: Upstream;
  const apps: TestApp[] = [];
  const openWith = async (yaml = '', env = {}): Promise<TestApp> => {
    const app = await startTestApp(upstream.url, `ops: {token: ${operatorToken}}\n${yaml}`, env);
    apps.push(app);
    return app;
  };
  const order = (app: TestApp, method: string, path: string, body?: object, fields = {}) =>
    ask(method, `http://127.0.0.1:${app.opsPort}/steering${path}`, {
      fields: { Authorization: `Bearer ${operatorToken}`, 'Content-Type': 'application/json', ...fields },
      ...(body === undefined ? {} : { body }),
    });
  const requests = async (app: TestApp): Promise<number> => {
    const { json } = await app.ops('/status?class=messages');
    return json.lines[0].requests;
  };

  beforeEach(async () => {
    upstream = await startUpstream(say(answer(200, {}, 'ok')));
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close(0)));
    await upstream.stop();
  });

  test('a class is paused and goes on; both are in the audit trail', async () => {
    const app = await openWith();
    const given = (await order(app, 'PUT', '/pauses/classes/messages', { seconds: 60 })).json;
    const inForce = [{ order: { kind: 'pauseClass', class: 'messages' } }];
    expect(given).toMatchObject({ reach: 'replica', inForce });
    const sent = app.send('POST /v1/messages', '', '{}');
    await until(async () => (await requests(app)) === 1, { what: 'the request to be held' });
    const resume = async () => (await order(app, 'DELETE', '/pauses/classes/messages')).json;
    expect(await resume()).toEqual({ reach: 'replica', inForce: [], wasInForce: true });
    expect((await sent).status).toBe(200);
    expect(await resume()).toMatchObject({ wasInForce: false });
    expect(app.trail.slice(-3)).toMatchObject([
      { action: 'line.pause', by: 'operator', remote: '127.0.0.1', order: 'pauseClass, class messages, for 60 s' },
      { action: 'line.resume', by: 'operator', order: 'pauseClass, class messages' },
      { action: 'line.resume', by: 'operator', order: 'pauseClass, class messages, nothing was in force' },
    ]);
  });

  test('an order that is refused is in the audit trail, and one that ends by itself in the log', async () => {
    const app = await openWith();
    for (const path of ['/pauses/classes/none', '/pauses/callers/bulk', '/drains/another']) {
      expect((await order(app, 'PUT', path, { seconds: 9 })).status).toBe(422);
    }
    const refused = { outcome: 'refused', reason: 'meansNobody', by: 'operator', remote: '127.0.0.1' };
    expect(app.trail.slice(-3)).toMatchObject([
      { ...refused, action: 'line.pause', order: 'pauseClass, class none, for 9 s' },
      { ...refused, action: 'line.pause', order: 'pauseCaller, caller bulk, for 9 s' },
      { ...refused, action: 'replica.drain', order: 'drain, replica another, for 9 s' },
    ]);
    expect((await order(app, 'PUT', '/pauses/classes/media', { seconds: 1 })).status).toBe(200);
    const ended = () => app.events.find(({ message }) => message === 'an order of an operator has ended by itself');
    expect(await until(ended, { what: 'the end of the order' })).toMatchObject({
      level: 'info',
      fields: { order: 'pauseClass, class media' },
    });
  });

  test('a limit counts at once, and the configured one again after it', async () => {
    const app = await openWith('limits: {messages: {rate: 0.1, burst: 1}}');
    const bucket = async () => (await app.status()).buckets[0];
    await app.send('POST /v1/messages', '', '{}');
    await order(app, 'PUT', '/limits/messages', { rate: 100, burst: 50, seconds: 60 });
    expect(await bucket()).toMatchObject({ class: 'messages', rate: 100, burst: 50 });
    await app.send('POST /v1/messages', '', '{}');
    await order(app, 'DELETE', '/limits/messages');
    expect(await bucket()).toMatchObject({ rate: 0.1, burst: 1 });
    const rates = () => app.lines.map(({ classRate }) => classRate);
    await until(() => rates().length === 2, { what: 'both lines' });
    expect(rates()).toEqual([0.1, 100]);
    expect(app.trail.slice(-2).map(({ order: text }) => text)).toEqual([
      'limit, class messages, rate 100, burst 50, for 60 s',
      'limit, class messages',
    ]);
  });

  test('a wait is ended', async () => {
    const app = await openWith('limits: {messages: {rate: 0.1, burst: 1}}');
    await app.send('POST /v1/messages', '', '{}');
    const held = app.send('POST /v1/messages', 'X-Request-Id: mine\r\n', '{}');
    await until(async () => (await requests(app)) === 1, { what: 'the request to be held' });
    expect((await order(app, 'POST', '/requests/mine/end')).json).toEqual({ requests: 1, reach: 'replica' });
    expect((await held).status).toBe(503);
    expect(app.lines.at(-1)).toMatchObject({ refusal: 'endedByOperator' });
    expect((await order(app, 'POST', '/requests/mine/first')).status).toBe(404);
  });

  test('a drained replica is not ready, and serves what comes all the same', async () => {
    const app = await openWith();
    const { name } = (await app.ops('/status?callers=0')).json.replica;
    expect((await order(app, 'PUT', `/drains/${name}`)).status).toBe(200);
    const ready = () => app.ops('/readyz');
    expect((await ready()).text).toBe('not ready: drained by an operator\n');
    const told = await app.send('POST /v1/messages', '', '{}');
    expect([told.status, told.field('connection')]).toEqual([200, 'close']);
    await order(app, 'DELETE', `/drains/${name}`);
    expect((await ready()).status).toBe(200);
    expect((await order(app, 'PUT', '/drains/another')).status).toBe(422);
  });

  test.each([
    ['PUT', '/pauses/classes/none', { seconds: 1 }, 422, 'none: there is no such class. There are '],
    ['PUT', '/pauses/classes/messages', { seconds: 0 }, 422, 'seconds: 0; give whole seconds from 1 to 86400.'],
    ['PUT', '/limits/messages', {}, 422, 'rate is missing: give requests a second from 0.001 to 1000000.'],
    ['PUT', '/limits/messages', { rate: 1 }, 422, 'burst is missing: give a whole number from 1 to 1000000.'],
    [
      'PUT',
      '/limits/messages',
      { rate: null, burst: 1 },
      422,
      'rate: null; give requests a second from 0.001 to 1000000.',
    ],
    ['PUT', '/limits/messages', { rates: 1 }, 422, 'rates: give rate, burst, seconds.'],
    ['PUT', '/limits/messages', [1], 400, 'Give a JSON object.'],
    ['PUT', '/limits/messages', { rate: 'x'.repeat(5_000) }, 413, 'Give at most 4096 bytes.'],
    ['PUT', '/pauses/callers/%ff', {}, 400, 'The name in the path is no text in UTF-8'],
    ['POST', '/limits/messages', {}, 405, 'Allowed here: PUT, DELETE.'],
    ['GET', '/requests/a/end', undefined, 405, 'Allowed here: POST.'],
    ['PUT', '/elsewhere', {}, 404, 'The reference of the ops port has all of them.'],
  ])('%s %s with %j is answered %i', async (method, path, body, status, detail) => {
    const told = await order(await openWith(), method, path, body);
    expect([told.status, told.fields['content-type']]).toEqual([status, 'application/problem+json']);
    expect(told.json.detail).toContain(detail);
  });

  test.each([
    [{ Authorization: '' }, 401],
    [{ Authorization: 'Bearer wrong-wrong-wrong' }, 401],
    [{ 'Content-Type': 'text/plain' }, 415],
    [{ Origin: 'https://elsewhere.example' }, 403],
    [{ 'Sec-Fetch-Site': 'cross-site' }, 403],
  ])('with %j nothing is done', async (fields, status) => {
    const app = await openWith();
    expect((await order(app, 'PUT', '/pauses/classes/messages', { seconds: 60 }, fields)).status).toBe(status);
    expect((await order(app, 'GET', '')).json.inForce).toEqual([]);
  });

  test('nobody steers where there is no token', async () => {
    const app = await startTestApp(upstream.url);
    apps.push(app);
    expect((await order(app, 'PUT', '/pauses/classes/messages')).json.detail).toContain('Set ops.tokenFile');
  });

  test('with Redis all replicas hear of it, also those that come later', async () => {
    const redis = await startRedis();
    try {
      const env = { REDIS_URL: redis.url };
      const [one, other] = await Promise.all([openWith('', env), openWith('', env)]);
      expect((await order(one, 'PUT', '/pauses/classes/messages', { seconds: 60 })).json.reach).toBe('fleet');
      const isPaused = async (app: TestApp) => (await order(app, 'GET', '')).json.inForce.length === 1;
      await until(() => isPaused(other), { what: 'the other replica to hear of the pause' });
      const third = await openWith('', env);
      await until(() => isPaused(third), { what: 'the third replica to hear of the pause' });
      await order(third, 'DELETE', '/pauses/classes/messages');
      await until(async () => !(await isPaused(one)), { what: 'the first replica to hear of its end' });
      await Promise.all(apps.splice(0).map((app) => app.close(0)));
    } finally {
      await redis.stop();
    }
  });
});
