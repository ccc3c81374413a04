/** Field lines, and what of them may pass (RFC 9112, 5; RFC 9110, 5, 7.6 and 10.1). */
import { declined, head, own, type Row, refused, served, servedLast } from './row.ts';

const hex = (char: string): string => `0x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
const controls = Array.from({ length: 32 }, (_, i) => String.fromCharCode(i)).filter(
  (char) => !'\t\r\n'.includes(char),
);
const withHas = (has: Readonly<Record<string, string>>, lacks: readonly string[] = []) => ({ has, lacks });

const must = (row: Row): Row => row;

const lines: readonly Row[] = [
  ...[
    ['a blank before the colon', 'X-A : b'],
    ['a tab before the colon', 'X-A\t: b'],
    ['a blank in front of the name', ' X-A: b'],
    ['a tab in front of the name', '\tX-A: b'],
    ['no colon', 'X-A'],
    ['no name', ': b'],
    ['a blank name', ' : b'],
    ['a blank in the name', 'X A: b'],
    ['an empty line of blanks', ' '],
    ['a folded line', 'X-A: b\r\n c'],
    ['a line folded with a tab', 'X-A: b\r\n\tc'],
    ['a line folded to nothing', 'X-A: b\r\n '],
    ['LF alone behind a line', 'X-A: b\nX-B: c'],
    ['CR alone behind a line', 'X-A: b\rX-B: c'],
    ['CR in a value', 'X-A: b\rc'],
    ['CR CR LF behind a line', 'X-A: b\r'],
    ['a blank before the colon of a length', 'Content-Length : 0'],
    ['a folded coding', 'Transfer-Encoding:\r\n chunked'],
  ].map(([what, field]) => refused('5', what as string, head([field as string]))),
  ...controls.concat('\x7f').flatMap((char) => [
    // Others than NUL may be let pass.
    (char === '\0' ? must : own)(
      refused('RFC 9110, 5.5', `the byte ${hex(char)} in a value`, head([`X-A: b${char}c`])),
    ),
    refused('RFC 9110, 5.1', `the byte ${hex(char)} in a name`, head([`X-${char}A: b`])),
  ]),
  ...[...'(),/;<=>?@[\\]{}"\x80\xff'].map((char) =>
    refused('RFC 9110, 5.1', `the character ${hex(char)} in a name`, head([`X-${char}A: b`])),
  ),
  refused('2.2', 'LF alone behind the fields', `${head().slice(0, -2)}\n`),
  served('5', 'an empty value', head(['X-A:']), withHas({ 'x-a': '' })),
  served('5', 'a value of blanks', head(['X-A: \t ']), withHas({ 'x-a': '' })),
  served('5', 'blanks around a value', head(['X-A:\t b \t c \t']), withHas({ 'x-a': 'b \t c' })),
  served('5', 'no blank behind the colon', head(['X-A:b']), withHas({ 'x-a': 'b' })),
  served('5', 'colons in a value', head(['X-A: b:c: d']), withHas({ 'x-a': 'b:c: d' })),
  served('RFC 9110, 5.5', 'bytes above ASCII in a value', head(['X-A: \xe4\xff']), withHas({ 'x-a': '\xe4\xff' })),
  served('RFC 9110, 5.1', 'any character of a token in a name', head(["x!#$%&'*+-.^`|~0: b"]), {
    has: { "x!#$%&'*+-.^`|~0": 'b' },
  }),
  served(
    'RFC 9110, 5.3',
    'a field twice keeps its order',
    head(['X-A: 1', 'X-B: 2', 'X-A: 3']),
    withHas({ 'x-a': '1, 3' }),
  ),
];

const hop: readonly Row[] = [
  ...[
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'TE: trailers',
    'Upgrade: h2c',
    'Proxy-Authorization: x',
  ].map((field) =>
    served('RFC 9110, 7.6.1', `${field} ends here`, head([field]), {
      lacks: [field.split(':')[0]?.toLowerCase() ?? ''],
    }),
  ),
  served(
    'RFC 9110, 7.6.1',
    'a field that Connection names ends here',
    head(['Connection: X-A, x-b', 'X-A: 1', 'X-B: 2', 'X-C: 3']),
    {
      has: { 'x-c': '3' },
      lacks: ['x-a', 'x-b'],
    },
  ),
  servedLast('9.6', 'Connection: close', head(['Connection: close'])),
  servedLast('9.6', 'close among others, in capitals', head(['Connection: x, CLOSE'])),
  served('9.3', 'Connection: keep-alive', head(['Connection: keep-alive'])),
  served('RFC 9110, 7.6.3', 'Via is written', head(['Via: 1.0 a'])),
  ...['Host', 'Content-Length', 'X-Forwarded-For', 'Authorization', 'X-Request-Id'].map((name) => ({
    ...declined('RFC 9110, 7.6.1', `Connection must not name ${name}`, head([`Connection: ${name}`])),
    own: true,
  })),
  ...[
    'X_Forwarded_For',
    'X-Forwarded_For',
    'X.Forwarded.For',
    'X_Request_Id',
    'Content_Length',
    'Transfer_Encoding',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Original-Forwarded-For',
    'True-Client-IP',
    'X-Client-IP',
    'X-Cluster-Client-IP',
    'X-Forwarded',
    'X-Real-IP',
  ].map((name) => ({
    ...served('Weir', `${name} of anybody does not pass`, head([`${name}: 1`]), { lacks: [name.toLowerCase()] }),
    own: true,
  })),
  { ...served('Weir', 'the credential ends here', head(), { lacks: ['authorization'] }), own: true },
  {
    ...served(
      'Weir',
      'a request id of the caller goes on',
      head(['X-Request-Id: a-1']),
      withHas({ 'x-request-id': 'a-1' }),
    ),
    own: true,
  },
];

const expectations: readonly Row[] = [
  served('RFC 9110, 10.1.1', 'a request without a body may expect 100-continue', head(['Expect: 100-continue'])),
  served('RFC 9110, 10.1.1', 'in any case', head(['Expect: 100-Continue'])),
  { ...declined('RFC 9110, 10.1.1', 'another expectation', head(['Expect: 200-ok']), 417), own: true },
];

const limits: readonly Row[] = [
  own(refused('RFC 6585, 5', 'a value that is too large', head([`X-A: ${'x'.repeat(20_000)}`]), 431)),
  own(refused('RFC 6585, 5', 'too many bytes in many fields', head(Array(500).fill(`X-A: ${'x'.repeat(40)}`)), 431)),
  own(refused('RFC 6585, 5', 'too many fields', head(Array(1_100).fill('a:b')), 431)),
  own(refused('3', 'a line that is too long', head([], `GET /${'x'.repeat(20_000)} HTTP/1.1`), 414)),
  { ...declined('3', 'a target that is too long', head([], `GET /${'x'.repeat(8_200)} HTTP/1.1`), 414), own: true },
  served('5', 'many fields', head(Array(100).fill('X-A: b'))),
];

export const fieldRows: readonly Row[] = [...lines, ...hop, ...expectations, ...limits];
