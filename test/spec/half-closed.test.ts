/**
 * A caller that shuts its sending side has its answer; one that has gone is heard no more of, also where its end lies behind
 * bytes that are not read.
 */

import { once } from 'node:events';
import { connect as connectPlainly, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Downstream, RequestHead } from '../../src/exchange/ports.ts';
import { type MainServer, startServer } from '../../src/wire/server/server.ts';
import { roomForAll } from '../support/allocation.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { createAuthority } from '../support/certificates.ts';
import { patientServer } from '../support/patient-server.ts';
import { RawCaller } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { type Script, startUpstream, type Upstream } from '../support/upstream.ts';

const authority = createAuthority('Weir test authority');
const { cert, key } = authority.issue('weir', ['127.0.0.1']);
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: weir\r\n\r\n`;

describe.each(['plain', 'TLS'])('On a %s connection', (kind) => {
  let server: MainServer;
  let downstreams: { readonly head: RequestHead; readonly downstream: Downstream }[];
  let unread: number;
  /** Of the caller that called last; with TLS, what is below it. */
  let carrier: Socket;
  beforeEach(async () => {
    downstreams = [];
    unread = 0;
    const tls = kind === 'plain' ? null : ({ minVersion: 'TLSv1.2', material: { ca: null, cert, key } } as const);
    const options = { ...patientServer, tls };
    server = await startServer(options, {
      request: (head, downstream) => void downstreams.push({ head, downstream }),
      upgrade: (head, downstream) => void downstreams.push({ head, downstream }),
      unreadable: () => void unread++,
      handshakeFailed() {},
      acceptFailed() {},
    });
  });
  afterEach(async () => {
    const closed = server.close();
    server.destroy();
    await closed;
  });

  async function call(): Promise<RawCaller> {
    carrier = connectPlainly({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const secure = { socket: carrier, host: '127.0.0.1', allowHalfOpen: true, ca: authority.cert };
    const socket = kind === 'plain' ? carrier : connectSecurely(secure);
    await once(socket, kind === 'plain' ? 'connect' : 'secureConnect');
    return new RawCaller(socket);
  }
  const arrived = (requests: number): Promise<true> =>
    until(() => (downstreams.length === requests ? true : null), { what: `${requests} requests` });
  const downstream = (index: number): Downstream => downstreams[index]?.downstream as Downstream;
  const isGone = () => until(() => downstream(0).gone, { what: 'the caller to be gone' });
  const nobodyIsLeft = () => until(() => server.connections === 0, { what: 'the connections to be closed' });
  const isAsked = (caller: RawCaller) =>
    until(() => caller.unread.includes('HTTP/1.1 102 '), { what: 'an interim answer' });

  it('a whole request is answered, however long it takes, and the connection ends', async () => {
    await using caller = await call();
    caller.send(get('/a')).socket.end();
    await arrived(1);
    // Long enough for the caller to have been asked whether it is still there.
    await isAsked(caller);
    expect(downstream(0).gone).toBe(false);
    downstream(0).page(200, ['X-Any', 'thing'], 'hello');
    const told = await caller.answer();
    expect(told).toMatchObject({ status: 200, text: 'hello', whole: true });
    expect(told.field('connection')).toBe('close');
    expect(await caller.closed()).toBe('end');
  });

  it('so is one with a body', async () => {
    await using caller = await call();
    caller.send('POST /a HTTP/1.1\r\nHost: weir\r\nContent-Length: 3\r\n\r\nabc').socket.end();
    await arrived(1);
    const read = await downstream(0).read(100, roomForAll);
    expect(read).toMatchObject({ kind: 'body', body: 'abc' });
    downstream(0).page(200, [], 'hello');
    expect((await caller.answer()).text).toBe('hello');
    expect(await caller.closed()).toBe('end');
  });

  it('all that were asked for whole are answered, in their order', async () => {
    await using caller = await call();
    caller.send(get('/a') + get('/b')).socket.end();
    await arrived(1);
    downstream(0).page(200, [], 'a');
    await arrived(2);
    downstream(1).page(200, [], 'b');
    expect([(await caller.answer()).text, (await caller.answer()).text]).toEqual(['a', 'b']);
    expect(await caller.closed()).toBe('end');
  });

  it('one that has gone while it waited is gone', async () => {
    const caller = await call();
    caller.send(get('/a'));
    await arrived(1);
    const told = new Promise<void>((callerGone) => downstream(0).onGone({ callerGone }));
    caller.socket.destroy(); // Which sends the same end as half a close.
    await told;
    expect(downstream(0).gone).toBe(true);
    await nobodyIsLeft();
  });

  it('what it has asked for behind that is not begun any more', async () => {
    const caller = await call();
    caller.send(get('/a') + get('/b') + get('/c'));
    await arrived(1);
    caller.socket.destroy();
    await isGone();
    await nobodyIsLeft();
    expect(downstreams).toHaveLength(1);
  });

  describe('behind whose request more waits than is read', () => {
    const many = get('/x').repeat(400_000);
    async function callWith(first: string): Promise<RawCaller> {
      const caller = await call();
      caller.send(first + many);
      await arrived(1);
      return caller;
    }
    /** The system takes some 10 MB before a connection on loopback stands still. */
    const standing = (caller: RawCaller): Promise<true> =>
      until(() => (caller.socket.writableLength > 0 ? true : null), { what: 'bytes that are not read' });

    it.each<[string, (caller: RawCaller) => unknown]>([
      ['goes', (caller) => caller.socket.destroy()],
      ['resets its connection', () => carrier.resetAndDestroy()],
    ])('one that %s is gone', async (_, go) => {
      const caller = await callWith(get('/a'));
      await standing(caller);
      go(caller);
      await isGone();
      await nobodyIsLeft();
      expect(downstreams).toHaveLength(1);
    });

    // TLS has no record for an empty write, so that there a reset shows with the answer.
    const notAsked = [
      ['of HTTP/1.0', 'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'],
      ['whose body nobody has asked for yet', 'POST /a HTTP/1.1\r\nHost: weir\r\nContent-Length: 9000000\r\n\r\n'],
    ];
    it.each(kind === 'plain' ? notAsked : [])('one %s is not asked, but its reset is found', async (_, first) => {
      const caller = await callWith(first);
      const itsCarrier = carrier;
      await standing(caller);
      // Whoever is asked is asked 0.2 s after it has been paused; another one that is asked shows that this is over.
      await using asked = await call();
      asked.send(get('/b')).socket.end();
      await isAsked(asked);
      expect(String(caller.unread)).toBe('');
      itsCarrier.resetAndDestroy();
      await isGone();
    });

    it('one that is still there is asked, and answered', async () => {
      await using caller = await callWith(get('/a'));
      await isAsked(caller);
      downstream(0).page(200, [], 'hello');
      const told = await caller.answer();
      expect(told).toMatchObject({ status: 200, text: 'hello', whole: true });
      expect(new Set(told.interim.map(({ status }) => status))).toEqual(new Set([102]));
      await arrived(2);
    });
  });

  it('one of HTTP/1.0 has its answer as well, without having been asked', async () => {
    await using caller = await call();
    caller.send('GET /a HTTP/1.0\r\n\r\n').socket.end();
    await arrived(1);
    downstream(0).page(200, [], 'hello');
    expect(await caller.answer()).toMatchObject({ text: 'hello', interim: [], whole: true });
    expect(await caller.closed()).toBe('end');
  });

  it('one that has asked for nothing, or has its answer, is let go of', async () => {
    await using silent = await call();
    silent.socket.end();
    expect(await silent.closed()).toBe('end');
    await using served = await call();
    served.send(get('/a'));
    await arrived(1);
    downstream(0).page(200, [], 'a');
    expect((await served.answer()).text).toBe('a');
    served.socket.end();
    expect(await served.closed()).toBe('end');
    await nobodyIsLeft();
  });

  it.each([
    ['head', 'GET /a HTTP/1.1\r\nHost: w', 0],
    ['body', 'POST /a HTTP/1.1\r\nHost: weir\r\nContent-Length: 3\r\n\r\na', 1],
    ['chunk', 'POST /a HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na', 1],
  ])('an end in the middle of a %s is a 400', async (_, bytes, requests) => {
    await using caller = await call();
    caller.send(bytes).socket.end();
    expect((await caller.answer()).status).toBe(400);
    expect(await caller.closed()).toBe('end');
    expect([downstreams.length, unread]).toEqual([requests, 1]);
    if (requests > 0) await isGone();
  });

  it('one that asks for a WebSocket needs both sides of its connection', async () => {
    await using caller = await call();
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a2V5\r\n';
    caller.send(`GET /a HTTP/1.1\r\nHost: weir\r\n${upgrade}\r\n`);
    await arrived(1);
    caller.socket.end();
    await isGone();
  });
});

describe('In line', () => {
  let upstream: Upstream;
  let app: TestApp;
  beforeEach(async () => {
    upstream = await startUpstream();
    const messages = { rate: 2, burst: 1, holdMaxMs: 600_000 };
    const contacts = { rate: 0.1, burst: 1, holdMaxMs: 600_000 };
    app = await startTestApp(upstream.url, JSON.stringify({ limits: { messages, contacts } }));
  });
  afterEach(async () => {
    await app.close(0);
    await upstream.stop();
  });

  it('a caller that has shut its sending side keeps its place, and has its answer', async () => {
    await app.send('POST /v1/messages', '', 'one');
    await using caller = await app.call();
    caller.send(app.request('POST /v1/messages', '', 'two')).socket.end();
    expect(await caller.answer('POST')).toMatchObject({ status: 200, text: 'ok', whole: true });
    expect(upstream.arrivals.map(({ body }) => String(body))).toEqual(['one', 'two']);
  });

  it('one that has gone leaves its place', async () => {
    await app.send('POST /v1/contacts', '', 'one');
    const caller = await app.call();
    caller.send(app.request('POST /v1/contacts', '', 'two'));
    const line = async (): Promise<number> => {
      const { lines } = await app.status();
      return lines.reduce((sum, { requests }) => sum + requests, 0);
    };
    await until(async () => (await line()) === 1, { what: 'a request in line' });
    caller.socket.destroy();
    await until(() => app.lines.at(-1)?.status === 499, { what: 'its end' });
    await until(async () => (await line()) === 0, { what: 'an empty line' });
    expect(upstream.arrivals).toHaveLength(1);
  });

  it('an answer that has begun goes on to its end', async () => {
    let finish: () => void = () => {};
    const slowly: Script = (_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc');
      finish = () => void socket.write('def');
    };
    upstream.play(slowly);
    await using caller = await app.call();
    caller.send(app.request('POST /v1/messages', '', 'one')).socket.end();
    await until(() => caller.unread.includes('abc'), { what: 'the first half' });
    finish();
    expect(await caller.answer('POST')).toMatchObject({ status: 200, text: 'abcdef', whole: true });
  });
});
