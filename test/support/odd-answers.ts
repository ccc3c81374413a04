/** Whatever can be written in answer to a request, by name: what no RFC allows, what is seldom, what ends too early. */
import type { Socket } from 'node:net';
import { answer, type Script } from './upstream.ts';

const bytes =
  (text: string | (() => string)): Script =>
  (_, socket) =>
    void socket.write(typeof text === 'string' ? text : text(), 'latin1');

/** The bytes, and then the end of the connection. */
const last =
  (text: string, end: (socket: Socket) => void = (socket) => socket.end()): Script =>
  (_, socket) => {
    socket.write(text, 'latin1', () => end(socket));
  };

const reset = (socket: Socket): void => void socket.resetAndDestroy();
const switching = 'HTTP/1.1 101 Switching Protocols\r\n';
const socketFields = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';

/** Three digits that are no status of an answer, and what is not even three digits. */
export const oddStatuses = ['000', '001', '042', '099', '99', '9', '9999', '-12', '2 0', '2x0', '', '1e2', '०२०'];

export const wrongSwitches: Readonly<Record<string, Script>> = {
  'a bare 101': bytes(`${switching}\r\n`),
  'a 101 to another protocol': bytes(`${switching}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`),
  'a 101 to two protocols': bytes(`${switching}Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n`),
  'a 101 to two protocols on two lines': bytes(`${switching}${socketFields}Upgrade: h2c\r\n\r\n`),
  'a 101 without Upgrade': bytes(`${switching}Connection: Upgrade\r\n\r\n`),
  'a 101 without Connection': bytes(`${switching}Upgrade: websocket\r\n\r\n`),
  'a 101 with an empty Upgrade': bytes(`${switching}Connection: Upgrade\r\nUpgrade: \r\n\r\n`),
};

/** None of them ends the exchange in order: a caller gets 502 (or 504), or an answer that is cut. */
export const brokenAnswers: Readonly<Record<string, Script>> = {
  ...Object.fromEntries(
    oddStatuses.map((status) => [`the status ${status}`, bytes(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`)]),
  ),
  'an odd status without an end': last('HTTP/1.1 042 X\r\nConnection: close\r\n\r\nrest'),
  'an odd status in HTTP/1.0': last('HTTP/1.0 099 X\r\n\r\nrest'),
  ...wrongSwitches,
  'HTTP/0.9': last('hello'),
  'HTTP/2': bytes('HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n'),
  'another version': bytes('HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n'),
  'no HTTP at all': bytes('\x00\x01\x02\xff\xfe'.repeat(50)),
  TLS: bytes('\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'),
  'a request': bytes('GET / HTTP/1.1\r\nHost: weir\r\n\r\n'),
  'a NUL in the head': bytes('HTTP/1.1 200 OK\r\nX-Nul: a\x00b\r\nContent-Length: 0\r\n\r\n'),
  'a blank in a name': bytes('HTTP/1.1 200 OK\r\nX Bad: a\r\nContent-Length: 0\r\n\r\n'),
  'no colon': bytes('HTTP/1.1 200 OK\r\nNothing\r\nContent-Length: 0\r\n\r\n'),
  'a bad name': bytes('HTTP/1.1 200 OK\r\nX(Bad): a\r\nContent-Length: 0\r\n\r\n'),
  'a large head': bytes(() => `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(300_000)}\r\nContent-Length: 0\r\n\r\n`),
  'many fields': bytes(() => `HTTP/1.1 200 OK\r\n${'X-Many: one\r\n'.repeat(30_000)}Content-Length: 0\r\n\r\n`),
  'two lengths': bytes('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
  'a length and chunks': bytes(
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  ),
  'a length that is none': bytes('HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nfives'),
  'a negative length': bytes('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'),
  'a huge length': last('HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx'),
  'a bad chunk': bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n'),
  'a chunk without its end': bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokok\r\n0\r\n\r\n'),
  'a huge chunk': last('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok\r\n'),
  'a bad trailer': bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX Bad\r\n\r\n'),
  'nothing, and the end': last(''),
  'nothing, and a reset': last('', reset),
  'half a status line': last('HTTP/1.1 20'),
  'half a head': last('HTTP/1.1 200 OK\r\nX-Ha'),
  'half a head, and a reset': last('HTTP/1.1 200 OK\r\nX-Ha', reset),
  'half a body': last('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
  'half a body, and a reset': last('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', reset),
  'half a chunk': last('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf'),
  'half a chunk, and a reset': last('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf', reset),
  'a 1xx, and the end': last('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'),
  'a 1xx with an odd status behind it': bytes('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 099 X\r\n\r\n'),
};

/** Odd, and an answer all the same. Connections may be of no further use after them. */
export const oddAnswers: Readonly<Record<string, Script>> = {
  '999': bytes(answer(999, {}, 'ok')),
  '600': bytes(answer(600, {}, 'ok')),
  'no reason phrase': bytes('HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok'),
  'an odd reason phrase': bytes('HTTP/1.1 200 \xe4\xf6\xfc\t(ok)\r\nContent-Length: 2\r\n\r\nok'),
  'HTTP/1.0 until the end': last('HTTP/1.0 200 OK\r\n\r\nok'),
  'HTTP/1.1 until the end': last('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok'),
  'until a reset': last('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok', reset),
  'a storm of 1xx': bytes(() => `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(5_000)}${answer(200, {}, 'ok')}`),
  'the last of the 1xx': bytes(`HTTP/1.1 199 X\r\nX-One: 1\r\n\r\n${answer(200, {}, 'ok')}`),
  'a 204 with a body': bytes('HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok'),
  'a 304 with a body': bytes('HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\nok'),
  'two answers': bytes(answer(200, {}, 'ok').repeat(2)),
  'bytes after the end': bytes(`${answer(200, {}, 'ok')}more of it`),
  'bytes after the last chunk': bytes(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore of it',
  ),
  'an empty value': bytes(answer(200, { 'X-Empty': '' }, 'ok')),
  'Latin-1 in a field': bytes(answer(200, { 'X-Latin': '\xe4\xff' }, 'ok')),
  'a folded line': bytes('HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok'),
  'a field of its own name': bytes(answer(200, { Connection: 'Content-Length, Via, X-Request-Id' }, 'ok')),
  'trailers that nobody announced': bytes(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 9\r\nX-Late: 1\r\n\r\n',
  ),
  'trailers that were announced and can’t be': bytes(answer(200, { Trailer: 'X-Late' }, 'ok')),
  'a coding that nobody knows': last('HTTP/1.1 200 OK\r\nTransfer-Encoding: mystery\r\n\r\nok'),
  'bare line feeds': bytes('HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  'odd cookies': bytes(answer(200, { 'Set-Cookie': 'a=b; Path=/\xff', 'Set-Cookie2': '' }, 'ok')),
};
