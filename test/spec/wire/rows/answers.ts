/** Answers of the upstream (RFC 9112, 4, 6, 7 and 9; RFC 9110, 6, 7.6 and 15). */
import { answered, head, own, post, type Row, type Told, type UpstreamAnswer } from './row.ts';

const says = (status: string, fields: readonly string[], body = ''): string =>
  `HTTP/1.1 ${status}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${body}`;
const length = (bytes: number): string => `Content-Length: ${bytes}`;
const five = length(5);
const chunked = 'Transfer-Encoding: chunked';
const lowerChunked = 'transfer-encoding: chunked';
const ok = (...fields: readonly string[]): string => says('200 OK', [five, ...fields], 'hello');
const inChunks = (body: string, ...fields: readonly string[]): string => says('200 OK', [chunked, ...fields], body);
const ends = (bytes: string): UpstreamAnswer => ({ bytes, over: 'end' });
const resets = (bytes: string): UpstreamAnswer => ({ bytes, over: 'reset' });
const hello: Told = { body: 'hello' };
const helloChunk = '5\r\nhello\r\n0\r\n\r\n';

/** An answer that ends in order leaves its connection for the next request. */
const passed = (section: string, what: string, answer: string | UpstreamAnswer, told: Told = {}): Row => ({
  ...answered(section, what, answer, 200, { ...hello, ...told }),
  ...(typeof answer === 'string' ? { again: true } : {}),
});
/** Nothing of it is an answer. */
const broken = (section: string, what: string, answer: string | UpstreamAnswer): Row =>
  answered(section, what, answer, 502);
const mendable = (row: Row): Row => ({ ...row, mendable: true });
/** Its head goes on, and the caller is shown that the rest is missing. */
const cut = (section: string, what: string, answer: string | UpstreamAnswer, body?: string): Row => ({
  ...answered(section, what, answer, 200, { whole: false, ...(body === undefined ? {} : { body }) }),
  goesOn: false,
});
const once = (row: Row): Row => ({ ...row, again: false });
const again = (row: Row): Row => ({ ...row, again: true });
const toHead = (what: string, answer: string, told: Told = {}, status = 200): Row => ({
  ...answered('RFC 9110, 9.3.2', `to HEAD, ${what}`, answer, status, { body: '', ...told }),
  bytes: head([], 'HEAD /v1/contacts HTTP/1.1'),
  reached: [{ method: 'HEAD', target: '/v1/contacts', body: '' }],
});
const toOld = (row: Row): Row => ({ ...row, bytes: head([], 'GET /v1/contacts HTTP/1.0'), goesOn: false });

