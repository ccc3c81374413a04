/** Where a request ends (RFC 9112, 6, 7 and 9). */
import { head, inChunks, post, type Row, refused, served, servedLast } from './row.ts';

const length = (value: string, body = 'hello'): string => post([`Content-Length: ${value}`], body);
const both = { method: 'POST', target: '/v1/contacts' };

const lengths: readonly Row[] = [
  ...[
    ['a sign', '+5'],
    ['a negative one', '-5'],
    ['a blank within', '1 5'],
    ['hexadecimal digits', '0x5'],
    ['a letter', '5a'],
    ['a fraction', '5.0'],
    ['an exponent', '5e0'],
    ['a list', '5, 5'],
    ['a list that differs', '5, 6'],
    ['a list with nothing', '5,'],
    ['a quoted one', '"5"'],
    ['underscores', '5_0'],
    ['beyond all numbers', '99999999999999999999'],
    ['beyond 2^64', '18446744073709551621'],
    ['other digits', '\xb2'],
    ['a semicolon', '5;'],
  ].map(([what, value]) => refused('6.3', `a length with ${what}`, length(value as string))),
  refused('6.3', 'an empty length', length('')),
  refused('6.3', 'two lengths', post(['Content-Length: 5', 'Content-Length: 6'], 'hello!')),
  refused('6.3', 'two lengths that agree', post(['Content-Length: 5', 'Content-Length: 5'], 'hello')),
  served('6.3', 'a length', length('5'), { body: 'hello' }),
  served('6.3', 'zeros in front of a length', length('0005'), { body: 'hello' }),
  served('6.3', 'a length of nothing', length('0', '')),
  served('6.3', 'no length: no body', post([], '')),
  served('RFC 9110, 9.3.1', 'a GET with a body', `${head(['Content-Length: 5'])}hello`, { body: 'hello' }),
  served(
    'RFC 9110, 9.3.5',
    'a DELETE with a body',
    `${head(['Content-Length: 5'], 'DELETE /v1/contacts HTTP/1.1')}hello`,
    {
      body: 'hello',
    },
  ),
  served('6.2', 'bytes of any kind in a body', length('6', '\0\r\n\x80\xff\n'), { body: '\0\r\n\x80\xff\n' }),
  served('6.2', 'a body that looks like a request', length('18', 'GET / HTTP/1.1\r\n\r\n'), {
    body: 'GET / HTTP/1.1\r\n\r\n',
  }),
  servedLast('6.2', 'a body in HTTP/1.0', `${head(['Content-Length: 5'], 'POST /v1/contacts HTTP/1.0')}hello`, {
    body: 'hello',
  }),
];

const coding = (value: string, ...more: readonly string[]): string =>
  post([`Transfer-Encoding: ${value}`, ...more], '5\r\nhello\r\n0\r\n\r\n');

