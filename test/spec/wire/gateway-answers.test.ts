/**
 * Answers on a whole Weir: bytes that an upstream sends, what the caller has of them, and whether the upstream's
 * connection is used again (RFC 9112, 4, 6, 7 and 9; RFC 9110, 6, 7.6 and 15).
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../../support/app.ts';
import type { RawAnswer } from '../../support/raw.ts';

interface Row {
  readonly what: string;
  /** What the upstream sends; behind `|` once the first part has been taken. `$`: it closes. */
  readonly bytes: string;
  readonly method?: string;
  readonly status: number;
  readonly body?: string;
  /** Fields that the caller has, in lower case; null: it has none. */
  readonly has?: Readonly<Record<string, string | null>>;
  readonly interim?: readonly number[];
  readonly trailers?: readonly (readonly [string, string])[];
  /** False: it broke off. */
  readonly whole?: boolean;
  /** Whether the upstream's connection serves the next request. */
  readonly again: boolean;
}

const ok = (fields: string, body = ''): string => `HTTP/1.1 200 OK\r\n${fields}\r\n${body}`;
const chunks = '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n';
const passed = (what: string, bytes: string, more: Partial<Row> = {}): Row => ({
  ...{ what, bytes, status: 200, body: 'hello', again: true },
  ...more,
});
const broken = (what: string, bytes: string, more: Partial<Row> = {}): Row => ({
  ...{ what, bytes, status: 502, again: false },
  ...more,
});

