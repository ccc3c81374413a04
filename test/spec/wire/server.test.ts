/** The server of the wire: what it makes of bytes as they come over a socket, and what it writes. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bufferOf, isInMemory } from '../../../src/exchange/bodies.ts';
import type { Downstream, RequestHead } from '../../../src/exchange/ports.ts';
import type { Fields } from '../../../src/http/fields.ts';
import type { ServerOptions } from '../../../src/wire/server/options.ts';
import { type MainServer, startServer } from '../../../src/wire/server/server.ts';
import { watchReading } from '../../support/accepted.ts';
import { roomForAll } from '../../support/allocation.ts';
import { patientServer } from '../../support/patient-server.ts';
import { openCaller, type RawCaller } from '../../support/raw.ts';
import { pass, until } from '../../support/until.ts';

interface Asked {
  readonly head: RequestHead;
  readonly downstream: Downstream;
}

let server: MainServer;
let asked: Asked[];
let unreadable: number;
/** What is done with each request. */
let serve: (asked: Asked) => unknown;

/** Answers with what was asked. */
async function echo({ head, downstream }: Asked): Promise<void> {
  const read = await downstream.read(1_000_000, roomForAll);
  if (read.kind !== 'body') return;
  const body = read.body !== null && isInMemory(read.body) ? bufferOf(read.body).toString() : '';
  downstream.page(200, [], `${head.method} ${head.target} ${body}`);
}

async function start(options: Partial<ServerOptions> = {}): Promise<void> {
  const one = (head: RequestHead, downstream: Downstream): void => {
    asked.push({ head, downstream });
    void serve({ head, downstream });
  };
  server = await startServer(
    { ...patientServer, ...options },
    { request: one, upgrade: one, unreadable: () => void unreadable++, handshakeFailed() {}, acceptFailed() {} },
  );
}

async function stop(): Promise<void> {
  const closed = server.close();
  server.destroy();
  await closed;
}

async function restart(options: Partial<ServerOptions>): Promise<void> {
  await stop();
  await start(options);
}

beforeEach(async () => {
  asked = [];
  unreadable = 0;
  serve = echo;
  await start();
});
afterEach(stop);

const allIsRead = watchReading();
const call = (): Promise<RawCaller> => openCaller(server.port);
const get = (target: string, more = '', version = '1.1'): string =>
  `GET ${target} HTTP/${version}\r\nHost: weir\r\n${more}\r\n`;
const post = (target: string, body: string): string =>
  `POST ${target} HTTP/1.1\r\nHost: weir\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const inChunks = (target: string, chunks: string): string =>
  `POST ${target} HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;

describe('A connection', () => {
  it('ends with as many requests as it may have, and what is behind them is not begun', async () => {
    await restart({ connectionMaxRequests: 2 });
    await using caller = await call();
    caller.send(get('/a') + get('/b') + get('/c'));
    const answers = [await caller.answer(), await caller.answer()];
    expect(answers.map((answer) => answer.field('connection'))).toEqual(['keep-alive', 'close']);
    expect(await caller.closed()).toBe('end');
    expect(asked.map(({ head }) => head.target)).toEqual(['/a', '/b']);
  });
});

/** Waits until a number that is above 0 grows or shrinks no more. */
async function untilStill(number: () => number): Promise<number> {
  let before = -1;
  const isStill = async (): Promise<boolean> => {
    before = number();
    await pass(100);
    return before > 0 && number() === before;
  };
  await until(isStill, { what: 'nothing to move any more' });
  return before;
}

async function answers(caller: RawCaller, ...methods: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  for (const method of methods) {
    const { status, text } = await caller.answer(method);
    texts.push(`${status} ${text}`);
  }
  return texts;
}

