/** Which connection a request to the Coreapp takes, which are kept, and what is known where one breaks. */
import { stat } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { createServer as createSecureServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthority } from '../../support/certificates.ts';
import { listening } from '../../support/ports.ts';
import { driveTimers } from '../../support/still-timers.ts';
import { until } from '../../support/until.ts';
import { answer, breakOff, inTurn, say, sayAndEnd, sayNothing } from '../../support/upstream.ts';
import { type Exchange, wireClient } from '../../support/wire-client.ts';

const ok = answer(200, {}, 'ok');
const wire = wireClient();
const connections = () => wire.upstream.arrivals.map(({ connection }) => connection);
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

const leadingTo =
  (...addresses: string[]): NonNullable<Parameters<typeof wire.reconnect>[0]['lookup']> =>
  (_name, { all }, tell) => {
    const found = addresses.map((address) => ({ address, family: 4 }));
    if (all === true) tell(null, found);
    else tell(null, addresses[0] as string, 4);
  };

describe('A request', () => {
  it('takes the connection that was used last', async () => {
    await wire.reconnect({ connectionsMax: 3 });
    const release: (() => void)[] = [];
    wire.upstream.play((_, socket) => void release.push(() => void socket.write(ok)));
    const three = [1, 2, 3].map(() => wire.client.send());
    await until(() => release.length === 3, { what: 'three requests' });
    const [first, second, third] = connections();
    for (const at of [0, 2, 1]) {
      release[at]?.();
      await (three[at] as Exchange).ended();
    }
    wire.upstream.play(say(ok));
    for (let i = 0; i < 3; i++) await wire.client.ask();
    expect([first, second, third].toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 2, 3]);
    expect(new Set(connections()).size).toBe(1);
  });

  it('waits where there are as many connections as there may be, in order, and not for one that was given up', async () => {
    await wire.reconnect({ connectionsMax: 2 });
    const held: Socket[] = [];
    wire.upstream.play((_, socket) => void held.push(socket));
    const exchanges = ['/1', '/2', '/3', '/4', '/5'].map((target) => wire.client.send({ target }));
    exchanges[3]?.call.abort();
    expect(await exchanges[3]?.failed()).toMatchObject({ cause: 'aborted', phase: 'unsent' });
    await until(() => held.length === 2, { what: 'two requests' });
    expect(wire.upstream.sockets.size).toBe(2);
    while (wire.upstream.arrivals.length < 4) {
      const before = wire.upstream.arrivals.length;
      held.shift()?.write(ok);
      await until(() => wire.upstream.arrivals.length > before, { what: 'the next request' });
    }
    expect(wire.upstream.arrivals.map(({ target }) => target)).toEqual(['/1', '/2', '/3', '/5']);
    for (const socket of held) socket.write(ok);
    for (const exchange of exchanges) await exchange.ended();
    expect(exchanges[3]?.told).toEqual(['aborted']);
  });

  it('that waits gets a connection of its own where the one that it waited for has closed', async () => {
    wire.upstream.play(inTurn(say('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'), say(ok)));
    const both = [wire.client.send(), wire.client.send()];
    for (const exchange of both) expect(await exchange.failed()).toBe(null);
    expect(connections()).toEqual([1, 2]);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['closed', (socket) => socket.destroy()],
    ['ended', (socket) => socket.end()],
    ['reset', (socket) => socket.resetAndDestroy()],
  ])('is not written on a connection that was %s before it came', async (_, end) => {
    for (let i = 0; i < 20; i++) {
      await wire.client.ask();
      // Not in the turn of the event loop in which the answer came; and once it has asked for events, every other time.
      await nextTurn();
      if (i % 2 === 0) await stat('.');
      for (const socket of wire.upstream.sockets) end(socket);
      const exchange = wire.client.send({ method: 'POST', body: Buffer.from('once') });
      expect(await exchange.failed()).toBe(null);
    }
    expect(wire.upstream.arrivals).toHaveLength(40);
  });

  it('has asked for nothing, and is not written, where it was given up while its connection was looked at', async () => {
    await wire.client.ask();
    await nextTurn();
    const exchange = wire.client.send();
    exchange.call.abort();
    await wire.client.ask();
    expect(exchange.told).toEqual(['aborted']);
    expect(connections()).toEqual([1, 1]);
  });
});