const framing: readonly Row[] = [
  passed('a length', ok('Content-Length: 5\r\n', 'hello'), { has: { 'content-length': '5' } }),
  broken('a length twice that agrees', ok('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')),
  passed('chunks', ok('Transfer-Encoding: chunked\r\n', chunks)),
  passed('chunks in capitals', ok('TRANSFER-ENCODING: CHUNKED\r\n', chunks)),
  passed('chunks with extensions', ok('Transfer-Encoding: chunked\r\n', '5;a="b"\r\nhello\r\n0;c\r\n\r\n')),
  passed('up to the end of the connection', ok('', 'hello$'), { again: false }),
  passed('of HTTP/1.0 up to the end', 'HTTP/1.0 200 OK\r\n\r\nhello$', { again: false }),
  passed('of HTTP/1.0 with a length', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello', { again: false }),
  passed(
    'of HTTP/1.0 that keeps its connection',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello',
  ),
  passed('that closes behind its length', ok('Connection: close\r\nContent-Length: 5\r\n', 'hello'), { again: false }),
  passed('in two parts', ok('Content-Length: 5\r\n', 'he|llo')),
  passed('with its head in two parts', 'HTTP/1.1 200 O|K\r\nContent-Length: 5\r\n\r\nhello'),
  passed('with a chunk in two parts', ok('Transfer-Encoding: chunked\r\n', '5\r\nhe|llo\r\n0\r\n\r\n')),
  passed('with more than its length', ok('Content-Length: 5\r\n', 'helloHTTP/1.1 200 OK\r\n\r\n'), { again: false }),
  passed('with bytes behind its chunks', ok('Transfer-Encoding: chunked\r\n', `${chunks}x`), { again: false }),
  passed('with trailers', ok('Transfer-Encoding: chunked\r\nTrailer: X-T\r\n', '5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'), {
    trailers: [['X-T', '1']],
  }),
  passed(
    'without the trailers that say something about framing',
    ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\nContent-Length: 9\r\nX-T: 1\r\n\r\n'),
    { trailers: [['X-T', '1']] },
  ),
  passed('cut off by its end', ok('Content-Length: 9\r\n', 'hello$'), { whole: false, again: false }),
  passed('cut off within its chunks', ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n$'), {
    whole: false,
    again: false,
  }),
  broken('a length and chunks', ok('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', chunks)),
  broken('two lengths', ok('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')),
  broken('a list of lengths', ok('Content-Length: 5, 6\r\n', 'hello!')),
  broken('a length with a sign', ok('Content-Length: +5\r\n', 'hello')),
  broken('a length of letters', ok('Content-Length: five\r\n', 'hello')),
  broken('a negative length', ok('Content-Length: -1\r\n', 'hello')),
  broken('chunks twice', ok('Transfer-Encoding: chunked, chunked\r\n', chunks)),
  broken('another coding', ok('Transfer-Encoding: gzip\r\n', 'hello$')),
  broken('chunks in HTTP/1.0', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`),
  passed('a chunk without a size', ok('Transfer-Encoding: chunked\r\n', '|x\r\nhello\r\n0\r\n\r\n'), {
    ...{ body: '', whole: false, again: false },
  }),
];

const heads: readonly Row[] = [
  ...[
    ['no status line', 'hello\r\n\r\n'],
    ['a status line in lower case', 'http/1.1 200 OK\r\n\r\n'],
    ['a version of another protocol', 'ICY 200 OK\r\n\r\n'],
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status of letters', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['status 099', 'HTTP/1.1 099 Odd\r\n\r\n'],
    ['a 101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['a name with a blank', ok('X A: b\r\nContent-Length: 5\r\n', 'hello')],
    ['a folded line', ok('X-A: b\r\n c\r\nContent-Length: 5\r\n', 'hello')],
    ['NUL in a value', ok('X-A: \0\r\nContent-Length: 5\r\n', 'hello')],
    ['CR in a value', ok('X-A: a\rb\r\nContent-Length: 5\r\n', 'hello')],
    ['an endless head', ok(`X-A: ${'x'.repeat(300_000)}\r\n`)],
    ['fields without end', ok('X-A: b\r\n'.repeat(50_000))],
    ['nothing', '$'],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le$'],
  ].map(([what, bytes]) => broken(what as string, bytes as string)),
  passed('without a reason', 'HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello'),
  passed('with any reason', 'HTTP/1.1 200 All \xe4 is well\r\nContent-Length: 5\r\n\r\nhello'),
  passed('with fields of every spelling', ok('X-MiXed: a\r\nx-lower: b\r\nContent-Length: 5\r\n', 'hello'), {
    has: { 'x-mixed': 'a', 'x-lower': 'b' },
  }),
  passed('with several cookies', ok('Set-Cookie: a=1\r\nSet-Cookie: b=2, c\r\nContent-Length: 5\r\n', 'hello'), {
    has: { 'set-cookie': 'a=1 | b=2, c' },
  }),
  passed(
    'with fields for one connection',
    ok('Keep-Alive: timeout=9\r\nProxy-Connection: x\r\nContent-Length: 5\r\n', 'hello'),
    {
      has: { 'proxy-connection': null },
    },
  ),
  passed(
    'with a field that Connection names',
    ok('Connection: X-A\r\nX-A: b\r\nX-B: c\r\nContent-Length: 5\r\n', 'hello'),
    {
      has: { 'x-a': null, 'x-b': 'c' },
    },
  ),
  passed('of another kind', 'HTTP/1.1 418 Teapot\r\nContent-Length: 5\r\n\r\nhello', { status: 418 }),
  passed(
    'with a blank before a colon, which is taken out (RFC 9112, 5.1)',
    ok('X-A : b\r\nContent-Length: 5\r\n', 'hello'),
    {
      has: { 'x-a': 'b' },
    },
  ),
  passed('of a status that is none', 'HTTP/1.1 600 Odd\r\nContent-Length: 5\r\n\r\nhello', { status: 600 }),
];

/** Some upstreams send the body all the same: where a field speaks of one, the connection is not used again (decision 0019). */
const bodiless: readonly Row[] = [
  passed('to HEAD, with a length', ok('Content-Length: 5\r\n'), {
    method: 'HEAD',
    body: '',
    has: { 'content-length': '5' },
    again: false,
  }),
  passed('to HEAD, with chunks', ok('Transfer-Encoding: chunked\r\n'), { method: 'HEAD', body: '', again: false }),
  passed('to HEAD, with neither', ok(''), { method: 'HEAD', body: '' }),
  passed('to HEAD, with a body all the same', ok('Content-Length: 5\r\n', 'hello'), {
    method: 'HEAD',
    body: '',
    again: false,
  }),
  passed('204', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, body: '' }),
  passed('204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', {
    ...{ status: 204, body: '', has: { 'content-length': null }, again: false },
  }),
  passed('304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', {
    status: 304,
    body: '',
    again: false,
  }),
  passed('205 without a body', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', { status: 205, body: '' }),
  passed('behind a 103', `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('Content-Length: 5\r\n', 'hello')}`, {
    interim: [103],
  }),
  passed('behind two 102', `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(2)}${ok('Content-Length: 5\r\n', 'hello')}`, {
    interim: [102, 102],
  }),
  passed('behind a 100 that nobody asked for', `HTTP/1.1 100 Continue\r\n\r\n${ok('Content-Length: 5\r\n', 'hello')}`),
];

/** Sends what a row says to whatever is asked, and knows which connection a request came on. */
class Upstream {
  bytes = '';
  /** The number of the connection that the last request came on. */
  last = 0;
  readonly sockets = new Set<Socket>();
  readonly server: Server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  #connections = 0;

  #serve(socket: Socket): void {
    this.sockets.add(socket);
    const number = ++this.#connections;
    let held = '';
    socket.on('error', () => {});
    socket.on('data', (text: Buffer) => {
      held += text.toString('latin1');
      if (!held.includes('\r\n\r\n')) return;
      held = '';
      this.last = number;
      void this.#answer(socket);
    });
  }

  async #answer(socket: Socket): Promise<void> {
    const closes = this.bytes.endsWith('$');
    const parts = this.bytes.replace(/\$$/, '').split('|');
    for (const part of parts) {
      await new Promise((resolve) => socket.write(Buffer.from(part, 'latin1'), resolve));
      if (parts.length > 1) await new Promise((resolve) => setImmediate(resolve));
    }
    if (closes) socket.end();
  }
}

let app: TestApp;
let upstream: Upstream;

beforeAll(async () => {
  upstream = new Upstream();
  upstream.server.listen(0, '127.0.0.1');
  await once(upstream.server, 'listening');
  const { port } = upstream.server.address() as AddressInfo;
  const settings = 'limits: { contacts: { rate: 1000000, burst: 1000000 } }\ncoreapp: { brokenRepeatsMax: 0 }';
  app = await startTestApp(`http://127.0.0.1:${port}`, settings);
});
afterAll(async () => {
  await app.close(0);
  for (const socket of upstream.sockets) socket.destroy();
  upstream.server.close();
});

