/**
 * The edge: what is refused before it gets anywhere, and how. Which bytes are read as which request is in the table of the
 * wire (wire/rows/), which wire/gateway.test.ts plays on a whole Weir; which targets are malformed is in target.test.ts.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { apiKey } from '../support/app.ts';
import { basic } from '../support/basic.ts';
import type { RawCaller } from '../support/raw.ts';
import { expectRefusal, expectWeirs } from '../support/refusals.ts';
import { appForAll, startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say } from '../support/upstream.ts';

const limits = { default: { rate: 1000, burst: 1000, bodyMaxBytes: 2_048 }, messages: { rate: 1000, burst: 1000 } };
const yaml = (timeoutMs: number) => {
  const timeouts = { headTimeoutMs: timeoutMs, bodyIdleTimeoutMs: timeoutMs, keepAliveTimeoutMs: 600_000 };
  return JSON.stringify({ limits, http: { fieldsMaxBytes: 16_384, ...timeouts } });
};

const { upstream, app } = await startForAll(yaml(600_000));
const auth = `Authorization: Bearer ${app.token}\r\n`;
/** The fields that most requests have. */
const known = `Host: weir\r\n${auth}`;
/** The token of somebody who isn't an admin. */
const userToken = await app.user('worker');
beforeEach(() => upstream.play(say(answer(200, {}, 'ok'))));

const nothingArrived = (): void => expect(upstream.arrivals).toEqual([]);

/** Sends bytes on a connection of their own and takes what comes. */
async function say1(bytes: string, take: (caller: RawCaller) => Promise<void>, to = app): Promise<void> {
  await using caller = await to.call();
  caller.send(bytes);
  await take(caller);
}