describe('A connection is not used again', () => {
  it.each([
    ['bytes behind the answer', `${ok}more`],
    ['a second answer', ok + ok],
    ['bytes behind the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore'],
    ['a Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['an answer of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('behind %s', async (_, bytes) => {
    wire.upstream.play(inTurn(say(bytes), say(ok)));
    expect(await wire.client.ask()).toEqual([200, 'ok']);
    expect(await wire.client.ask()).toEqual([200, 'ok']);
    expect(connections()).toEqual([1, 2]);
  });

  it('when bytes come while it is idle', async () => {
    await wire.client.ask();
    for (const socket of wire.upstream.sockets) socket.write(answer(200, {}, 'another’s'));
    await until(() => wire.upstream.sockets.size === 0, { what: 'the connection to close' });
    expect(await wire.client.ask()).toEqual([200, 'ok']);
  });

  it.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n'],
  ])('behind an answer to %s that speaks of a body, which may follow all the same', async (method, bytes) => {
    wire.upstream.play(inTurn(say(bytes), say(ok)));
    const exchange = wire.client.send({ method });
    expect(await exchange.failed()).toBe(null);
    expect(exchange.body()).toBe('');
    await wire.client.ask();
    expect(connections()).toEqual([1, 2]);
  });

  it('where its request was given up', async () => {
    wire.upstream.play(inTurn(sayNothing, say(ok)));
    const exchange = wire.client.send();
    await until(() => wire.upstream.arrivals.length === 1, { what: 'the request' });
    exchange.call.abort();
    expect(exchange.failure).toMatchObject({ phase: 'sent', cause: 'aborted' });
    expect(await wire.client.ask()).toEqual([200, 'ok']);
    expect(connections()).toEqual([1, 2]);
    expect(exchange.told).toEqual(['may', 'aborted']);
  });

  it.each<[string, keepAlive: Record<string, string>, keptMs: number]>([
    ['4 s, where the other side says nothing', {}, 4_000],
    ['4 s, where it offers more', { 'Keep-Alive': 'timeout=600' }, 4_000],
    ['what it offers, less a second', { 'Keep-Alive': 'timeout=3, max=9' }, 2_000],
    ['half of what it offers, where that is little', { 'Keep-Alive': 'timeout=1' }, 500],
  ])('after %s', async (_, keepAlive, keptMs) => {
    using _timers = driveTimers();
    await wire.reconnect({});
    wire.upstream.play(say(answer(200, keepAlive, 'ok')));
    await wire.client.ask();
    vi.advanceTimersByTime(keptMs - 1);
    for (let i = 0; i < 10; i++) await nextTurn();
    expect(wire.upstream.sockets.size).toBe(1);
    vi.advanceTimersByTime(1);
    while (wire.upstream.sockets.size > 0) await nextTurn();
  });
});

describe('What failed', () => {
  it('is known to be unsent where no connection was to be had, and by which address', async () => {
    await wire.upstream.stop();
    const exchange = wire.client.send({ method: 'POST', body: Buffer.from('x') });
    expect(await exchange.failed()).toMatchObject({
      phase: 'unsent',
      cause: 'connect',
      detail: `connect ECONNREFUSED 127.0.0.1:${wire.upstream.port}`,
    });
    expect(exchange.told).toEqual(['connect']);
  });

  it('is sent from the first byte on', async () => {
    wire.upstream.play(breakOff);
    const exchange = wire.client.send({ method: 'POST', body: Buffer.from('x') });
    expect(await exchange.failed()).toMatchObject({ phase: 'sent', cause: 'broken', detail: 'read ECONNRESET' });
    expect(exchange.told).toEqual(['may', 'broken']);
  });

  it('is answering from the head on', async () => {
    wire.upstream.play(sayAndEnd('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'));
    const exchange = wire.client.send();
    expect(await exchange.failed()).toMatchObject({ phase: 'answering', cause: 'broken' });
    expect(exchange.told).toEqual(['may', 'head 200', 'data 4', 'broken']);
  });

  it('fails all that is under way when the client is closed, and all that comes later', async () => {
    await wire.reconnect({ connectionsMax: 2 });
    await wire.client.ask();
    await nextTurn();
    wire.upstream.play(sayNothing);
    const [asked, opening, waiting] = [wire.client.send(), wire.client.send(), wire.client.send()];
    await wire.client.close();
    const later = wire.client.send();
    for (const exchange of [asked, opening, waiting, later]) {
      expect(exchange.failure).toMatchObject({ phase: 'unsent', cause: 'connect' });
    }
    expect([asked, opening, waiting, later].map(({ told }) => told.length)).toEqual([1, 1, 1, 1]);
    await until(() => wire.upstream.sockets.size === 0, { what: 'the connections to close' });
  });
});

describe('Where a name has several addresses', () => {
  const byName = () =>
    wire.reconnect({
      url: `http://coreapp.test:${wire.upstream.port}`,
      lookup: leadingTo('127.0.0.9', '127.0.0.1'),
    });

  it('one that refuses is passed over', async () => {
    await byName();
    expect(await wire.client.ask()).toEqual([200, 'ok']);
    expect(wire.upstream.arrivals[0]?.field('host')).toBe(`coreapp.test:${wire.upstream.port}`);
  });

  it('all are named that refuse', async () => {
    await wire.upstream.stop();
    await byName();
    const { port } = wire.upstream;
    expect(await wire.client.send().failed()).toMatchObject({
      phase: 'unsent',
      detail: `connect ECONNREFUSED 127.0.0.9:${port}; connect ECONNREFUSED 127.0.0.1:${port}`,
    });
  });

  it('and none at all, that is said', async () => {
    await wire.reconnect({
      url: 'http://coreapp.test:1',
      lookup: (name, _, tell) =>
        tell(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []),
    });
    expect(await wire.client.send().failed()).toMatchObject({
      cause: 'connect',
      detail: 'getaddrinfo ENOTFOUND coreapp.test',
    });
  });
});

describe('Over TLS', () => {
  const authority = createAuthority('Coreapp test authority');
  const served = authority.issue('coreapp.test', ['coreapp.test', '127.0.0.1']);
  const own = authority.issue('weir');
  let sockets: TLSSocket[];
  let reused: boolean[];
  let url: string;
  let server: ReturnType<typeof createSecureServer>;
  const lookup = leadingTo('127.0.0.1');
  beforeEach(async () => {
    [sockets, reused] = [[], []];
    const options = { ...served, ca: authority.cert, requestCert: true, ALPNProtocols: ['h2', 'http/1.1'] };
    server = createSecureServer(options, (socket) => {
      sockets.push(socket);
      reused.push(socket.isSessionReused());
      socket.on('error', () => {});
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'));
    });
    url = `https://coreapp.test:${await listening(server)}`;
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const tls = { ca: authority.cert, cert: own.cert, key: own.key };

  it('the name is said, the certificate shown, HTTP/1.1 taken, and the session used again', async () => {
    await wire.reconnect({ url, tls, lookup });
    for (let i = 0; i < 3; i++) expect(await wire.client.ask()).toEqual([200, 'ok']);
    expect(sockets.map(({ servername, authorized, alpnProtocol }) => [servername, authorized, alpnProtocol])).toEqual(
      Array(3).fill(['coreapp.test', true, 'http/1.1']),
    );
    expect(reused).toEqual([false, true, true]);
  });

  it('an address that refuses is passed over, and the next one is told and shown the same', async () => {
    await wire.reconnect({ url, tls, lookup: leadingTo('127.0.0.9', '127.0.0.1') });
    expect(await wire.client.ask()).toEqual([200, 'ok']);
    const [socket] = sockets;
    expect([socket?.servername, socket?.authorized, socket?.alpnProtocol]).toEqual(['coreapp.test', true, 'http/1.1']);
  });

  it('an address is no name to say', async () => {
    await wire.reconnect({ url: url.replace('coreapp.test', '127.0.0.1'), tls });
    expect(await wire.client.ask()).toEqual([200, 'ok']);
    expect(sockets[0]?.servername).toBe(false);
  });

  it('a dot at the end of the name is not the certificate’s business', async () => {
    await wire.reconnect({ url: url.replace('coreapp.test', 'coreapp.test.'), tls, lookup });
    expect(await wire.client.ask()).toEqual([200, 'ok']);
    expect(sockets[0]?.servername).toBe('coreapp.test');
  });

  it('somebody else’s certificate is a reason not to send', async () => {
    await wire.reconnect({ url, tls: { ca: createAuthority('Another').cert, cert: null, key: null }, lookup });
    expect(await wire.client.send().failed()).toMatchObject({
      phase: 'unsent',
      cause: 'connect',
      detail: /certificate/,
    });
  });

  it('a handshake that does not end is given up in time', async () => {
    const deaf = createServer(() => {});
    const port = await listening(deaf);
    await wire.reconnect({ url: `https://127.0.0.1:${port}`, tls, connectTimeoutMs: 50 });
    const exchange = wire.client.send();
    expect(await exchange.failed()).toMatchObject({
      phase: 'unsent',
      cause: 'connect',
      detail: `no connection to 127.0.0.1:${port} within 50 ms`,
    });
    expect(exchange.told).toEqual(['connect']);
    deaf.close();
  });
});
