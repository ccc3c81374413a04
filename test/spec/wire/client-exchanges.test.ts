/** One exchange with the Coreapp: what goes on the wire, what the observer is told of what comes, and when it is over. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { BodyFile } from '../../../src/exchange/bodies.ts';
import { driveTimers } from '../../support/still-timers.ts';
import { until } from '../../support/until.ts';
import { answer, inTurn, type Script, say, sayAndEnd, sayNothing } from '../../support/upstream.ts';
import { wireClient } from '../../support/wire-client.ts';

const ok = answer(200, {}, 'ok');
const wire = wireClient();

/** Writes one piece after the other, each in a turn of its own. */
const inPieces =
  (...pieces: readonly string[]): Script =>
  (_, socket) => {
    const left = [...pieces];
    const next = (): void => {
      const piece = left.shift();
      if (piece !== undefined) socket.write(piece, 'latin1', () => setImmediate(next));
    };
    next();
  };

/** A body on a disk that is always there. */
const file = (bytes: number): BodyFile & { readBytes: number } => ({
  bytes,
  readBytes: 0,
  append: () => Promise.resolve(false),
  read(into, position) {
    const count = Math.min(into.length, bytes - position);
    into.fill(120, 0, count);
    this.readBytes += count;
    return Promise.resolve(count);
  },
  close() {},
});

describe('A request', () => {
  let bytes: Buffer[];
  beforeEach(() => {
    bytes = [];
    wire.upstream.onConnection((socket) => void socket.prependListener('data', (chunk: Buffer) => bytes.push(chunk)));
  });

  it.each<[string, method: string, Buffer | null, end: string]>([
    ['without a body', 'GET', null, '\r\n'],
    ['without a body that could have one', 'POST', null, 'Content-Length: 0\r\n\r\n'],
    ['with an empty one', 'PUT', Buffer.alloc(0), 'Content-Length: 0\r\n\r\n'],
    ['with a small one', 'POST', Buffer.from('{"a":"ä"}'), 'Content-Length: 10\r\n\r\n{"a":"ä"}'],
    ['with all octets', 'DELETE', Buffer.from([0, 10, 13, 255]), 'Content-Length: 4\r\n\r\n\0\n\r\xff'],
  ])('%s leaves in one piece', async (_, method, body, end) => {
    const fields = ['X-A', 'b', 'x-latin', '\xe4'];
    expect(await wire.client.ask({ method, target: '/a?b=%20', fields, body })).toEqual([200, 'ok']);
    const { host } = new URL(wire.upstream.url);
    const head = `${method} /a?b=%20 HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive\r\nX-A: b\r\nx-latin: \xe4\r\n`;
    const expected = method === 'POST' && body !== null ? Buffer.from(end).toString('latin1') : end;
    expect(bytes.map((chunk) => chunk.toString('latin1'))).toEqual([head + expected]);
  });

  it.each([8_192, 8_193, 65_536, 65_537, 3_000_000])('has all of a body of %i bytes', async (size) => {
    const body = Buffer.from(Uint8Array.from({ length: size }, (_, i) => i % 251));
    expect(await wire.client.ask({ method: 'POST', body })).toEqual([200, 'ok']);
    expect(wire.upstream.arrivals[0]?.body.equals(body)).toBe(true);
    await wire.client.ask({ method: 'POST', body });
    expect(wire.upstream.arrivals.map(({ connection }) => connection)).toEqual([1, 1]);
  });

  it.each<[string, { method?: string; target?: string; fields?: string[] }]>([
    ['a method with a blank', { method: 'GET /x HTTP/1.1' }],
    ['no method', { method: '' }],
    ['a line end in the method', { method: 'GET\r\n' }],
    ['no target', { target: '' }],
    ['a blank in the target', { target: '/a b' }],
    ['a line end in the target', { target: '/ HTTP/1.1\r\nX: y\r\n\r\nGET /' }],
    ['a NUL in the target', { target: '/\0' }],
    ['more than Latin-1 in the target', { target: '/\u0141' }],
    ['a line end in a value', { fields: ['X-A', 'b\r\nX-C: d'] }],
    ['a bare CR in a value', { fields: ['X-A', 'b\rX-C: d'] }],
    ['a bare LF in a value', { fields: ['X-A', 'b\nX-C: d'] }],
    ['a line end behind a value', { fields: ['X-A', 'b\n'] }],
    ['a NUL in a value', { fields: ['X-A', '\0'] }],
    ['what becomes a line end in Latin-1', { fields: ['X-A', '\u010d\u010a'] }],
    ['a line end in a name', { fields: ['X-A\r\nX-B', 'c'] }],
    ['a colon in a name', { fields: ['X-A: b', 'c'] }],
    ['no name', { fields: ['', 'c'] }],
    ['a second Host', { fields: ['Host', 'another'] }],
    ['a second length', { fields: ['content-LENGTH', '5'] }],
    ['an encoding', { fields: ['Transfer-Encoding', 'chunked'] }],
    ['a Connection', { fields: ['Connection', 'close'] }],
    ['an Upgrade', { fields: ['Upgrade', 'websocket'] }],
  ])('with %s is invalid, and not a byte of it is written', async (_, request) => {
    const exchange = wire.client.send(request);
    expect(exchange.failure).toMatchObject({ phase: 'unsent', cause: 'invalid' });
    expect(exchange.told).toEqual(['invalid']);
    await wire.client.ask();
    expect(Buffer.concat(bytes).toString('latin1')).toMatch(
      /^GET \/ HTTP\/1\.1\r\nHost: [^\r]+\r\nConnection: keep-alive\r\n\r\n$/,
    );
  });

  it('that is late is not written, and leaves its connection to the next one', async () => {
    for (const body of [null, Buffer.from('x'), Buffer.alloc(100_000), file(100_000)]) {
      const late = wire.client.send({ method: 'POST', body }, { mayWrite: () => false });
      expect(await late.failed()).toMatchObject({ phase: 'unsent', cause: 'late' });
      expect(late.told).toEqual(['may', 'late']);
    }
    await wire.client.ask();
    expect(wire.upstream.arrivals.map(({ method, connection }) => [method, connection])).toEqual([['GET', 1]]);
  });
});