describe('However the bytes are cut into packets, they mean the same', () => {
  const bytes = [
    '\r\n',
    post('/a', 'one\r\n\r\ntwo'),
    inChunks('/b', '3;x="\\""\r\nabc\r\n05\r\ndefgh\r\n0\r\nX-Trailer: a\r\n\r\n'),
    get('/c'),
    inChunks('/d', '0\r\n\r\n'),
    'HEAD /e HTTP/1.1\r\nHost: weir\r\n\r\n',
    get('/f', 'Connection: close\r\n'),
    get('/never'),
  ].join('');
  const methods = ['POST', 'POST', 'GET', 'POST', 'HEAD', 'GET'];
  const right = [
    '200 POST /a one\r\n\r\ntwo',
    '200 POST /b abcdefgh',
    '200 GET /c ',
    '200 POST /d ',
    '200 ',
    '200 GET /f ',
  ];

  async function expectRight(caller: RawCaller): Promise<void> {
    expect(await answers(caller, ...methods)).toEqual(right);
    expect(await caller.closed()).toBe('end');
    expect(caller.unread).toHaveLength(0);
  }

  it('in two, at every place', async () => {
    const places = Array.from({ length: bytes.length + 1 }, (_, place) => place);
    for (let from = 0; from < places.length; from += 40) {
      const some = places.slice(from, from + 40);
      await Promise.all(
        some.map(async (place) => {
          await using caller = await call();
          caller.send(bytes.slice(0, place));
          await pass(2); // So that they are two packets; if not, it is one case less.
          caller.send(bytes.slice(place));
          await expectRight(caller);
        }),
      );
    }
    expect(asked).toHaveLength(places.length * methods.length);
  });

  it('byte by byte', async () => {
    await using caller = await call();
    for (const byte of bytes) {
      caller.send(byte);
      await new Promise(setImmediate);
    }
    await expectRight(caller);
  });
});

describe('Requests that are sent one behind the other', () => {
  it('are begun one at a time, each once the one before has its answer', async () => {
    serve = () => {};
    await using caller = await call();
    caller.send(get('/a') + post('/b', 'body') + get('/c'));
    for (const [index, target] of ['/a', '/b', '/c'].entries()) {
      const { head, downstream } = await until(() => asked[index], { what: target });
      await pass(10); // For one that should not come.
      expect([head.target, asked.length]).toEqual([target, index + 1]);
      downstream.page(200, [], target);
    }
    expect(await answers(caller, 'GET', 'POST', 'GET')).toEqual(['200 /a', '200 /b', '200 /c']);
  });

  it('wait at the caller where they are many, and are answered all the same', async () => {
    serve = ({ head, downstream }) => head.target === '/held' || downstream.page(200, [], head.target);
    await using caller = await call();
    const many = 200_000;
    caller.send(get('/held')).send(get('/x').repeat(many));
    await until(() => caller.socket.bytesWritten > 0 && asked.length === 1, { what: 'the first' });
    expect(await untilStill(() => caller.socket.writableLength)).toBeGreaterThan(0);
    caller.socket.removeAllListeners('data').resume();
    asked[0]?.downstream.page(200, [], 'released');
    await until(() => asked.length === many + 1, { what: 'all of them', deadlineMs: 150_000 });
  });

  it('are not begun behind a caller that takes nothing of its answers', async () => {
    const large = Buffer.alloc(1_000_000);
    serve = ({ downstream }) => {
      downstream.head(200, ['Content-Length', `${large.length}`]);
      downstream.data(large);
      if (!downstream.end([])) downstream.onDrain(() => {});
    };
    await using caller = await call();
    caller.socket.pause();
    caller.send(get('/x').repeat(1_000));
    await untilStill(() => asked.length);
    expect(asked.length).toBeLessThan(100);
  });
});