describe('a request that cannot be read is a 400, and the connection ends in order', () => {
  const post = `POST /v1/messages HTTP/1.1\r\n${known}`;
  it.each([
    ['two different lengths', `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
    ['lines that end in LF only', `GET /v1/contacts HTTP/1.1\nHost: weir\n${auth}\n\n`],
    ['a version to come', `GET /v1/contacts HTTP/3.0\r\n${known}\r\n`],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a chunk size that is none', `${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n`],
  ])('%s', async (_, bytes) => {
    await say1(bytes, async (caller) => {
      expectRefusal(await caller.answer(), 400, 1025);
      expect(await caller.closed()).toBe('end');
      expect(caller.unread).toHaveLength(0);
      nothingArrived();
    });
  });
});

describe('a request that means nothing that Weir could do is refused with what is wrong', () => {
  const noHost = 'the Host field does not name a host';
  it.each<[string, string, string, number, string | RegExp]>([
    ['GET /v1/contacts', 'no Host', auth, 400, 'the Host field is missing'],
    ['GET /v1/contacts', 'two Host fields', `${known}Host: weir\r\n`, 400, '2 Host fields; exactly one is allowed'],
    ['GET /v1/contacts', 'a Host that is a list', `Host: a, b\r\n${auth}`, 400, noHost],
    ['GET /v1/media/../settings', 'dots', known, 400, /"\.\." segment/],
    [`GET /v1/${'a'.repeat(8_189)}`, 'a target that is too long', known, 414, /8193 characters; at most 8192/],
    ['TRACE /v1/contacts', 'TRACE', known, 405, /^Allowed here: GET, HEAD/],
    ['GET /', 'an unknown expectation', `${known}Expect: x\r\n`, 417, 'Only Expect: 100-continue is known.'],
  ])('%s: %s', async (line, _, fields, status, details) => {
    const told = await app.ask(line, fields);
    expectRefusal(told, status, 1025, details);
    if (status === 405) expect(told.field('allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
    nothingArrived();
  });

  it('header fields that are too large: 431, and the connection ends', async () => {
    await say1(`GET /v1/contacts HTTP/1.1\r\n${known}X-Any: ${'x'.repeat(20_000)}\r\n\r\n`, async (caller) => {
      expectRefusal(await caller.answer(), 431, 1025, 'The header fields are too large.');
      await caller.closed();
    });
  });

  it.each([
    ['is announced as too large', 'Content-Length: 2049\r\n\r\n'],
    [
      'becomes too large by its chunks',
      `Transfer-Encoding: chunked\r\n\r\n${`400\r\n${'x'.repeat(1_024)}\r\n`.repeat(3)}`,
    ],
  ])('a body that %s: 413 without the rest of it', async (_, rest) => {
    await say1(`POST /v1/contacts HTTP/1.1\r\n${known}${rest}`, async (caller) => {
      expectRefusal(await caller.answer(), 413, 1025, 'The body is larger than 2048 bytes.');
      nothingArrived();
    });
  });

  it('a body of exactly the limit passes', async () => {
    expect((await app.send('POST /v1/contacts', '', 'x'.repeat(2_048))).status).toBe(200);
    expect(upstream.arrivals[0]?.body).toHaveLength(2_048);
  });

  it('a body of Weir’s own endpoints that is too large: 413', async () => {
    expectRefusal(await app.send('POST /v1/users', '', 'x'.repeat(16_385)), 413, 1025);
  });
});

describe('who is too slow', async () => {
  const hasty = await appForAll(upstream, yaml(100));
  const post = `POST /v1/messages HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${hasty.token}\r\n`;

  it('a head that does not come to its end: 408, and the connection ends', async () => {
    const take = async (caller: RawCaller): Promise<void> => {
      expectRefusal(await caller.answer(), 408, 1025, 'The request did not arrive in time.');
      await caller.closed();
    };
    await say1('GET /v1/contacts HTTP/1.1\r\nHost: w', take, hasty);
  });

  it.each([
    ['a length', 'Content-Length: 10\r\n\r\nabc'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('a body that stands still, with %s: 408, and the connection ends', async (_, rest) => {
    const take = async (caller: RawCaller): Promise<void> => {
      const told = await caller.answer();
      expectRefusal(told, 408, 1025, 'The request did not arrive in time.');
      expect(told.field('connection')).toBe('close');
      await caller.closed();
      nothingArrived();
    };
    await say1(post + rest, take, hasty);
  });

  it('a body that goes on as its 408 comes does not reset the connection, which would lose the answer (RFC 9112, 9.6)', async () => {
    await using caller = await hasty.call();
    caller.send(`${post}Content-Length: 999\r\n\r\nabc`);
    expect((await caller.answer()).status).toBe(408);
    for (const more of ['d', 'e', 'f']) await new Promise((resolve) => caller.socket.write(more, resolve));
    caller.socket.end();
    await until(() => caller.socket.closed, { what: 'both sides to have closed' });
    expect(await caller.closed()).toBe('end');
    nothingArrived();
  });

  it('a caller that takes nothing of its answer is cut off, and what it held is free again', async () => {
    const length = 64 * 2 ** 20;
    upstream.play((_, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
      socket.write(Buffer.alloc(length));
    });
    await using caller = await hasty.call();
    caller.socket.pause();
    caller.send(hasty.request('GET /v1/media/1'));
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    await until(() => hasty.lines.at(-1)?.path === '/v1/media/1', { what: 'the end of the exchange' });
    const { permits } = await hasty.status();
    expect(permits.filter(({ inUse }) => inUse > 0)).toEqual([]);
  });
});

describe('a request that is refused keeps nobody from going on', () => {
  it.each([
    ['401', 'POST /v1/messages HTTP/1.1\r\nHost: weir\r\nContent-Length: 3\r\n\r\nabc', 401],
    ['413', `POST /v1/contacts HTTP/1.1\r\n${known}Content-Length: 5000\r\n\r\n${'x'.repeat(5_000)}`, 413],
    ['404', `GET /v1/users/nobody HTTP/1.1\r\n${known}\r\n`, 404],
  ])('after a %s the same connection serves the next request', async (_, bytes, status) => {
    await say1(bytes, async (caller) => {
      expect((await caller.answer()).status).toBe(status);
      caller.send(app.request('GET /v1/contacts'));
      expect(await caller.answer()).toMatchObject({ status: 200, text: 'ok' });
      expect(caller.unread).toHaveLength(0);
    });
  });

  it.each(['keep-alive', 'close'])(
    'a 401 on a large upload is read by a caller that sends first (%s)',
    async (connection) => {
      const length = 8 * 2 ** 20;
      const head = `POST /v1/media HTTP/1.1\r\nHost: weir\r\nConnection: ${connection}\r\nContent-Length: ${length}\r\n\r\n`;
      await say1(head, async (caller) => {
        await new Promise((resolve) => caller.socket.write(Buffer.alloc(length), resolve));
        expectRefusal(await caller.answer('POST'), 401, 1005, 'A bearer token is needed: log in first.');
      });
    },
  );

  it('what can’t be read after a request is refused after that request’s answer, not in its place', async () => {
    let release = (): void => {};
    upstream.play((_, socket) => {
      release = () => void socket.write(answer(200, {}, 'served'));
    });
    await using caller = await app.call();
    caller.send(Buffer.concat([app.request('POST /v1/messages', '', '{}'), Buffer.from('\x00\x01nonsense\r\n\r\n')]));
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    caller.send('and more of it\r\n\r\n');
    release();
    expect(await caller.answer('POST')).toMatchObject({ status: 200, text: 'served' });
    expectRefusal(await caller.answer(), 400, 1025);
    expect(await caller.closed()).toBe('end');
  });
});

describe('which endpoint a path is', () => {
  it.each([
    ['/v1//messages', 'messages'],
    ['/v1/%6Dessages?x=/v1/contacts', 'messages'],
    ['http://elsewhere:1/v1/messages', 'messages'],
    ['HTTP://elsewhere/v1/messages?x', 'messages'],
    ['/v1/messages%20', 'messages'],
    ['/v1/stickerpacks/1/stickers', 'stickers'],
    ['/v1/nonsense', 'default'],
    ['http://elsewhere?x', 'default'],
  ])('%s is forwarded in the class %s', async (target, name) => {
    expect((await app.send(`GET ${target}`)).status).toBe(200);
    expect(app.lines.at(-1)).toMatchObject({ class: name, status: 200 });
    const rest = target.replace(/^https?:\/\/[^/?]+/i, '');
    expect(upstream.arrivals[0]?.target).toBe(rest.startsWith('/') ? rest : `/${rest}`);
  });

  it.each([
    ['OPTIONS *', '*'],
    ['OPTIONS http://asked.example/', '/'],
    ['FROB /v1/contacts', '/v1/contacts'],
  ])('%s goes on as it is meant', async (line, target) => {
    expect((await app.send(line)).status).toBe(200);
    expect(app.lines.at(-1)).toMatchObject({ status: 200, method: line.split(' ')[0] });
    expect(upstream.arrivals[0]).toMatchObject({ method: line.split(' ')[0], target });
  });

  it.each(['/v1/settings/application', '/v1/settings//%61pplication;x/'])('%s needs an admin', async (target) => {
    expectRefusal(await app.ask(`GET ${target}`, `Host: weir\r\nAuthorization: Bearer ${userToken}\r\n`), 403, 1005);
    nothingArrived();
  });
});

describe('answers of Weir’s own', () => {
  it.each([
    ['POST /v1/users/login', '', 401, 'Basic realm="weir", charset="UTF-8"'],
    ['POST /v1/users/login', 'Authorization: Bearer x\r\n', 401, 'Basic realm="weir", charset="UTF-8"'],
    ['POST /v1/messages', '', 401, 'Bearer realm="weir"'],
    ['POST /v1/messages', `Authorization: Apikey ${apiKey}\r\n`, 401, 'Bearer realm="weir"'],
    ['GET /v1/health', 'Authorization: Apikey wrong-key-123\r\n', 401, 'Bearer realm="weir"'],
    ['GET /v1/users/admin', 'Authorization: Bearer nonsense\r\n', 401, 'Bearer realm="weir"'],
  ])('%s with %j is a %i that names its scheme', async (line, fields, status, challenge) => {
    const told = await app.ask(line, `Host: weir\r\n${fields}`);
    expectRefusal(told, status, 1005);
    expect(told.all('www-authenticate')).toEqual([challenge]);
  });

  it.each([
    ['GET /v1/users/login', `Host: weir\r\nAuthorization: ${basic('admin', 'x')}\r\n`, 'POST'],
    ['GET /v1/users/logout', known, 'POST'],
    ['PATCH /v1/users', known, 'POST'],
    ['PATCH /v1/users/admin', known, 'GET, HEAD, PUT, DELETE'],
    ['DELETE /v1/metrics', known, 'GET'],
  ])('%s is a 405 that says what is allowed', async (line, fields, allow) => {
    const told = await app.ask(line, fields);
    expectRefusal(told, 405, 1025);
    expect(told.field('allow')).toContain(allow);
  });

  it('pages are for nobody’s cache, either', async () => {
    const told = await app.send('GET /v1/users/admin');
    expect(told.status).toBe(200);
    expectWeirs(told);
  });

  it('to HEAD they have the length, and no body', async () => {
    const told = await app.ask('HEAD /v1/contacts', 'Host: weir\r\n');
    expect(told).toMatchObject({ status: 401, text: '' });
    expect(Number(told.field('content-length'))).toBeGreaterThan(0);
  });

  it('keep the caller’s X-Request-Id', async () => {
    const told = await app.ask('GET /v1/contacts', 'Host: weir\r\nX-Request-Id: mine\r\n');
    expect(told.field('x-request-id')).toBe('mine');
  });
});

describe('a CONNECT', () => {
  const connect = 'CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n';

  it('whose caller resets has its 400, and ends nothing', async () => {
    await using caller = await app.call();
    expect(await caller.send(connect).answer('GET')).toMatchObject({ status: 400, whole: true });
    caller.reset();
    expect((await app.send('GET /v1/contacts')).status).toBe(200);
  });

  it('is closed as soon as its caller has closed', async () => {
    await using caller = await app.call();
    await caller.send(connect).answer('GET');
    caller.socket.end();
    expect(await caller.closed()).toBe('end');
  });
});
