/** Requests to switch to WebSocket: answered like any other; what is open afterwards holds nothing that others need. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminPassword, startTestApp, type TestApp } from '../support/app.ts';
import { basic } from '../support/basic.ts';
import { leapingClock } from '../support/leap.ts';
import type { RawAnswer, RawCaller } from '../support/raw.ts';
import { until } from '../support/until.ts';
import {
  answer,
  breakOff,
  inTurn,
  type Script,
  say,
  sayAndEnd,
  sayNothing,
  startUpstream,
  type Upstream,
} from '../support/upstream.ts';

/** Nothing here takes so long: what ends, ends by itself. */
const hourMs = 3_600_000;
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a2V5\r\n';
const holdMaxMs = 600_000;
const settings = `coreapp: {permitsMax: 2}\nlimits: {default: {holdMaxMs: ${holdMaxMs}}}`;
const leap = leapingClock();

/** Says 101 and sends back what comes from then on. */
const echo: Script = (_, socket) => {
  socket.removeAllListeners('data');
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: YWNj\r\n\r\n',
  );
  socket.pipe(socket);
};

let upstream: Upstream;
let app: TestApp;

beforeEach(async () => {
  upstream = await startUpstream(echo);
  app = await startTestApp(upstream.url, settings);
});
afterEach(async () => {
  await app.close(0);
  await upstream.stop();
});

/** Asks for WebSocket. */
const asking = async (): Promise<RawCaller> => (await app.call()).send(app.request('GET /v1/socket', upgrade));

/** The same, until the 101 is there. */
async function tunnel(): Promise<RawCaller> {
  const caller = await asking();
  await until(() => caller.unread.includes('\r\n\r\n'), { what: 'the head of a 101' });
  expect(caller.unread.toString()).toMatch(/^HTTP\/1\.1 101 /);
  return caller;
}

/** What an upgrade is told that comes to no tunnel, and how its connection ends. */
async function told(): Promise<RawAnswer> {
  await using caller = await asking();
  const got = await caller.answer();
  expect(await caller.closed()).toBe('end');
  expect(got.field('connection')).toBe('close');
  return got;
}

/** Over all classes: how many are in use, and the lowest limit. */
const permits = async (): Promise<{ inUse: number; limit: number }> => {
  const { permits: all } = await app.status();
  return { inUse: all.reduce((sum, one) => sum + one.inUse, 0), limit: Math.min(...all.map(({ limit }) => limit)) };
};

const echoed = (caller: RawCaller, text: string): Promise<unknown> =>
  until(() => caller.send('').unread.toString().endsWith(text), { what: `the echo of ${text}` });

describe('a 101', () => {
  it('carries the Coreapp’s fields, Via and the request id, and then bytes both ways, from the first one on', async () => {
    await using caller = await app.call();
    caller.send(
      Buffer.concat([app.request('GET /v1/socket?a=b%20c', `${upgrade}X-Request-Id: one\r\n`), Buffer.from('early')]),
    );
    await echoed(caller, 'early');
    const head = caller.unread.toString();
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Accept: YWNj', 'X-Request-Id: one'];
    for (const line of lines) expect(head).toContain(`${line}\r\n`);
    expect(head).toMatch(/\r\nVia: 1\.1 weir\r\n/i);
    caller.send('-and late');
    await echoed(caller, 'early-and late');
    expect(upstream.arrivals).toMatchObject([{ method: 'GET', target: '/v1/socket?a=b%20c' }]);
    expect(upstream.arrivals[0]?.field('upgrade')).toBe('websocket');
    expect(upstream.arrivals[0]?.field('sec-websocket-key')).toBe('a2V5');
    expect(upstream.arrivals[0]?.field('authorization')).toBeUndefined();
  });

  it('is logged at once, and gives the permit back: with more tunnels than permits, others are served', async () => {
    const tunnels = await Promise.all(Array.from({ length: 4 }, () => tunnel()));
    expect(await permits()).toEqual({ inUse: 0, limit: 2 });
    expect(app.lines.map(({ status, attempts }) => [status, attempts])).toEqual(Array(4).fill([101, 1]));
    upstream.play(inTurn(say(answer(503)), say(answer(200, {}, 'ok'))));
    expect(await app.send('GET /v1/contacts')).toMatchObject({ status: 200 });
    for (const caller of tunnels) {
      caller.send('still here');
      await echoed(caller, 'still here');
      await caller[Symbol.asyncDispose]();
    }
    await until(() => upstream.sockets.size <= 1, { what: 'the Coreapp’s ends to close' });
  });

  it('ends for the caller when the Coreapp ends it', async () => {
    await using caller = await tunnel();
    for (const socket of upstream.sockets) socket.end();
    expect(await caller.closed()).toBe('end');
  });

  it('makes what is no HTTP none of Weir’s business', async () => {
    await using caller = await tunnel();
    caller.send('\x00not HTTP\r\n\r\n');
    await echoed(caller, '\x00not HTTP\r\n\r\n');
  });
});