async function seen({ bytes, method = 'GET' }: Row): Promise<{ readonly answer: RawAnswer; readonly again: boolean }> {
  upstream.bytes = bytes;
  const answer = await app.send(`${method} /v1/contacts`);
  const used = upstream.last;
  upstream.bytes = ok('Content-Length: 0\r\n');
  await app.send('GET /v1/contacts');
  const again = upstream.last === used;
  // What a row has left on a connection is none of the next row's.
  for (const socket of upstream.sockets) socket.destroy();
  return { answer, again };
}

describe.each([
  ['its framing', framing],
  ['its head', heads],
  ['an answer without a body', bodiless],
])('%s', (_, rows) => {
  it.each(rows.map((row) => [row.what, row] as const))('%s', async (_, row) => {
    const { answer, again } = await seen(row);
    const { status, body, has = {}, interim = [], trailers, whole = true } = row;
    expect({ status: answer.status, interim: answer.interim.map((one) => one.status), again }).toEqual({
      ...{ status, interim, again: row.again },
    });
    if (status !== 502) expect({ body: answer.text, whole: answer.whole }).toEqual({ body, whole });
    for (const [name, value] of Object.entries(has)) {
      expect([name, answer.all(name).join(' | ')]).toEqual([name, value ?? '']);
    }
    if (trailers !== undefined) expect(answer.trailers).toEqual(trailers);
  });
});