describe('An answer', () => {
  const chunks = (...parts: string[]) =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${parts.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`).join('')}`;

  it.each<[string, Script, body: string]>([
    ['with a length', say(ok), 'ok'],
    ['without a body', say(answer(204)), ''],
    ['of length 0', say(answer(200)), ''],
    ['in chunks', say(`${chunks('one', 'two')}0\r\n\r\n`), 'onetwo'],
    ['until the end of the connection', sayAndEnd('HTTP/1.1 200 OK\r\n\r\nto the end'), 'to the end'],
    ['of HTTP/1.0', sayAndEnd('HTTP/1.0 200 OK\r\n\r\nold'), 'old'],
    ['of any octet', say('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\0\xff\r\n'), '\0\xff\r\n'],
    ['that is long', say(answer(200, {}, 'x'.repeat(3_000_000))), 'x'.repeat(3_000_000)],
    [
      'in long chunks',
      say(`${chunks('x'.repeat(900_000), 'y'.repeat(900_000))}0\r\n\r\n`),
      'x'.repeat(900_000) + 'y'.repeat(900_000),
    ],
  ])('%s comes whole', async (_, script, body) => {
    wire.upstream.play(script);
    const exchange = wire.client.send();
    expect(await exchange.failed()).toBe(null);
    expect(exchange.body() === body).toBe(true);
    expect(exchange.told.slice(0, 2)).toEqual(['may', exchange.told[1]]);
    expect(exchange.told[1]).toMatch(/^head 20[04]$/);
    expect(exchange.told.at(-1)).toBe('end');
  });

  it('has its fields as they came, and its trailers', async () => {
    const head =
      'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nx-ODD: \xe4\r\nset-cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n';
    wire.upstream.play(say(`${head}0\r\nX-Late: 1\r\n\r\n`));
    const exchange = wire.client.send();
    await exchange.ended();
    expect(exchange.fields.slice(0, 6)).toEqual(['Set-Cookie', 'a', 'x-ODD', '\xe4', 'set-cookie', 'b']);
    expect(exchange.trailers).toEqual(['X-Late', '1']);
  });

  it('is its observer’s to keep: what comes on other connections does not change it', async () => {
    await wire.reconnect({ connectionsMax: 2 });
    wire.upstream.play(({ target }, socket) => void socket.write(answer(200, {}, target.repeat(1_000))));
    const exchanges = ['/a', '/b', '/c', '/d'].map((target) => wire.client.send({ target }));
    for (const exchange of exchanges) await exchange.ended();
    expect(exchanges.map((exchange) => exchange.body())).toEqual(['/a', '/b', '/c', '/d'].map((a) => a.repeat(1_000)));
  });

  it('to HEAD has no body, whatever its fields say', async () => {
    wire.upstream.play(inTurn(say('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n'), say(ok)));
    const exchange = wire.client.send({ method: 'HEAD' });
    await exchange.ended();
    expect(exchange.told).toEqual(['may', 'head 200', 'end']);
    expect(exchange.fields).toEqual(['Content-Length', '12']);
  });

  it('has any number of 1xx before it, of which 100 says nothing', async () => {
    wire.upstream.play(
      inPieces(
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
        'HTTP/1.1 100 Go\r\nX: y\r\n\r\n',
        `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 X\r\n\r\n${ok}`,
      ),
    );
    const exchange = wire.client.send({ method: 'POST', body: Buffer.from('x') });
    await exchange.ended();
    expect(exchange.told).toEqual(['may', '103', '102', '199', 'head 200', 'data 2', 'end']);
    expect(exchange.informations[0]).toEqual([103, ['Link', '</a>']]);
    for (let i = 0; i < 3; i++) {
      wire.upstream.play(say('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(900) + ok));
      expect(await wire.client.ask()).toEqual([200, 'ok']);
    }
    expect(wire.upstream.arrivals[0]?.connection).toBe(1);
  });

  it.each<[string, bytes: string, detail: RegExp]>([
    ['1xx without end', 'HTTP/1.1 102 X\r\n\r\n'.repeat(2_000), /more than 1000 1xx answers/],
    ['a 101', 'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', /101/],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'X-Long: yes\r\n'.repeat(100_000)}`, /can’t be read/],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /can’t be read/,
    ],
    ['something else', 'hello\r\n\r\n', /can’t be read/],
  ])('%s breaks the exchange', async (_, bytes, detail) => {
    wire.upstream.play(say(bytes));
    const exchange = wire.client.send();
    expect(await exchange.failed()).toMatchObject({ cause: 'broken', detail });
    await until(() => wire.upstream.sockets.size === 0, { what: 'the connection to close' });
  });

  it.each<[string, Script]>([
    ['before its head', sayAndEnd()],
    ['in its head', sayAndEnd('HTTP/1.1 200 OK\r\nX-Ha')],
    ['in its body', sayAndEnd('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')],
    ['in a chunk', sayAndEnd(chunks('whole').slice(0, -4))],
    ['before the last chunk', sayAndEnd(chunks('whole'))],
    ['behind a 1xx', sayAndEnd('HTTP/1.1 103 X\r\n\r\n')],
  ])('that ends %s is broken', async (_, script) => {
    wire.upstream.play(script);
    const detail = /other side closed the connection/;
    expect(await wire.client.send().failed()).toMatchObject({ cause: 'broken', detail });
  });

  it.each<[string, Script]>([
    ['with a length', say(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`)],
    ['in many small chunks', say(`${chunks(...Array.from({ length: 5_000 }, () => 'part'))}0\r\nX-Late: 1\r\n\r\n`)],
    ['until the end', sayAndEnd(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1_000_000)}`)],
  ])('%s waits while the observer wants no more', async (_, script) => {
    wire.upstream.play(script);
    let open = true;
    let tooMany = 0;
    const onData = (): false => {
      if (!open) tooMany += 1;
      open = false;
      setImmediate(() => {
        open = true;
        exchange.call.resume();
      });
      return false;
    };
    const exchange = wire.client.send({}, { onData });
    expect(await exchange.failed()).toBe(null);
    expect([tooMany, exchange.body().length]).toEqual([0, exchange.body().startsWith('part') ? 20_000 : 1_000_000]);
  });

  it('that waits leaves its connection good for the next one', async () => {
    wire.upstream.play(say(`${chunks('one', 'two')}0\r\n\r\n`));
    for (let i = 0; i < 3; i++) {
      const exchange = wire.client.send({}, { onData: () => false });
      while (!exchange.told.includes('end')) {
        await new Promise(setImmediate);
        exchange.call.resume();
      }
      expect(exchange.body()).toBe('onetwo');
    }
    expect(wire.upstream.arrivals.map(({ connection }) => connection)).toEqual([1, 1, 1]);
  });

  it('that nobody takes any more reads no further', async () => {
    wire.upstream.play((_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n');
      socket.write(Buffer.alloc(100_000_000));
    });
    const exchange = wire.client.send({}, { onData: () => false });
    await until(() => exchange.told.length === 3, { what: 'the first part' });
    const [socket] = wire.upstream.sockets;
    await until(() => (socket?.writableLength ?? 0) > 0, { what: 'the Coreapp to wait' });
    exchange.call.abort();
    expect(exchange.told.slice(3)).toEqual(['aborted']);
  });
});

describe('A final answer that comes early', () => {
  /** Answers as soon as the head of a request is there. */
  const early = (bytes: string) =>
    wire.upstream.onConnection((socket) => {
      socket.once('data', () => socket.write(bytes));
    });

  it.each<[string, () => Buffer | BodyFile]>([
    ['a file', () => file(50_000_000)],
    ['memory', () => Buffer.alloc(50_000_000)],
  ])('ends the sending of a body from %s, and its connection', async (_, body) => {
    early(answer(413, {}, 'too large'));
    const sent = body();
    const exchange = wire.client.send({ method: 'POST', body: sent });
    expect(await exchange.failed()).toBe(null);
    expect(exchange.told).toEqual(['may', 'head 413', 'data 9', 'end']);
    await until(() => wire.upstream.sockets.size === 0, { what: 'the connection to close' });
    expect(wire.upstream.arrivals).toHaveLength(0);
    if ('readBytes' in sent) expect(sent.readBytes).toBeLessThan(50_000_000);
  });

  it('of success goes on beside the body, which is sent to its end', async () => {
    const whole = 20_000_000;
    let bytes = 0;
    wire.upstream.onConnection((socket) => {
      socket.on('data', (part: Buffer) => {
        if (bytes === 0) socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        bytes += part.length;
        if (bytes > whole) socket.write('4\r\nread\r\n0\r\n\r\n');
      });
    });
    const exchange = wire.client.send({ method: 'POST', body: Buffer.alloc(whole) });
    expect(await exchange.failed()).toBe(null);
    expect(exchange.told).toEqual(['may', 'head 200', 'data 4', 'end']);
  });
});

describe('A call that is given up', () => {
  it.each<[string, Script, seen: (told: readonly string[]) => boolean]>([
    ['while it waits for its answer', sayNothing, (told) => told.length === 1],
    ['behind a 1xx', say('HTTP/1.1 103 X\r\n\r\n'), (told) => told.includes('103')],
    ['in its answer', say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'), (told) => told.includes('data 4')],
    [
      'in chunks',
      say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'),
      (told) => told.includes('data 2'),
    ],
  ])('%s ends once, and closes its connection', async (_, script, seen) => {
    wire.upstream.play(script);
    const exchange = wire.client.send();
    await until(() => seen(exchange.told) && wire.upstream.arrivals.length === 1, { what: 'the moment' });
    exchange.call.abort();
    exchange.call.abort();
    exchange.call.resume();
    expect(exchange.told.filter((word) => word === 'aborted')).toHaveLength(1);
    await until(() => wire.upstream.sockets.size === 0, { what: 'the connection to close' });
    expect(exchange.told.at(-1)).toBe('aborted');
  });

  const moments = ['mayWrite', 'onInformation', 'onHead', 'onData'] as const;
  it.each(moments)('from within %s is told nothing more', async (where) => {
    const body = 'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n2\r\nok\r\n0\r\n\r\n';
    wire.upstream.play(say(`HTTP/1.1 103 X\r\n\r\nHTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\n${body}`));
    const abort = (): true => {
      exchange.call.abort();
      return true;
    };
    const exchange = wire.client.send({}, { [where]: abort });
    await exchange.ended();
    expect(await wire.client.send().failed()).toBe(null);
    expect(exchange.told.filter((word) => word === 'aborted')).toHaveLength(1);
    expect(exchange.told.at(-1)).toBe('aborted');
  });

  it('and has ended already is not given up', async () => {
    const exchange = wire.client.send();
    await exchange.ended();
    exchange.call.abort();
    await wire.client.ask();
    expect(exchange.told.at(-1)).toBe('end');
    expect(wire.upstream.arrivals.map(({ connection }) => connection)).toEqual([1, 1]);
  });
});

describe('An answer that is late', () => {
  const answerTimeoutMs = 60;
  /** What is under way has been read after that. */
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await new Promise(setImmediate);
  };

  it.each<[string, Script, phase: string]>([
    ['to begin', sayNothing, 'sent'],
    ['to end its head', say('HTTP/1.1 200 OK\r\nX-Ha'), 'sent'],
    ['behind a 1xx', say('HTTP/1.1 103 X\r\n\r\n'), 'sent'],
    ['to go on', say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'), 'answering'],
  ])('%s is a timeout, not before its time', async (_, script, phase) => {
    using _timers = driveTimers();
    await wire.reconnect({ answerTimeoutMs });
    wire.upstream.play(script);
    const exchange = wire.client.send();
    await until(() => wire.upstream.arrivals.length === 1, { what: 'the request' });
    await turns();
    vi.advanceTimersByTime(answerTimeoutMs - 1);
    await turns();
    expect(exchange.failure).toBe(null);
    vi.advanceTimersByTime(1);
    const detail = 'nothing of the answer within 60 ms';
    expect(await exchange.failed()).toMatchObject({ cause: 'timeout', phase, detail });
    await until(() => wire.upstream.sockets.size === 0, { what: 'the connection to close' });
  });

  it('is not, as long as its parts come in time', async () => {
    using _ = driveTimers();
    await wire.reconnect({ answerTimeoutMs: 1_000 });
    wire.upstream.play(say('HTTP/1.1 103 X\r\n\r\n'));
    const exchange = wire.client.send();
    const write = (bytes: string): void => {
      for (const socket of wire.upstream.sockets) socket.write(bytes);
    };
    const pieces = ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n', 'x', 'x'];
    for (let seen = 2; seen <= 5; seen++) {
      await until(() => exchange.told.length === seen, { what: 'what was written to be read' });
      vi.advanceTimersByTime(999);
      await new Promise(setImmediate);
      write(pieces[seen - 2] ?? '');
    }
    expect(exchange.told).toEqual(['may', '103', 'head 200', 'data 1', 'data 1']);
    vi.advanceTimersByTime(2);
    await new Promise(setImmediate);
    expect(exchange.failure).toMatchObject({ cause: 'timeout', phase: 'answering' });
  });

  it('does not count the time in which the observer wants no more', async () => {
    using _ = driveTimers();
    wire.upstream.play(inTurn(say('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha'), sayNothing));
    await wire.reconnect({ answerTimeoutMs, connectionsMax: 2 });
    const exchange = wire.client.send({}, { onData: () => false });
    await until(() => exchange.told.length === 3, { what: 'the first part' });
    // Another exchange is late meanwhile, twice.
    for (let sent = 2; sent <= 3; sent++) {
      const other = wire.client.send();
      await until(() => wire.upstream.arrivals.length === sent, { what: 'the other request' });
      vi.advanceTimersByTime(answerTimeoutMs);
      expect(await other.failed()).toMatchObject({ cause: 'timeout' });
    }
    expect(exchange.told).toEqual(['may', 'head 200', 'data 2']);
    exchange.call.resume();
    await turns();
    vi.advanceTimersByTime(answerTimeoutMs);
    expect(await exchange.failed()).toMatchObject({ cause: 'timeout', phase: 'answering' });
  });
});
