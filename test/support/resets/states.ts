/** Every state that a connection can be in when it ends. */
import { until } from '../until.ts';
import type { Connection } from './connection.ts';

export interface StateDeps {
  readonly token: string;
  /** Ids of requests that the Coreapp has got. */
  readonly seen: ReadonlySet<string>;
  /** How many requests of the class wait or are in flight. */
  readonly held: (name: string) => Promise<number>;
}

export interface State {
  readonly port: 'main' | 'ops';
  /** TCP alone, also where the port speaks TLS. */
  readonly bare?: true;
  /** It waits in line, in a class where everything does. */
  readonly held?: true;
  /** Nothing that comes is read. */
  readonly unread?: true;
  readonly bytes: (deps: StateDeps, id: string) => string;
  /** Waits until all of a batch are in the state, where that can be told from outside. */
  readonly reached?: (deps: StateDeps, batch: ReadonlyMap<string, Connection>) => Promise<unknown>;
}

const deadlineMs = 60_000;
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';

function request(line: string, fields = '', body = '', known = true): State['bytes'] {
  return ({ token }, id) =>
    `${line} HTTP/1.1\r\nHost: weir\r\n${known ? `Authorization: Bearer ${token}\r\n` : ''}X-Request-Id: ${id}\r\n${fields}\r\n${body}`;
}

const text =
  (bytes: string): State['bytes'] =>
  () =>
    bytes;

const isAnswered: State['reached'] = (_, batch) => Promise.all([...batch.values()].map((one) => one.answered()));

const isAtTheCoreapp: State['reached'] = ({ seen }, batch) =>
  until(() => [...batch.keys()].every((id) => seen.has(id)), { what: 'all to be at the Coreapp', deadlineMs });

const isHeld: State['reached'] = ({ held }, batch) =>
  until(async () => (await held('contacts')) >= batch.size, { what: 'all to be held', deadlineMs });

const held = (bytes: State['bytes']): State => main(bytes, isHeld, { held: true });

const main = (bytes: State['bytes'], reached?: State['reached'], more: Partial<State> = {}): State => ({
  port: 'main',
  bytes,
  ...(reached === undefined ? {} : { reached }),
  ...more,
});
const ops = (bytes: string, reached?: State['reached'], more: Partial<State> = {}): State => ({
  ...main(text(bytes), reached, more),
  port: 'ops',
});

const chunks = 'Transfer-Encoding: chunked\r\n';
const filed = 'x'.repeat(200_000);

export const states: Readonly<Record<string, State>> = {
  'nothing was sent': main(text('')),
  'nothing was sent, not even a handshake': main(text(''), undefined, { bare: true }),
  'in a handshake': main(text('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), undefined, { bare: true }),
  'plain HTTP, whatever is spoken': main(text('GET / HTTP/1.1\r\nHost: weir\r\n\r\n'), isAnswered, { bare: true }),
  'in the request line': main(text('GET /v1/o')),
  'in the head': main(text('GET /v1/ok HTTP/1.1\r\nHost: weir\r\nX-Ha')),
  'no HTTP': main(text('\x00\x01\x02\r\n\r\n'), isAnswered),
  'a head that is too large': main(text(`GET /v1/ok HTTP/1.1\r\nX-Large: ${'x'.repeat(100_000)}\r\n`), isAnswered),
  'after an answer that went before the end of its request': main(
    text('POST /v1/ok HTTP/1.1\r\nHost: weir\r\nContent-Length: 100\r\n\r\nhalf'),
    isAnswered,
  ),
  CONNECT: main(text('CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n'), isAnswered),
  'CONNECT, with bytes behind it': main(
    text(`CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n${filed}`),
    undefined,
  ),
  'an upgrade of a stranger': main(request('GET /v1/tunnel', upgrade, '', false), isAnswered),
  'an upgrade to another protocol': main(request('GET /v1/ok', upgrade.replace('websocket', 'h2c')), isAnswered),
  'an upgrade with a body': main(request('GET /v1/hang', `${upgrade}Content-Length: 10\r\n`, 'half')),
  'an upgrade in flight': main(request('GET /v1/hang', upgrade), isAtTheCoreapp),
  'an upgrade in line': held(request('GET /v1/contacts', upgrade)),
  'an upgrade in its answer': main(request('GET /v1/part', upgrade), isAnswered),
  'between head and body': main(request('POST /v1/ok', 'Content-Length: 10\r\n')),
  'before 100 Continue': main(request('POST /v1/ok', 'Expect: 100-continue\r\nContent-Length: 10\r\n'), isAnswered),
  'in the body': main(request('POST /v1/ok', 'Content-Length: 10\r\n', 'half')),
  'in a chunk': main(request('POST /v1/ok', chunks, 'a\r\nhalf')),
  'in a bad chunk': main(request('POST /v1/ok', chunks, 'zz\r\nhalf\r\n')),
  'in the trailers': main(request('POST /v1/ok', chunks, '0\r\nX-Ha')),
  'in a body that goes to a file': main(request('POST /v1/media', 'Content-Length: 300000\r\n', filed)),
  held: held(request('GET /v1/contacts')),
  'held, with a body': held(request('POST /v1/contacts', 'Content-Length: 4\r\n', 'body')),
  'in flight': main(request('GET /v1/hang'), isAtTheCoreapp),
  'in flight, with a body': main(request('POST /v1/hang', 'Content-Length: 4\r\n', 'body'), isAtTheCoreapp),
  'in flight, with another request behind it': main(
    (deps, id) => request('GET /v1/hang')(deps, id) + request('GET /v1/ok')(deps, `${id}-behind`),
    isAtTheCoreapp,
  ),
  'after a 1xx': main(request('GET /v1/interim'), isAnswered),
  'in the answer': main(request('GET /v1/part'), isAnswered),
  'in an answer that nobody takes': main(request('GET /v1/long'), isAtTheCoreapp, { unread: true }),
  'after the answer': main(request('GET /v1/ok'), isAnswered),
  'after the answer, in the next head': main(
    (deps, id) => `${request('GET /v1/ok')(deps, id)}GET /v1/ok HTTP/1.1\r\nHo`,
    isAnswered,
  ),
  'after the answer, with what is no HTTP behind it': main(
    (deps, id) => `${request('GET /v1/ok')(deps, id)}\x00\x01\r\n\r\n`,
    isAnswered,
  ),
  'in a tunnel': main((deps, id) => `${request('GET /v1/tunnel', upgrade)(deps, id)}early`, isAnswered),
  'in a tunnel that nobody takes': main(request('GET /v1/flood', upgrade), isAtTheCoreapp, { unread: true }),
  'ops: nothing was sent': ops(''),
  'ops: in the head': ops('GET /livez HTTP/1.1\r\nHo'),
  'ops: no HTTP': ops('\x00\x01\x02\r\n\r\n', isAnswered),
  'ops: CONNECT': ops('CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n', isAnswered),
  'ops: an upgrade': ops(`GET /livez HTTP/1.1\r\nHost: weir\r\n${upgrade}\r\n`, isAnswered),
  'ops: in the body': ops('POST /livez HTTP/1.1\r\nHost: weir\r\nContent-Length: 10\r\n\r\nhalf', isAnswered),
  'ops: before 100 Continue': ops(
    'POST /livez HTTP/1.1\r\nHost: weir\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
    isAnswered,
  ),
  'ops: in the answer': ops('GET /metrics HTTP/1.1\r\nHost: weir\r\n\r\n', undefined, { unread: true }),
  'ops: after the answer': ops('GET /status HTTP/1.1\r\nHost: weir\r\n\r\n', isAnswered),
};
