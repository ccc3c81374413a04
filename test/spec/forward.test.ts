/**
 * Forwarding: what arrives at the Coreapp, what comes back, and what may be sent again. Counted at the Coreapp's side. How
 * answers are framed and broken off, and which fields mean one connection only, is in the table of the wire (wire/rows/).
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { startTestApp } from '../support/app.ts';
import { leapingClock } from '../support/leap.ts';
import { startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { type Arrival, answer, breakOff, inTurn, say, sayNothing, startUpstream } from '../support/upstream.ts';

const ok = answer(200, {}, 'ok');
const json = { 'Content-Type': 'application/json' };

const holdMaxMs = 600_000;
const patient = `limits: {default: {holdMaxMs: ${holdMaxMs}}}`;
const leap = leapingClock();
const { upstream, app } = await startForAll(`coreapp: {authorization: Bearer of-the-coreapp}\n${patient}`);
beforeEach(() => upstream.play(say(ok)));

const arrived = (): Arrival => {
  expect(upstream.arrivals).toHaveLength(1);
  return upstream.arrivals[0] as Arrival;
};

describe('a request on its way to the Coreapp', () => {
  it.each([
    ['GET', '/v1/contacts', ''],
    ['GET', '/v1/media/1?a=b%20c&a=%2F#'.slice(0, -1), ''],
    ['GET', '/v1/contacts', '{"a":1}'],
    ['DELETE', '/v1/settings/application', '{"b":2}'],
    ['HEAD', '/v1/media/1', ''],
    ['POST', '/v1/account', ''],
    ['POST', '/v1/messages', '{"to":"1"}'],
    ['PUT', '/v1/messages/m1', '{}'],
    ['PATCH', '/v1/settings/application', 'null'],
    ['OPTIONS', '/v1/messages', ''],
    ['POST', '/v1//messages/?', 'twice'],
    ['POST', '/V1/Messages', 'in capitals'],
  ])('arrives as %s %s with the body %j', async (method, target, body) => {
    const { status } = await app.send(`${method} ${target}`, '', body);
    expect(status).toBe(200);
    expect(arrived()).toMatchObject({ method, target });
    expect(arrived().body.toString()).toBe(body);
  });

  it('arrives whole with a body in chunks, whose length is then known', async () => {
    const fields = `Authorization: Bearer ${app.token}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n`;
    const body = '3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n';
    await app.ask('POST /v1/messages', `Host: weir\r\n${fields}`, body);
    expect(arrived().body.toString()).toBe('abcdefg');
    expect(arrived().all('content-length')).toEqual(['7']);
    expect([arrived().field('transfer-encoding'), arrived().field('trailer')]).toEqual([undefined, undefined]);
  });

  it('carries the credential for the Coreapp, never the caller’s', async () => {
    await app.send('GET /v1/contacts');
    expect(arrived().all('authorization')).toEqual(['Bearer of-the-coreapp']);
    expect(JSON.stringify(arrived().fields)).not.toContain(app.token);
  });

  it('names the Coreapp as its host, and the caller’s Host as the one that was asked for', async () => {
    await app.ask('GET /v1/contacts', `host: api.example:8443\r\nauthorization: Bearer ${app.token}\r\n`);
    expect(arrived().all('host')).toEqual([new URL(upstream.url).host]);
    expect(arrived().all('x-forwarded-host')).toEqual(['api.example:8443']);
  });

  it('keeps other fields as they came: order, case, duplicates, empty ones, bytes beyond ASCII', async () => {
    const lines = ['x-ODD: a', 'X-odd: b', 'X-Empty:', 'X-Latin: caf\xe9', 'Cookie: a=b', 'Content-Type: text/x'];
    await app.send('GET /v1/contacts', lines.map((line) => `${line}\r\n`).join(''));
    const kept = arrived().fields.filter(([name]) => /^(x-odd|x-empty|x-latin|cookie|content-type)$/i.test(name));
    expect(kept.map(([name, value]) => `${name}: ${value}`.trimEnd())).toEqual(lines);
  });
});

describe('where a request came from', () => {
  const claims =
    'X-Forwarded-For: 203.0.113.7, 198.51.100.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: real.example\r\n' +
    'X-Forwarded-Port: 8443\r\nX-Real-IP: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\nVia: 1.1 edge\r\n';

  it('is written anew where the peer isn’t trusted, whatever it claims', async () => {
    await app.send('GET /v1/contacts', claims);
    expect(arrived().all('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(arrived().all('x-forwarded-proto')).toEqual(['http']);
    expect(arrived().all('x-forwarded-host')).toEqual(['weir']);
    expect(arrived().all('x-forwarded-port')).toEqual([]);
    expect(arrived().all('x-real-ip')).toEqual([]);
    expect(arrived().all('forwarded')).toEqual(['for=127.0.0.1;proto=http;host=weir']);
    expect(arrived().all('via')).toEqual([expect.stringMatching(/^1\.1 edge, 1\.1 weir-[0-9a-f]{8}$/)]);
    expect(app.lines.at(-1)).toMatchObject({ remote: '127.0.0.1' });
  });

  it('is a loop if it was here before: 508, and it goes no further', async () => {
    await app.send('GET /v1/contacts');
    const [via] = arrived().all('via');
    const seen = upstream.arrivals.length;
    const told = await app.send('GET /v1/contacts', `Via: 1.0 edge\r\nVia: 1.1 other ,${via}, 1.1 behind\r\n`);
    expect(told).toMatchObject({ status: 508, json: { errors: [{ code: 1014 }] } });
    expect(app.lines.at(-1)).toMatchObject({ refusal: 'loop', status: 508 });
    expect(upstream.arrivals.length).toBe(seen);
    // Another replica of Weir in front is none.
    expect((await app.send('GET /v1/contacts', 'Via: 1.1 weir-00000000, 1.1 weir\r\n')).status).toBe(200);
  });

  it('is believed and continued behind a trusted proxy', async () => {
    await using trusting = await startTestApp(upstream.url, 'http: {trustedProxies: [127.0.0.0/8, 198.51.100.0/24]}');
    await trusting.send('GET /v1/contacts', claims);
    expect(arrived().all('x-forwarded-for')).toEqual(['203.0.113.7, 198.51.100.2, 127.0.0.1']);
    expect(arrived().all('x-forwarded-proto')).toEqual(['https']);
    expect(arrived().all('x-forwarded-host')).toEqual(['real.example']);
    expect(arrived().all('x-forwarded-port')).toEqual(['8443']);
    expect(arrived().all('forwarded')[0]).toMatch(/^for=203\.0\.113\.7, for=127\.0\.0\.1;/);
    expect(trusting.lines.at(-1)).toMatchObject({ remote: '203.0.113.7' });
  });

  it.each([
    ['none', '', /^[0-9a-f-]{36}$/],
    ['a good one', 'X-Request-Id: abc-123\r\n', /^abc-123$/],
    ['one with a space', 'X-Request-Id: a b\r\n', /^[0-9a-f-]{36}$/],
    ['one that is too long', `X-Request-Id: ${'x'.repeat(129)}\r\n`, /^[0-9a-f-]{36}$/],
    ['two', 'X-Request-Id: one\r\nX-Request-Id: two\r\n', /^one$/],
  ])('has an X-Request-Id, the same on all sides, where the caller sent %s', async (_, field, expected) => {
    upstream.play(say(answer(200, { 'X-Request-Id': 'of-the-coreapp' })));
    const told = await app.send('GET /v1/contacts', field);
    expect(told.all('x-request-id')).toEqual(arrived().all('x-request-id'));
    expect(told.all('x-request-id')).toHaveLength(1);
    expect(told.field('x-request-id')).toMatch(expected);
    expect(app.lines.at(-1)?.id).toBe(told.field('x-request-id'));
  });
});

describe('an answer on its way back', () => {
  it.each([200, 201, 202, 301, 400, 401, 403, 404, 409, 413, 500, 501, 502, 504, 599])(
    'keeps the status %i, its fields and its body, and is asked for once',
    async (status) => {
      upstream.play(say(answer(status, { ...json, 'X-Any': 'thing', 'Retry-After': '1' }, '{"errors":[]}')));
      const told = await app.send('POST /v1/messages', '', '{}');
      expect(told).toMatchObject({ status, text: '{"errors":[]}', whole: true });
      const kept = ['content-type', 'x-any', 'retry-after'].map((name) => told.field(name));
      expect(kept).toEqual(['application/json', 'thing', '1']);
      arrived();
    },
  );

  it('streams: the first bytes pass before the last ones have come', async () => {
    let coreapp: Socket | undefined;
    upstream.play((_, socket) => {
      coreapp = socket;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc');
    });
    await using caller = await app.call();
    caller.send(app.request('GET /v1/media/1'));
    await until(() => caller.unread.includes('\r\n\r\nabc'), { what: 'the first half' });
    coreapp?.write('def');
    expect(await caller.answer()).toMatchObject({ text: 'abcdef', whole: true });
  });

  it('waits for a slow reader: the Coreapp is paused, nothing piles up, and all of it arrives in the end', async () => {
    const length = 64 * 2 ** 20;
    const chunk = Buffer.alloc(65_536, 'x');
    let written = 0;
    upstream.play((_, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
      const pour = (): void => {
        while (written < length) {
          written += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', pour);
        }
      };
      pour();
    });
    // Without room for answers in Weir: with it they would wait there (spool.test.ts).
    const bodies = '{answersMemoryMaxBytes: 0, answersDiskShareMax: 0}';
    await using app = await startTestApp(upstream.url, `bodies: ${bodies}`);
    await using caller = await app.call();
    let taken = 0;
    caller.socket.removeAllListeners('data').pause();
    caller.send(app.request('GET /v1/media/1'));
    let seen = -1;
    let steadySince = 0;
    await until(
      () => {
        if (written !== seen) [seen, steadySince] = [written, performance.now()];
        return written > 0 && performance.now() - steadySince > 300;
      },
      { what: 'the Coreapp to be paused' },
    );
    // What the kernel takes on two connections, and no more: 64 MiB would have been written otherwise.
    expect(written).toBeLessThan(length / 2);
    caller.socket.on('data', (bytes: Buffer) => {
      taken += bytes.length;
    });
    caller.socket.resume();
    await until(() => taken > length, { what: 'all of the answer' });
    expect(written).toBe(length);
  });
});

describe('an exchange that breaks', () => {
  it('is aborted at the Coreapp when the caller hangs up, and leaves nothing in flight', async () => {
    upstream.play(sayNothing);
    const caller = await app.call();
    caller.send(app.request('POST /v1/messages', '', '{}'));
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    const before = upstream.sockets.size;
    caller.reset();
    await until(() => upstream.sockets.size === before - 1, { what: 'the Coreapp’s connection to end' });
    await until(() => app.lines.at(-1)?.status === 499, { what: 'the log line of a caller who has gone' });
    arrived();
  });

  it.each([
    ['without an answer', breakOff],
    ['with two lengths', say('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')],
  ])('%s after a POST was written is a 502 at once: it may have been acted on', async (_, script) => {
    upstream.play(script);
    const told = await app.send('POST /v1/messages', '', '{}');
    expect(told).toMatchObject({ status: 502, json: { errors: [{ code: 1014, title: 'Internal error' }] } });
    expect(told.json.errors[0].details).toMatch(/Coreapp/);
    arrived();
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])(
    'is replayed for %s, which does the same twice',
    async (method) => {
      upstream.play(inTurn(breakOff, breakOff, say(ok)));
      const told = await app.send(`${method} /v1/media/1`, 'X-Request-Id: again\r\n');
      expect(told.status).toBe(200);
      expect(upstream.arrivals.map((arrival) => arrival.field('x-request-id'))).toEqual(['again', 'again', 'again']);
    },
  );

  it('is never replayed once the answer has begun', async () => {
    upstream.play(
      (_, socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', () => socket.destroy()),
    );
    expect((await app.send('GET /v1/media/1')).whole).toBe(false);
    arrived();
  });

  it('before a byte was written is replayed, a POST too: an idle connection that the Coreapp has closed', async () => {
    await app.send('GET /v1/contacts');
    await until(() => upstream.sockets.size > 0, { what: 'a kept connection' });
    upstream.play(say(ok));
    for (const socket of upstream.sockets) socket.end();
    const statuses = await Promise.all(
      Array.from({ length: 5 }, () => app.send('POST /v1/messages', '', '{}').then((told) => told.status)),
    );
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
    expect(upstream.arrivals).toHaveLength(5);
  });
});

describe('a refusal of the Coreapp', () => {
  it.each([429, 503])(
    '(%i) is replayed for a POST until it is taken, with the same bytes and the same id',
    async (status) => {
      const body = randomBytes(100_000);
      upstream.play(inTurn(say(answer(status, json, '{"errors":[]}')), say(answer(status, {}, 'no')), say(ok)));
      const told = await app.send('POST /v1/media', 'X-Request-Id: kept\r\nContent-Type: image/png\r\n', body);
      expect(told).toMatchObject({ status: 200, text: 'ok' });
      expect(upstream.arrivals).toHaveLength(3);
      const [first] = upstream.arrivals;
      for (const arrival of upstream.arrivals) {
        expect(arrival.body.equals(body)).toBe(true);
        expect(arrival).toMatchObject({ method: 'POST', target: '/v1/media', fields: first?.fields });
      }
    },
  );

  it('is not replayed before the time that its Retry-After names', async () => {
    const at: number[] = [];
    const note =
      (bytes: string) =>
      (_: Arrival, socket: Socket): void => {
        at.push(performance.now());
        socket.write(bytes);
      };
    upstream.play(inTurn(note(answer(429, { 'Retry-After': '1' })), note(ok)));
    expect((await app.send('POST /v1/contacts', '', '{}')).status).toBe(200);
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(999);
  });

  it('is replayed although its own body breaks off: the status has said that it did not act', async () => {
    const half = 'HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nabc';
    upstream.play(inTurn((_, socket) => void socket.write(half, () => socket.destroy()), say(ok)));
    expect((await app.send('POST /v1/messages', '', '{}')).status).toBe(200);
    expect(upstream.arrivals).toHaveLength(2);
  });

  it('is replayed although its own body never ends: not more of it is read than a refusal needs', async () => {
    const endless = (_: Arrival, socket: Socket): void => {
      const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
      const pour = (): void => {
        while (socket.write(chunk));
        socket.once('drain', pour);
      };
      socket.write('HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n');
      pour();
    };
    upstream.play(inTurn(endless, say(ok)));
    expect((await app.send('POST /v1/messages', '', '{}')).status).toBe(200);
    expect(upstream.arrivals).toHaveLength(2);
  });
});

describe('when time is over', () => {
  it('a POST that the Coreapp does not answer is a 504 with error 1014, and arrived once', async () => {
    await using hasty = await startTestApp(upstream.url, `coreapp: {answerTimeoutMs: 100}\n${patient}`);
    upstream.play(sayNothing);
    const told = await hasty.send('POST /v1/messages', '', '{}');
    const error = { code: 1014, title: 'Internal error', details: 'The Coreapp did not answer in time.' };
    expect(told).toMatchObject({ status: 504, json: { errors: [error] } });
    arrived();
  });

  it.each([429, 503])('a %i for longer than the hold time becomes Weir’s own 503 with Retry-After', async (status) => {
    await using fresh = await startTestApp(upstream.url, patient); // One that has not been refused yet.
    upstream.play(say(answer(status, { 'X-From': 'coreapp' }, 'theirs')));
    const asked = fresh.send('POST /v1/messages', '', '{}');
    await until(() => upstream.arrivals.length > 1, { what: 'it to be sent again' });
    leap(holdMaxMs);
    const told = await asked;
    expect(told).toMatchObject({ status: 503, json: { errors: [{ code: 1016, title: 'System overloaded' }] } });
    expect(Number(told.field('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(told.field('x-from')).toBeUndefined();
  });
});

describe('a Coreapp that is not there', () => {
  it('is tried while there is time, then it is a 502 with error 1014; the log says so once, and when it is back', async () => {
    const away = await startUpstream();
    const { port, url } = away;
    await away.stop();
    await using waiting = await startTestApp(url, patient);
    const asked = waiting.send('POST /v1/contacts', '', '{}');
    const failed = /^weir_coreapp_answers_total\{class="contacts",status="failure"\} [2-9]/m;
    await until(async () => failed.test(await waiting.metrics()), { what: 'a second attempt' });
    leap(holdMaxMs);
    const told = await asked;
    expect(told).toMatchObject({ status: 502, json: { errors: [{ code: 1014 }] } });
    expect(told.json.errors[0].details).toBe('The Coreapp could not be reached.');
    expect(waiting.lines.at(-1)?.attempts).toBeGreaterThan(1);

    const held = waiting.send('POST /v1/messages', '', '{}');
    await using back = await startUpstream(say(ok), port);
    expect((await held).status).toBe(200);
    expect(back.arrivals).toHaveLength(1);
    const outage = waiting.events.filter(({ message }) => /Coreapp/.test(message));
    expect(outage).toEqual([
      expect.objectContaining({ level: 'warn', message: expect.stringMatching(/cannot be reached.*coreapp\.url/) }),
      expect.objectContaining({ level: 'info', message: expect.stringMatching(/is back/) }),
    ]);
    expect(outage[0]?.fields).toMatchObject({ url });
  });
});
