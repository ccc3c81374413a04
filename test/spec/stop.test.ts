/** Stopping: not ready at once, the listener open for the lame-duck time, what waits served within the grace time. */
import { Agent, request as send } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.ts';
import { until } from '../support/until.ts';
import { answer, say, sayNothing, startUpstream, type Upstream } from '../support/upstream.ts';

/** Nothing here takes so long: what ends, ends by itself. */
const hourMs = 3_600_000;
const ok = answer(200, {}, 'ok');
/** One request now, the next one a second later, and so on. */
const slowly = 'limits: {default: {rate: 1, burst: 1, holdMaxMs: 60000}, messages: {rate: 1000, burst: 1000}}';

let upstream: Upstream;
let app: TestApp;

beforeEach(async () => {
  upstream = await startUpstream(say(ok));
  app = await startTestApp(upstream.url, slowly);
});
afterEach(async () => {
  await app.close(0);
  await upstream.stop();
});

const ready = async (): Promise<number> => (await app.ops('/readyz')).status;
const alive = async (): Promise<number> => (await app.ops('/livez')).status;
const waiting = async (): Promise<number> => {
  const { lines } = await app.status();
  return lines.reduce((sum, { requests }) => sum + requests, 0);
};
const inLine = (requests: number): Promise<unknown> =>
  until(async () => (await waiting()) === requests, { what: `${requests} in line` });

describe('the lame-duck time', () => {
  it('says "not ready" at once, goes on living and listening, and serves whoever comes', async () => {
    expect([await ready(), await alive()]).toEqual([200, 200]);
    app.lameDuck();
    expect([await ready(), await alive()]).toEqual([503, 200]);
    expect(await app.send('POST /v1/messages', '', '{}')).toMatchObject({ status: 200, text: 'ok' });
  });

  it('ends each connection with its next answer, be it the Coreapp’s or Weir’s own', async () => {
    await using idle = await app.call();
    idle.send(app.request('GET /v1/messages'));
    expect((await idle.answer()).field('connection')).toBe('keep-alive');
    app.lameDuck();
    idle.send(app.request('GET /v1/messages'));
    expect((await idle.answer()).field('connection')).toBe('close');
    expect(await idle.closed()).toBe('end');
    for (const line of ['GET /v1/users/admin', 'GET /v1/users/nobody', 'GET /v1/media/..']) {
      expect((await app.send(line)).field('connection')).toBe('close');
    }
  });

  it('also for those who had come before it', async () => {
    upstream.play(sayNothing);
    await using caller = await app.call();
    caller.send(app.request('GET /v1/messages'));
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    app.lameDuck();
    for (const socket of upstream.sockets) socket.write(ok);
    const told = await caller.answer();
    expect(told).toMatchObject({ status: 200, text: 'ok' });
    expect(told.field('connection')).toBe('close');
  });
});

describe('the grace time', () => {
  it('takes no new connections, and serves what waits in line', async () => {
    await app.send('GET /v1/contacts');
    const held = app.send('GET /v1/contacts');
    await inLine(1);
    app.lameDuck();
    const closed = app.close(10_000);
    await expect(app.call()).rejects.toThrow('ECONNREFUSED');
    expect(await held).toMatchObject({ status: 200, text: 'ok' });
    await closed;
    await expect(app.ops('/livez')).rejects.toThrow('ECONNREFUSED');
  });

  it('ends as soon as all are served', async () => {
    await using idle = await app.call();
    idle.send(app.request('GET /v1/messages'));
    await idle.answer();
    await app.close(hourMs);
    expect(await idle.closed()).toBe('end');
  });

  it('refuses the rest when it is over: 503 with error 1011 and Retry-After', async () => {
    await app.send('GET /v1/contacts');
    const held = Promise.all(Array.from({ length: 5 }, () => app.send('GET /v1/contacts')));
    await inLine(5);
    await app.close(100);
    for (const told of await held) {
      expect(told).toMatchObject({
        status: 503,
        whole: true,
        json: { errors: [{ code: 1011, title: 'Service not ready', details: 'Weir is stopping.' }] },
      });
      expect(Number(told.field('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(told.field('connection')).toBe('close');
    }
  });

  it('refuses what the Coreapp sends back after it, too: everybody gets an answer', async () => {
    await app.send('GET /v1/contacts');
    upstream.play(sayNothing);
    const sent = app.send('POST /v1/messages', '', '{}');
    const held = app.send('GET /v1/contacts');
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    await inLine(1);
    const closed = app.close(0);
    expect((await held).status).toBe(503); // The grace time is over.
    for (const socket of upstream.sockets) socket.write(answer(503, {}, 'no'));
    expect(await sent).toMatchObject({ status: 503, json: { errors: [{ code: 1011 }] } });
    await closed;
  });

  it('closing twice does nothing more', async () => {
    await Promise.all([app.close(0), app.close(0)]);
    await app.close(0);
  });
});

describe('callers on kept connections', () => {
  it('lose nothing: of all that is sent during the lame-duck time, every request is answered', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const statuses: (number | string)[] = [];
    let going = true;
    const one = (): Promise<void> =>
      new Promise((resolve) => {
        const headers = { authorization: `Bearer ${app.token}`, 'content-length': 2 };
        const sent = send(`http://127.0.0.1:${app.port}/v1/messages`, { method: 'POST', agent, headers });
        sent.on('response', (told) => {
          statuses.push(told.statusCode ?? 0);
          told.resume().on('end', resolve);
        });
        sent.on('error', (error) => {
          statuses.push(error.message);
          resolve();
        });
        sent.end('{}');
      });
    const callers = Array.from({ length: 8 }, async () => {
      while (going) await one();
    });
    await until(() => statuses.length >= 40, { what: 'traffic' });
    app.lameDuck();
    const before = statuses.length;
    await until(() => statuses.length >= before + 40, { what: 'traffic during the lame-duck time' });
    going = false;
    await Promise.all(callers);
    await app.close(1_000);
    agent.destroy();
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});