const framing: readonly Row[] = [
  passed('6.2', 'a length', ok(), { has: ['content-length: 5'] }),
  passed('7.1', 'chunks', inChunks('2\r\nhe\r\n3;a="b"\r\nllo\r\n0;c\r\n\r\n')),
  passed('7', 'chunks in capitals', says('200 OK', ['TRANSFER-ENCODING: CHUNKED'], helloChunk)),
  passed('6.3', 'up to the end', ends(says('200 OK', [], 'hello'))),
  own(passed('6.3', 'up to the end, passed on in chunks', ends(says('200 OK', [], 'hello')), { has: [lowerChunked] })),
  passed('6.3', 'up to the end, with close', ends(says('200 OK', ['Connection: close'], 'hello'))),
  passed('6.3', 'of HTTP/1.0 up to the end', ends('HTTP/1.0 200 OK\r\n\r\nhello')),
  passed('6.3', 'of HTTP/1.0 that ends behind its length', ends(`HTTP/1.0 200 OK\r\n${five}\r\n\r\nhello`)),
  passed(
    '9.3',
    'of HTTP/1.0 that keeps its connection',
    `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${five}\r\n\r\nhello`,
  ),
  own(
    once(passed('9.3', 'of HTTP/1.0 that says nothing of its connection', `HTTP/1.0 200 OK\r\n${five}\r\n\r\nhello`)),
  ),
  own(passed('2.3', 'of HTTP/1.2', `HTTP/1.2 200 OK\r\n${five}\r\n\r\nhello`)),
  once(passed('9.6', 'with close', ok('Connection: close'))),
  once(passed('6.3', 'with more than its length', `${ok()} world`)),
  once(passed('6.3', 'with another answer behind it', ok() + ok())),
  once(passed('7.1', 'with bytes behind its chunks', inChunks(`${helloChunk}more`))),
  cut('8', 'that ends in its body', ends(says('200 OK', [length(9)], 'hello')), 'hello'),
  cut('8', 'that is reset in its body', resets(says('200 OK', [length(9)], 'hello'))),
  cut('8', 'that ends before its body', ends(says('200 OK', [length(9)]))),
  cut('8', 'that ends in a chunk', ends(inChunks('9\r\nhello'))),
  cut('8', 'that ends between chunks', ends(inChunks('5\r\nhello\r\n')), 'hello'),
  cut('8', 'that ends in its trailers', ends(inChunks('5\r\nhello\r\n0\r\nX-T')), 'hello'),
  cut('8', 'that ends behind its last size', ends(inChunks('5\r\nhello\r\n0\r\n')), 'hello'),
  own(cut('8', 'that is reset where its end is the end', resets(says('200 OK', [], 'hello')))),
  toOld(cut('8', 'that ends in a chunk, to HTTP/1.0', ends(inChunks('9\r\nhello')))),
  own(toOld(cut('8', 'that is reset, to HTTP/1.0', resets(says('200 OK', [], 'hello'))))),
  cut('7.1', 'with a size of a chunk that is none', inChunks('zz\r\nhello\r\n0\r\n\r\n')),
  cut('7.1', 'with a size of a chunk beyond all numbers', inChunks('fffffffffffffffff\r\nhello\r\n0\r\n\r\n')),
  cut('7.1', 'with a chunk longer than its size', inChunks('5\r\nhelloworld\r\n0\r\n\r\n')),
  own(cut('7.1.2', 'with a trailer that is none', inChunks('5\r\nhello\r\n0\r\nX T\r\n\r\n'), 'hello')),
  ...['-1', '+5', 'x', '5x', '0x5', '5, 6', '', '5 5', '5.0', '99999999999999999999999'].map((value) =>
    broken('6.3', `the length ${JSON.stringify(value)}`, says('200 OK', [`Content-Length: ${value}`], 'hello')),
  ),
  broken('6.3', 'two lengths', ok(length(6))),
  own(broken('6.3', 'two lengths that agree', ok(five))),
  own(broken('6.3', 'a length and chunks', inChunks(helloChunk, five))),
  own(broken('6.3', 'chunks and a length', says('200 OK', [five, chunked], helloChunk))),
  own(broken('6.1', 'chunks in HTTP/1.0', `HTTP/1.0 200 OK\r\n${chunked}\r\n\r\n${helloChunk}`)),
  own(broken('6.1', 'chunked twice', says('200 OK', ['Transfer-Encoding: chunked, chunked'], helloChunk))),
  own(broken('6.1', 'another coding', ends(says('200 OK', ['Transfer-Encoding: gzip'], 'hello')))),
  toOld(passed('6.1', 'chunks to HTTP/1.0', inChunks(helloChunk), { lacks: ['transfer-encoding'] })),
  toOld(
    passed('6.3', 'up to the end to HTTP/1.0', ends(says('200 OK', [], 'hello')), { lacks: ['transfer-encoding'] }),
  ),
  passed('6.2', '2 MB', says('200 OK', [length(2_000_000)], 'x'.repeat(2_000_000)), { body: 'x'.repeat(2_000_000) }),
  passed('7.1', '2 MB in chunks', inChunks(`${`4e20\r\n${'x'.repeat(20_000)}\r\n`.repeat(100)}0\r\n\r\n`), {
    body: 'x'.repeat(2_000_000),
  }),
];

const badLines =
  'HTTP/1.1 99 X|HTTP/1.1 099 X|HTTP/1.1 000 X|HTTP/1.1 2x0 X|HTTP/1.1 20 X|HTTP/1.1 2000 X|HTTP/1.1  200 X|HTTP/1.1|HTTP/1.1 |' +
  'http/1.1 200 OK|HTTP/2 200 OK|HTTP/2.0 200 OK|HTTP/1 200 OK|HTTP/1.1x 200 OK|ICY 200 OK|GET / HTTP/1.1|hello| HTTP/1.1 200 OK|' +
  'HTTP/1.1 -20 X|HTTP/1.1\t200 X|HTTP/1.1 abc X';