it('without a valid token is refused, and never reaches the Coreapp', async () => {
  const told = await app.ask('GET /v1/socket', `Host: weir\r\n${upgrade}Authorization: Bearer wrong\r\n`);
  expect(told.status).toBe(401);
  expect(told.field('www-authenticate')).toContain('Bearer');
  expect(upstream.arrivals).toEqual([]);
});

describe('another answer', () => {
  const hops = { 'Keep-Alive': 'timeout=5', Connection: 'X-Hop', 'X-Hop': 'one', 'X-From': 'coreapp' };

  it.each([200, 403, 404, 500])('%i goes to the caller like any answer, is logged and counted', async (status) => {
    upstream.play(say(answer(status, hops, 'theirs')));
    const got = await told();
    expect(got).toMatchObject({ status, text: 'theirs', whole: true });
    expect(['x-from', 'x-hop', 'keep-alive'].map((name) => got.field(name))).toEqual(['coreapp', undefined, undefined]);
    expect(got.field('via')).toBe('1.1 weir');
    expect(got.field('x-request-id')).toBe(app.lines[0]?.id);
    expect(app.lines).toMatchObject([{ status, bytesOut: 6 }]);
    const metrics = await app.metrics();
    expect(metrics).toMatch(new RegExp(`^weir_\\w+\\{[^}]*status="${status}"[^}]*\\} 1$`, 'm'));
    expect(metrics).not.toContain('status="101"');
  });

  it('keeps its end, however long: what breaks off is not made whole', async () => {
    const long = 'x'.repeat(3_000_000);
    upstream.play(sayAndEnd(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${long}`));
    const got = await told();
    expect(got).toMatchObject({ status: 200, whole: true });
    expect(got.body).toHaveLength(long.length);
    upstream.play((_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', () => socket.resetAndDestroy());
    });
    await using caller = await asking();
    expect(await caller.answer()).toMatchObject({ status: 200, whole: false });
  });
});

describe('what others would be spared', () => {
  it.each([
    ['503', say(answer(503, {}, 'theirs'))],
    ['429', say(answer(429, {}, 'theirs'))],
    ['connection that breaks', breakOff],
  ])('a %s is not the answer: the request goes again', async (_, script) => {
    upstream.play(inTurn(script, script, echo));
    await using caller = await tunnel();
    caller.send('hello');
    await echoed(caller, 'hello');
    expect(app.lines).toMatchObject([{ status: 101, attempts: 3 }]);
  });

  it.each([503, 429])('a %i that stays is Weir’s own 503 in the end, with error 1016', async (status) => {
    upstream.play(say(answer(status, { 'X-From': 'coreapp' }, 'theirs')));
    const asked = told();
    await until(() => upstream.arrivals.length > 1, { what: 'it to be sent again' });
    leap(holdMaxMs);
    const got = await asked;
    expect(got).toMatchObject({ status: 503, json: { errors: [{ code: 1016 }] } });
    expect(got.field('x-from')).toBeUndefined();
    expect(got.field('x-request-id')).toBe(app.lines[0]?.id);
    expect(app.lines).toMatchObject([{ status: 503, refusal: 'holdTimeOver' }]);
    expect((await permits()).inUse).toBe(0);
  });

  it('a Coreapp that is away is waited for', async () => {
    await upstream.stop();
    const coming = tunnel();
    coming.catch(() => {});
    await until(() => app.events.some(({ message }) => /cannot be reached/.test(message)), { what: 'the warning' });
    upstream = await startUpstream(echo, upstream.port);
    await using _caller = await coming;
  });

  it('and if it stays away, the caller is told 502', async () => {
    await upstream.stop();
    const asked = told();
    await until(() => app.events.some(({ message }) => /cannot be reached/.test(message)), { what: 'the warning' });
    leap(holdMaxMs);
    expect(await asked).toMatchObject({ status: 502, json: { errors: [{ code: 1014 }] } });
  });

  it('a Coreapp that takes the request and never answers is a 504', async () => {
    await app.close(0);
    app = await startTestApp(upstream.url, 'coreapp: {answerTimeoutMs: 100}');
    upstream.play(sayNothing);
    expect(await told()).toMatchObject({ status: 504, json: { errors: [{ code: 1014 }] } });
    await until(async () => (await permits()).inUse === 0, { what: 'the permit back' });
  });
});

describe('a caller who hangs up', () => {
  it.each(['closes', 'resets'])('(%s) before the answer gives its permit back; the Coreapp is told', async (how) => {
    upstream.play(sayNothing);
    await using caller = await asking();
    await until(() => upstream.arrivals.length === 1, { what: 'the request' });
    if (how === 'closes') caller.socket.end();
    else caller.reset();
    await until(() => app.lines.length === 1, { what: 'its line' });
    expect(app.lines).toMatchObject([{ status: 499, attempts: 1 }]);
    expect((await permits()).inUse).toBe(0);
    await until(() => upstream.sockets.size === 0, { what: 'the Coreapp’s connection to close' });
  });

  it('while it stands in line is never asked for', async () => {
    await upstream.stop();
    await using caller = await asking();
    await until(() => app.events.some(({ message }) => /cannot be reached/.test(message)), { what: 'the warning' });
    caller.reset();
    await until(() => app.lines.length === 1, { what: 'its line' });
    expect(app.lines).toMatchObject([{ status: 499 }]);
    expect((await permits()).inUse).toBe(0);
  });
});

describe('what only looks like an upgrade', () => {
  it.each([
    ['a POST', 'POST /v1/socket', 'websocket', ''],
    ['a request with a body', 'GET /v1/socket', 'websocket', 'body'],
    ['another protocol', 'GET /v1/socket', 'h2c', ''],
  ])('%s is a plain request', async (_, line, protocol, body) => {
    upstream.play(say(answer(200, {}, 'plain')));
    const fields = upgrade.replace('websocket', protocol);
    expect(await app.send(line, fields, body)).toMatchObject({ status: 200, text: 'plain' });
    expect(upstream.arrivals[0]?.field('upgrade')).toBeUndefined();
    expect(upstream.arrivals[0]?.body.toString()).toBe(body);
  });

  it('a login with a body is a login', async () => {
    const credentials = `Authorization: ${basic('admin', adminPassword)}\r\nContent-Length: 23\r\n`;
    const fields = `Host: weir\r\n${upgrade}${credentials}`;
    const told = await app.ask('POST /v1/users/login', fields, '{"new_password":"weak"}');
    expect(told).toMatchObject({ status: 400, text: expect.stringContaining('new_password must have') });
  });
});

describe('an upgrade behind another request', () => {
  it.each(['together with it', 'after its answer'])('(%s) is one when it is its turn', async (when) => {
    upstream.play(inTurn(say(answer(200, {}, 'plain')), echo));
    await using caller = await app.call();
    const both = [app.request('GET /v1/contacts'), app.request('GET /v1/socket', upgrade)] as const;
    caller.send(when === 'together with it' ? Buffer.concat(both) : both[0]);
    expect(await caller.answer()).toMatchObject({ status: 200, text: 'plain' });
    if (when === 'after its answer') caller.send(both[1]);
    await until(() => caller.unread.toString().startsWith('HTTP/1.1 101 '), { what: 'the 101' });
    caller.send('hello');
    await echoed(caller, 'hello');
  });
});

describe('stopping', () => {
  it('serves upgrades in the lame-duck time, and ends tunnels as soon as nothing else is in flight', async () => {
    app.lameDuck();
    await using caller = await tunnel();
    await app.close(hourMs);
    expect(await caller.closed()).toBe('end');
    await until(() => upstream.sockets.size === 0, { what: 'the Coreapp’s connection to close' });
  });

  it('lets go of one that is still being asked for when the grace time is over', async () => {
    await app.close(0);
    app = await startTestApp(upstream.url);
    upstream.play(sayNothing);
    await using caller = await asking();
    await until(() => upstream.arrivals.length === 1, { what: 'the request' });
    await app.close(0);
    expect(await caller.closed()).not.toBeNull();
    await until(() => upstream.sockets.size === 0, { what: 'the Coreapp’s connection to close' });
  });
});

describe('tunnels have a limit of their own', () => {
  let workers: string;
  let callers: RawCaller[];
  beforeEach(async () => {
    await app.close(0);
    app = await startTestApp(upstream.url, 'http: {tunnelsMax: 20}\nlimits: {default: {rate: 100000, burst: 10000}}');
    workers = await app.user('worker');
    callers = [];
    // One caller takes all that it may have: nine tenths, while it is alone.
    while (callers.length < 18) callers.push(await tunnel());
  });
  afterEach(() => {
    for (const { socket } of callers) socket.destroy();
  });

  async function askWith(token: string): Promise<RawCaller> {
    const caller = await app.call();
    callers.push(caller);
    return caller.send(`GET /v1/socket HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\n${upgrade}\r\n`);
  }

  it('one caller that has its share is refused, and another one is served', async () => {
    const refused = await told();
    expect(refused).toMatchObject({ status: 503, json: { errors: [{ code: 1016 }] } });
    expect(refused.json.errors[0].details).toBe('This caller has too many WebSocket connections open.');
    expect(refused.field('retry-after')).toBe('1');
    expect(app.lines.at(-1)).toMatchObject({ refusal: 'tunnelsFull' });
    expect((await permits()).inUse).toBe(0);
    await echoed((await askWith(workers)).send('hello'), 'hello');
  });

  it('when one has ended, or came to nothing, there is room again', async () => {
    await callers.pop()?.[Symbol.asyncDispose]();
    await until(() => upstream.sockets.size < 18, { what: 'one tunnel to end' });
    upstream.play(say(answer(404)));
    for (let i = 0; i < 3; i++) expect((await told()).status).toBe(404);
    upstream.play(echo);
    callers.push(await tunnel());
    expect((await told()).status).toBe(503);
  });

  it('with all of them open, one that has none is refused as well', async () => {
    const third = await app.user('third');
    for (const token of [workers, third]) await echoed((await askWith(token)).send('hello'), 'hello');
    const caller = await askWith(await app.user('fourth'));
    const refused = await caller.answer();
    expect(refused.status).toBe(503);
    expect(refused.json.errors[0].details).toBe('Too many WebSocket connections are open.');
  });
});