const codings: readonly Row[] = [
  ...[
    ['chunked, chunked', 'chunked, chunked'],
    ['gzip', 'gzip'],
    ['gzip, chunked', 'gzip, chunked'],
    ['chunked, gzip', 'chunked, gzip'],
    ['identity', 'identity'],
    ['chunked, identity', 'chunked, identity'],
    ['identity, chunked', 'identity, chunked'],
    ['xchunked', 'xchunked'],
    ['chunkedx', 'chunkedx'],
    ['x chunked', 'x chunked'],
    ['chunked;a=b', 'chunked;a=b'],
    ['"chunked"', '"chunked"'],
    ["'chunked'", "'chunked'"],
    ['chunked,', 'chunked,'],
    [', chunked', ', chunked'],
    ['\\x0bchunked', '\x0bchunked'],
    ['\\x0cchunked', '\x0cchunked'],
    ['chunked\\x0b', 'chunked\x0b'],
    ['\\x00chunked', '\0chunked'],
    ['\\xa0chunked', '\xa0chunked'],
    ['chunke\\u017f', 'chun\xffked'],
    ['nothing', ''],
  ].map(([what, value]) => refused('6.1', `the coding ${what}`, coding(value as string))),
  refused('6.1', 'chunked twice', coding('chunked', 'Transfer-Encoding: chunked')),
  refused('6.1', 'chunked and another', coding('chunked', 'Transfer-Encoding: identity')),
  refused('6.1', 'another and chunked', coding('gzip', 'Transfer-Encoding: chunked')),
  refused('6.3', 'a length and a coding', coding('chunked', 'Content-Length: 5')),
  refused('6.3', 'a coding and a length', post(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n')),
  refused('6.3', 'a length and another coding', post(['Content-Length: 5', 'Transfer-Encoding: identity'], 'hello')),
  refused('6.3', 'an odd length and a coding', coding('chunked', 'Content-Length: x')),
  refused(
    '6.1',
    'a coding in HTTP/1.0',
    `${head(['Transfer-Encoding: chunked'], 'POST /v1/contacts HTTP/1.0')}0\r\n\r\n`,
  ),
  refused(
    '6.1',
    'a coding in HTTP/1.0 that keeps its connection',
    `${head(['Transfer-Encoding: chunked', 'Connection: keep-alive'], 'POST /v1/contacts HTTP/1.0')}0\r\n\r\n`,
  ),
  ...['chunked', 'Chunked', 'CHUNKED', ' \tchunked \t'].map((value) =>
    served('7', `the coding ${JSON.stringify(value)}`, coding(value), { body: 'hello' }),
  ),
];

const chunks: readonly Row[] = [
  ...[
    ['no size', '\r\nhello\r\n0\r\n\r\n'],
    ['a size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a size of a letter', 'g\r\nhello\r\n0\r\n\r\n'],
    ['a blank before a size', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a blank behind a size', '5 \r\nhello\r\n0\r\n\r\n'],
    ['a tab behind a size', '5\t\r\nhello\r\n0\r\n\r\n'],
    ['a size with an underscore', '0_5\r\nhello\r\n0\r\n\r\n'],
    ['a size beyond 2^64', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
    ['a size beyond all numbers', `${'f'.repeat(40)}\r\nhello\r\n0\r\n\r\n`],
    ['a size that is too long', `${'0'.repeat(20_000)}5\r\nhello\r\n0\r\n\r\n`],
    ['LF alone behind a size', '5\nhello\r\n0\r\n\r\n'],
    ['CR alone behind a size', '5\rhello\r\n0\r\n\r\n'],
    ['CR CR LF behind a size', '5\r\r\nhello\r\n0\r\n\r\n'],
    ['LF alone behind data', '5\r\nhello\n0\r\n\r\n'],
    ['CR alone behind data', '5\r\nhello\r0\r\n\r\n'],
    ['nothing behind data', '5\r\nhello0\r\n\r\n'],
    ['more data than its size', '4\r\nhello\r\n0\r\n\r\n'],
    ['LF alone behind the last size', '5\r\nhello\r\n0\n\r\n'],
    ['LF alone at the end', '5\r\nhello\r\n0\r\n\n'],
    ['an extension with LF', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
    ['an extension with CR', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
    ['an extension with NUL', '5;a=\0\r\nhello\r\n0\r\n\r\n'],
    ['an extension without a name', '5;=b\r\nhello\r\n0\r\n\r\n'],
    ['an extension without a value', '5;a=\r\nhello\r\n0\r\n\r\n'],
    ['an extension that is not closed', '5;a="b\r\nhello\r\n0\r\n\r\n'],
    ['an extension without a semicolon', '5 a=b\r\nhello\r\n0\r\n\r\n'],
    ['an endless extension', `5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
    ['a trailer without a colon', '5\r\nhello\r\n0\r\nX-A\r\n\r\n'],
    ['a trailer with a blank before its colon', '5\r\nhello\r\n0\r\nX-A : b\r\n\r\n'],
    ['a trailer without a name', '5\r\nhello\r\n0\r\n: b\r\n\r\n'],
    ['a folded trailer', '5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n'],
    ['a trailer with NUL', '5\r\nhello\r\n0\r\nX-A: \0\r\n\r\n'],
    ['LF alone behind a trailer', '5\r\nhello\r\n0\r\nX-A: b\n\r\n'],
    ['endless trailers', `5\r\nhello\r\n0\r\n${'X-A: b\r\n'.repeat(5_000)}\r\n`],
  ].map(([what, body]) => refused('7.1', what as string, inChunks(body as string))),
  ...[
    ['one chunk', '5\r\nhello\r\n0\r\n\r\n'],
    ['two chunks', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
    ['a chunk for each byte', '1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n'],
    ['zeros in front of a size', '0005\r\nhello\r\n000\r\n\r\n'],
    ['an extension', '5;a\r\nhello\r\n0\r\n\r\n'],
    ['an extension with a value', '5;a=b;c="d\\"e"\r\nhello\r\n0;f\r\n\r\n'],
    ['blanks around an extension', '5 ; a = b\r\nhello\r\n0\r\n\r\n'],
    ['a trailer', '5\r\nhello\r\n0\r\nX-A: b\r\n\r\n'],
    ['a trailer about framing, which says nothing', '5\r\nhello\r\n0\r\nX-A: b\r\nContent-Length: 9\r\n\r\n'],
  ].map(([what, body]) => served('7.1', what as string, inChunks(body as string), { body: 'hello', lacks: ['x-a'] })),
  served('7.1', 'a size in capitals', inChunks('A\r\nhellohello\r\n0\r\n\r\n'), { body: 'hellohello' }),
  served('7.1', 'a size in lower case', inChunks('a\r\nhellohello\r\n0\r\n\r\n'), { body: 'hellohello' }),
  served('7.1', 'no chunk but the last', inChunks('0\r\n\r\n')),
  served('7.1', 'data that looks like an end', inChunks('7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n'), { body: '\r\n0\r\n\r\n' }),
];

const pipelines: readonly Row[] = [
  {
    ...{
      section: '9.3.2',
      what: 'two requests at once',
      bytes: head() + length('5'),
      statuses: [200, 200],
      goesOn: true,
    },
    reached: [
      { method: 'GET', target: '/v1/contacts', body: '' },
      { ...both, body: 'hello' },
    ],
  },
  {
    ...{ section: '9.3.2', what: 'chunks in front of a request', bytes: inChunks('5\r\nhello\r\n0\r\n\r\n') + head() },
    ...{ statuses: [200, 200], goesOn: true },
    reached: [
      { ...both, body: 'hello' },
      { method: 'GET', target: '/v1/contacts', body: '' },
    ],
  },
  {
    ...{
      section: '9.3.2',
      what: 'ten requests at once',
      bytes: head().repeat(10),
      statuses: Array(10).fill(200),
      goesOn: true,
    },
    reached: Array(10).fill({ method: 'GET', target: '/v1/contacts', body: '' }),
  },
  {
    ...{ section: '9.3.2', what: 'a declined one between', statuses: [200, 400, 200], goesOn: true },
    bytes: head() + head([], 'GET /v1/%zz HTTP/1.1') + head(),
    reached: Array(2).fill({ method: 'GET', target: '/v1/contacts', body: '' }),
  },
  {
    ...{ section: '9.3.2', what: 'a refused one between ends all behind it', statuses: [200, 400], goesOn: false },
    bytes: head() + head(['X : y']) + head(),
    reached: [{ method: 'GET', target: '/v1/contacts', body: '' }],
  },
  {
    ...{ section: '9.6', what: 'nothing behind Connection: close is served', statuses: [200], goesOn: false },
    bytes: head(['Connection: close']) + head(),
    reached: [{ method: 'GET', target: '/v1/contacts', body: '' }],
  },
  {
    ...{
      section: '2.2',
      what: 'empty lines between',
      bytes: `${head()}\r\n\r\n${head()}`,
      statuses: [200, 200],
      goesOn: true,
    },
    reached: Array(2).fill({ method: 'GET', target: '/v1/contacts', body: '' }),
  },
  {
    ...{ section: '6.3', what: 'bytes behind a body are the next request', statuses: [200, 400], goesOn: false },
    bytes: length('3', 'hel:o'),
    reached: [{ ...both, body: 'hel' }],
  },
];

export const framingRows: readonly Row[] = [...lengths, ...codings, ...chunks, ...pipelines];