const heads: readonly Row[] = [
  ...badLines
    .split('|')
    .map((line) => mendable(broken('4', `the line ${JSON.stringify(line)}`, ends(`${line}\r\n${five}\r\n\r\nhello`)))),
  mendable(broken('5', 'NUL in a value', ok('X-A: b\0c'))),
  mendable(broken('2.2', 'CR in a value', ok('X-A: b\rc'))),
  mendable(broken('5', 'a blank in a name', ok('X A: b'))),
  mendable(broken('5', 'a line without a colon', ok('X-A'))),
  mendable(broken('5', 'a line without a name', ok(': b'))),
  own(broken('5.2', 'a folded line', ok('X-A: b', ' c'))),
  own(broken('2.2', 'LF alone', `HTTP/1.1 200 OK\n${five}\n\nhello`)),
  own(passed('5.1', 'a blank before a colon, which is taken out', ok('X-A : b'), { has: ['x-a: b'] })),
  broken('8', 'nothing', ends('')),
  broken('8', 'a reset', resets('')),
  broken('8', 'half a status line', ends('HTTP/1.1 200 O')),
  broken('8', 'half a head', ends('HTTP/1.1 200 OK\r\nContent-Le')),
  broken('8', 'half a head, and a reset', resets('HTTP/1.1 200 OK\r\nX-A: b')),
  broken('4', 'TLS', ends('\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03')),
  own(broken('RFC 9110, 5.4', 'a head of 300 KB', ok(`X-A: ${'b'.repeat(300_000)}`))),
  own(broken('RFC 9110, 5.4', '2,000 fields', ok(...Array<string>(2_000).fill('a: b')))),
  own(broken('RFC 9110, 5.4', 'fields without end', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(50_000)}`)),
  own(broken('4', 'a status line without end', `HTTP/1.1 200 ${'O'.repeat(80_000)}`)),
  passed('4', 'an empty reason', says('200 ', [five], 'hello')),
  own(passed('4', 'no reason, and no blank', says('200', [five], 'hello'))),
  passed('4', 'any reason', says('200 All \xe4 (is)\twell', [five], 'hello')),
  ...[
    201, 202, 203, 206, 226, 299, 300, 301, 302, 307, 400, 401, 402, 403, 404, 407, 409, 410, 418, 422, 451, 500, 501,
    507, 599,
  ].map((status) =>
    answered('RFC 9110, 15', `the status ${status}`, says(`${status} X`, [five], 'hello'), status, hello),
  ),
  own(answered('RFC 9110, 15', 'the status 600', says('600 X', [five], 'hello'), 600, hello)),
  own(answered('RFC 9110, 15', 'the status 999', says('999 X', [five], 'hello'), 999, hello)),
];

/** Some upstreams send the body all the same: where a field speaks of one, the connection is not used again (decision 0019). */
const bodiless: readonly Row[] = [
  own(once(toHead('with a length', says('200 OK', [five]), { has: ['content-length: 5'] }))),
  own(once(toHead('with chunks', says('200 OK', [chunked])))),
  own(once(toHead('with chunks and a Trailer', says('200 OK', [chunked, 'Trailer: X-T'])))),
  again(toHead('with neither', says('200 OK', []))),
  passed('RFC 9110, 6.6.2', 'a Trailer beside a length', ok('Trailer: X-T')),
  own(once(toHead('with a body all the same', ok()))),
  toHead('of 404', says('404 No', [length(9)]), { has: ['content-length: 9'] }, 404),
  toHead('of 304', says('304 No', []), {}, 304),
  again(answered('RFC 9110, 15.3.5', '204', says('204 No', []), 204, { body: '' })),
  answered('RFC 9110, 8.6', '204 with a length', says('204 No', [five]), 204, { body: '', lacks: ['content-length'] }),
  answered('6.1', '204 with chunks', says('204 No', [chunked]), 204, { body: '', lacks: ['transfer-encoding'] }),
  once(answered('6.3', '204 with a body', says('204 No', [five], 'hello'), 204, { body: '' })),
  answered('RFC 9110, 15.4.5', '304', says('304 No', ['ETag: "a"']), 304, { body: '', has: ['etag: "a"'] }),
  answered('RFC 9110, 15.4.5', '304 with a length', says('304 No', [five]), 304, { body: '' }),
  once(answered('6.3', '304 with a body', says('304 No', [five], 'hello'), 304, { body: '' })),
  again(answered('RFC 9110, 15.3.6', '205', says('205 Reset', [length(0)]), 205, { body: '' })),
];

const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n';
const go = 'HTTP/1.1 100 Continue\r\n\r\n';
const before = (what: string, interim: string, told: Told): Row =>
  passed('RFC 9110, 15.2', `behind ${what}`, interim + ok(), told);

const interim: readonly Row[] = [
  before('103', hints, { interim: [103] }),
  before('two of 103', hints + hints, { interim: [103, 103] }),
  before('103 with an odd link', 'HTTP/1.1 103 X\r\nLink: no link\r\n\r\n', { interim: [103] }),
  before('103 without a link', 'HTTP/1.1 103 X\r\nX-A: b\r\n\r\n', { interim: [103] }),
  before('102', 'HTTP/1.1 102 X\r\n\r\n', { interim: [102] }),
  before('199 with a field', 'HTTP/1.1 199 X\r\nX-A: b\r\n\r\n', { interim: [199], lacks: ['x-a'] }),
  before('ten of 102', 'HTTP/1.1 102 X\r\n\r\n'.repeat(10), {}),
  before('100 that nobody asked for', go, {}),
  before('100 three times', 'HTTP/1.1 100 Go on\r\nX-A: b\r\n\r\n'.repeat(3), { interim: [], lacks: ['x-a'] }),
  before('100 behind 103, and before it', `${go}${hints}${go}`, { interim: [103] }),
  before('100 with a field', 'HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n', { lacks: ['x-a'] }),
  {
    ...before('100 to POST', go, {}),
    ...{ bytes: post([five], 'hello'), reached: [{ method: 'POST', target: '/v1/contacts', body: 'hello' }] },
  },
  toOld(before('103 to HTTP/1.0', hints, { interim: [] })),
  broken('RFC 9110, 15.2', '103 and the end', ends(hints)),
  own(broken('RFC 9110, 15.2', '1xx without end', 'HTTP/1.1 102 X\r\n\r\n'.repeat(1_100) + ok())),
  own(
    broken(
      'RFC 9110, 15.2.2',
      '101 that nobody asked for',
      says('101 Switching Protocols', ['Connection: Upgrade', 'Upgrade: x']),
    ),
  ),
];

const out = (line: string, ...more: readonly string[]): Row =>
  passed('RFC 9110, 7.6.1', `${[line, ...more].join(', ')}: ends here`, ok(line, ...more), {
    lacks: [(line.split(':')[0] ?? '').toLowerCase()],
  });
const stays = (line: string): Row =>
  passed('RFC 9110, 7.6', `${line} goes on`, ok(line), { has: [line.replace(/^[^:]+/, (name) => name.toLowerCase())] });
const cookies = ['a=b', 'c=d, e; Path=/', 'a=e'].map((value) => `Set-Cookie: ${value}`);
/** The upstream wants no more of a body than its head. */
const early = (bytes: number): Row =>
  own({
    ...answered('9.5', `that comes before a body of ${bytes} bytes`, '', 413, { body: 'no' }),
    answer: { bytes: says('413 No', [length(2), 'Connection: close'], 'no'), early: true, over: 'end' },
    ...{ bytes: post([length(bytes)], 'x'.repeat(bytes)), reached: [] },
  });

const fields: readonly Row[] = [
  out('X-A: b', 'Connection: X-A'),
  out('X-A: b', 'Connection: x-b, x-a'),
  out('Upgrade: h2c', 'Connection: Upgrade'),
  own(out('Proxy-Connection: x')),
  own(out('TE: gzip')),
  own(out('Proxy-Authenticate: Basic')),
  own(
    passed('RFC 9110, 7.6.1', 'Keep-Alive is Weir’s', ok('Keep-Alive: timeout=9'), { has: ['keep-alive: timeout=75'] }),
  ),
  own(passed('RFC 9110, 7.6.1', 'Connection: Content-Length', ok('Connection: Content-Length'))),
  own(
    passed('RFC 9110, 7.6.3', 'a Via is written', ok('Via: 1.0 a', 'Via: 1.1 b'), {
      has: ['via: 1.0 a, 1.1 b, 1.1 weir'],
    }),
  ),
  ...['X-MiXed: b', 'x-lower: \xe4', 'X-A: b \t c', 'X-A: ', 'ETag: "a"', 'Location: /b', 'Vary: Accept'].map(stays),
  ...[
    'WWW-Authenticate: Basic',
    'Retry-After: 1',
    'Cache-Control: no-store',
    'Content-Type: a/b',
    'Content-Encoding: gzip',
  ].map(stays),
  own(stays('Date: Thu, 26 Nov 2026 00:00:00 GMT')),
  passed('RFC 9110, 5.3', 'several Set-Cookie', ok(...cookies), {
    has: cookies.map((line) => line.replace('Set-Cookie', 'set-cookie')),
  }),
  passed('RFC 9110, 6.5', 'trailers are no fields', inChunks('5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n', 'Trailer: X-T'), {
    lacks: ['x-t'],
  }),
  own(
    passed('RFC 9110, 6.5', 'trailers', inChunks('5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n', 'Trailer: X-T'), {
      trailers: ['X-T: 1'],
      has: ['trailer: X-T'],
    }),
  ),
  own(
    passed(
      'RFC 9110, 6.5.1',
      'trailers about framing',
      inChunks('5\r\nhello\r\n0\r\nContent-Length: 9\r\nConnection: close\r\nX-T: 1\r\n\r\n'),
      {
        trailers: ['X-T: 1'],
      },
    ),
  ),
  { ...passed('9.6', 'to a request with close', ok()), bytes: head(['Connection: close']), goesOn: false },
  ...[1_000, 900_000].map(early),
];

export const answerRows: readonly Row[] = [...framing, ...heads, ...bodiless, ...interim, ...fields].map((row) => ({
  ...row,
  what: `an answer: ${row.what}`,
}));