describe('What can be read in two ways is refused, and nothing behind it is read', () => {
  const hidden = get('/hidden');
  it.each([
    [
      'a length and chunks',
      `POST /a HTTP/1.1\r\nHost: weir\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      0,
    ],
    ['two lengths', `POST /a HTTP/1.1\r\nHost: weir\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n${hidden}`, 0],
    ['chunks in HTTP/1.0', `POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`, 0],
    ['another coding', `POST /a HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n${hidden}`, 0],
    ['a bad chunk', inChunks('/a', `3\r\nabcd\r\n0\r\n\r\n${hidden}`), 1],
    ['a bad chunk size', inChunks('/a', `0x3\r\nabc\r\n0\r\n\r\n${hidden}`), 1],
    ['no HTTP', `\x00\x01${hidden}`, 0],
    ['a folded line', `GET /a HTTP/1.1\r\nHost: weir\r\nX-Any: a\r\n b\r\n\r\n${hidden}`, 0],
    ['a tunnel', `CONNECT weir:80 HTTP/1.1\r\nHost: weir:80\r\n\r\n${hidden}`, 0],
  ])('%s', async (_, bytes, begun) => {
    await using caller = await call();
    const told = await caller.send(bytes).answer();
    expect(told).toMatchObject({ status: 400, whole: true, json: { errors: [{ code: 1025 }] } });
    expect(told.field('connection')).toBe('close');
    expect(told.field('cache-control')).toBe('no-store');
    expect(told.field('x-request-id')).toMatch(/^[\w-]+$/);
    caller.send(hidden);
    expect(await caller.closed()).toBe('end');
    expect(caller.unread).toHaveLength(0);
    expect([asked.length, unreadable]).toEqual([begun, 1]);
    await until(() => asked.every(({ downstream }) => downstream.gone), { what: 'who asked to be told' });
  });

  it('an answer that was given before a bad chunk stays the only one', async () => {
    serve = ({ downstream }) => downstream.page(401, [], 'no');
    await using caller = await call();
    caller.send(inChunks('/a', '3\r\nabc\r\n'));
    expect((await caller.answer('POST')).status).toBe(401);
    caller.send(`zz\r\n${hidden}`);
    expect(await caller.closed()).toBe('end');
    expect([caller.unread.length, asked.length]).toEqual([0, 1]);
  });
});

describe('An answer', () => {
  const answerWith = (status: number, fields: Fields, parts: readonly string[], trailers: Fields = []) => {
    serve = ({ downstream }) => {
      downstream.head(status, fields);
      for (const part of parts) downstream.data(Buffer.from(part));
      downstream.end(trailers);
    };
  };

  it('leaves in one packet, head and body, with its names and their order as they are', async () => {
    const fields = ['x-ONE', '1', 'Set-Cookie', 'a', 'X-two', '', 'set-cookie', 'b', 'content-LENGTH', '5'];
    answerWith(200, fields, ['hello']);
    await using caller = await call();
    const packets: string[] = [];
    caller.socket.on('data', (packet: Buffer) => packets.push(packet.toString()));
    caller.send(get('/a'));
    await caller.answer();
    expect(packets).toHaveLength(1);
    expect(packets[0]).toMatch(
      /^HTTP\/1\.1 200 OK\r\nx-ONE: 1\r\nSet-Cookie: a\r\nX-two: \r\nset-cookie: b\r\ncontent-LENGTH: 5\r\nDate: .* GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=600\r\n\r\nhello$/,
    );
  });

  it('of unknown length comes in chunks, with trailers', async () => {
    answerWith(200, ['Trailer', 'X-Sum'], ['a', 'x'.repeat(10_000), ''], ['X-Sum', '1']);
    await using caller = await call();
    const told = await caller.send(get('/a')).answer();
    expect(told).toMatchObject({ body: Buffer.from(`a${'x'.repeat(10_000)}`), trailers: [['X-Sum', '1']] });
    expect([told.field('transfer-encoding'), told.field('trailer')]).toEqual(['chunked', 'X-Sum']);
    expect(await answers(caller.send(get('/b')), 'GET')).toHaveLength(1);
  });

  it('of unknown length to HTTP/1.0 ends with its connection', async () => {
    answerWith(200, ['Trailer', 'X-Sum'], ['one', 'two'], ['X-Sum', '1']);
    await using caller = await call();
    const told = await caller.send(get('/a', 'Connection: keep-alive\r\n', '1.0')).answer();
    expect(told).toMatchObject({ text: 'onetwo', whole: true });
    const fields = ['connection', 'transfer-encoding', 'trailer'].map((name) => told.field(name));
    expect(fields).toEqual(['close', undefined, undefined]);
  });

  it.each([
    ['HEAD', 200, ['Content-Length', '5']],
    ['HEAD', 200, []],
    ['GET', 204, []],
    ['GET', 304, ['Content-Length', '5']],
  ])('to %s with %i has no body, whatever is handed over; the connection goes on', async (method, status, fields) => {
    answerWith(status, fields, ['hello']);
    await using caller = await call();
    for (let i = 0; i < 2; i++) {
      const told = await caller.send(`${method} /a HTTP/1.1\r\nHost: weir\r\n\r\n`).answer(method);
      expect([told.status, told.field('content-length')]).toEqual([status, fields[1]]);
      expect(told.field('transfer-encoding')).toBeUndefined();
      expect(caller.unread).toHaveLength(0);
    }
  });

  it('has one Date: its own, or the one that it came with', async () => {
    answerWith(200, ['date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Content-Length', '0'], []);
    await using caller = await call();
    expect((await caller.send(get('/a')).answer()).all('date')).toEqual(['Thu, 01 Jan 1970 00:00:00 GMT']);
    answerWith(200, ['Content-Length', '0'], []);
    expect((await caller.send(get('/a')).answer()).all('date')).toEqual([expect.stringMatching(/ GMT$/)]);
  });

  it('comes behind 1xx answers, which HTTP/1.0 does not get', async () => {
    serve = ({ downstream }) => {
      downstream.information(103, ['Link', '</a>']);
      downstream.page(200, [], 'ok');
      downstream.information(103, []);
    };
    await using caller = await call();
    const { interim } = await caller.send(get('/a')).answer();
    expect(interim).toMatchObject([{ status: 103, fields: [['Link', '</a>']] }]);
    expect((await caller.send(get('/a', '', '1.0')).answer()).interim).toEqual([]);
    expect(await caller.closed()).toBe('end');
  });

  it('is handed over no faster than its caller takes it', async () => {
    const part = Buffer.alloc(100_000, 'x');
    const all = 400 * part.length;
    let handed = 0;
    const hand = (downstream: Downstream): void => {
      for (let more = true; more && handed < all; handed += part.length) more = downstream.data(part);
      if (handed < all) downstream.onDrain(() => hand(downstream));
      else downstream.end([]);
    };
    serve = ({ downstream }) => {
      downstream.head(200, ['Content-Length', `${all}`]);
      hand(downstream);
    };
    await using caller = await call();
    caller.socket.removeAllListeners('data').pause();
    caller.send(get('/a'));
    await untilStill(() => handed);
    expect(handed).toBeLessThan(all);
    let taken = 0;
    caller.socket.on('data', ({ length }: Buffer) => {
      taken += length;
    });
    caller.socket.resume();
    await until(() => taken > all, { what: 'all of it' });
  });

  it('is not made whole when it is cut', async () => {
    serve = ({ downstream }) => {
      downstream.head(200, []);
      downstream.data(Buffer.from('half'));
      downstream.cut();
    };
    for (const version of ['1.1', '1.0']) {
      await using caller = await call();
      const told = await caller.send(get('/a', '', version)).answer();
      expect(told).toMatchObject({ status: 200, text: 'half', whole: false });
    }
  });

  it('to a request that is over changes nothing of the next one', async () => {
    await using caller = await call();
    caller.send(get('/a'));
    await caller.answer();
    serve = () => {
      const first = asked[0]?.downstream;
      first?.page(500, [], 'late');
      first?.information(103, []);
      first?.data(Buffer.from('late'));
      first?.end([]);
      first?.cut();
      asked[1]?.downstream.page(200, [], 'second');
    };
    expect(await answers(caller.send(get('/b')), 'GET')).toEqual(['200 second']);
  });
});

describe('Of connections on which nothing is asked', () => {
  it('new ones are closed after the time for a head, without an answer to what nobody asked', async () => {
    await restart({ headTimeoutMs: 50 });
    await using caller = await call();
    expect(await caller.closed()).toBe('end');
    expect([caller.unread.length, unreadable]).toEqual([0, 0]);
  });

  it('those that were answered are closed after the time to keep them', async () => {
    await restart({ keepAliveTimeoutMs: 50 });
    await using caller = await call();
    expect((await caller.send(get('/a')).answer()).field('connection')).toBe('keep-alive');
    expect(await caller.closed()).toBe('end');
    expect(caller.unread).toHaveLength(0);
  });

  it('all are closed at once by a stop, and one that has begun to ask is answered', async () => {
    await using idle = await call();
    await answers(idle.send(get('/a')), 'GET');
    await using asking = await call();
    asking.send('GET /b HT');
    await allIsRead(asking);
    const closed = server.close();
    expect(await idle.closed()).toBe('end');
    const told = await asking.send('TP/1.1\r\nHost: weir\r\n\r\n').answer();
    expect([told.status, told.field('connection')]).toEqual([200, 'close']);
    await asking[Symbol.asyncDispose]();
    await closed;
  });
});
