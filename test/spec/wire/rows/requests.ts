/** Request lines, targets and hosts (RFC 9112, 2.2 and 3; RFC 3986; RFC 9110, 4.2 and 9). */
import { declined, head, own, type Row, refused, served, servedLast } from './row.ts';

const at = (first: string, host?: string): string => head([], first, host);
const hex = (char: string): string => `0x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
const chars = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i));

/** LF alone may be taken for the end of a line (2.2), except that Weir does not. */
const lf = (row: Row): Row => (row.what.startsWith('LF alone') ? own(row) : row);

const requestLines: readonly Row[] = [
  ...[
    ['two blanks behind the method', 'GET  /v1/contacts HTTP/1.1'],
    ['two blanks before the version', 'GET /v1/contacts  HTTP/1.1'],
    ['a blank behind the version', 'GET /v1/contacts HTTP/1.1 '],
    ['a blank before the method', ' GET /v1/contacts HTTP/1.1'],
    ['a tab behind the method', 'GET\t/v1/contacts HTTP/1.1'],
    ['a tab before the version', 'GET /v1/contacts\tHTTP/1.1'],
    ['a form feed between', 'GET\x0c/v1/contacts\x0cHTTP/1.1'],
    ['a blank in the target', 'GET /v1/con tacts HTTP/1.1'],
    ['no target', 'GET HTTP/1.1'],
    ['an empty target', 'GET  HTTP/1.1'],
    ['no version (HTTP/0.9)', 'GET /v1/contacts'],
    ['no method', '/v1/contacts HTTP/1.1'],
    ['a version of another protocol', 'GET /v1/contacts ICY/1.1'],
    ['a version in lower case', 'GET /v1/contacts http/1.1'],
    ['HTTP/2.0', 'GET /v1/contacts HTTP/2.0'],
    ['HTTP/0.9', 'GET /v1/contacts HTTP/0.9'],
    ['HTTP/3', 'GET /v1/contacts HTTP/3'],
    ['HTTP/1', 'GET /v1/contacts HTTP/1'],
    ['HTTP/1.', 'GET /v1/contacts HTTP/1.'],
    ['HTTP/1.1.1', 'GET /v1/contacts HTTP/1.1.1'],
    ['HTTP/1.11', 'GET /v1/contacts HTTP/1.11'],
    ['HTTP/01.1', 'GET /v1/contacts HTTP/01.1'],
    ['HTTP/1.x', 'GET /v1/contacts HTTP/1.x'],
    ['HTTP/ 1.1', 'GET /v1/contacts HTTP/ 1.1'],
    ['HTTP /1.1', 'GET /v1/contacts HTTP /1.1'],
    ['HTTP/1,1', 'GET /v1/contacts HTTP/1,1'],
    ['HTTP/+1.1', 'GET /v1/contacts HTTP/+1.1'],
    ['two versions', 'GET /v1/contacts HTTP/1.1 HTTP/1.1'],
    ['two targets', 'GET /v1/contacts /v1/messages HTTP/1.1'],
    ['a known method in lower case', 'get /v1/contacts HTTP/1.1'],
    ['a known method in mixed case', 'Get /v1/contacts HTTP/1.1'],
    ['CONNECT', 'CONNECT weir:80 HTTP/1.1'],
    ['CONNECT with a path', 'CONNECT /v1/contacts HTTP/1.1'],
  ].map(([what, first]) => refused('3', what as string, at(first as string))),
  ...[...'(),/:;<=>?@[\\]{}"\x01\x7f\x80\xff'].map((char) =>
    refused('3.1', `the character ${hex(char)} in a method`, at(`GE${char}T /v1/contacts HTTP/1.1`)),
  ),
  ...["!#$%&'*+-.^_`|~0", 'FROB', 'frob', 'M-SEARCH', 'PROPFIND', 'PATCH', 'DELETE', 'OPTIONS'].map((method) =>
    served('3.1', `the method ${method}`, at(`${method} /v1/contacts HTTP/1.1`)),
  ),
  declined('RFC 9110, 9.3.8', 'TRACE, which would show what a gateway adds', at('TRACE /v1/contacts HTTP/1.1'), 405),
  served('2.3', 'HTTP/1.2 is served as 1.1', at('GET /v1/contacts HTTP/1.2')),
  served('2.3', 'HTTP/1.9 is served as 1.1', at('GET /v1/contacts HTTP/1.9')),
  servedLast('9.3', 'HTTP/1.0 ends its connection', at('GET /v1/contacts HTTP/1.0')),
  served('9.3', 'HTTP/1.0 that keeps it', head(['Connection: keep-alive'], 'GET /v1/contacts HTTP/1.0')),
  served('2.2', 'an empty line in front', `\r\n${head()}`),
  served('2.2', 'several empty lines in front', `\r\n\r\n\r\n${head()}`),
  ...[
    ['LF alone behind the request line', head().replace('\r\n', '\n')],
    ['CR alone behind the request line', head().replace('\r\n', '\r')],
    ['CR CR LF behind the request line', head().replace('\r\n', '\r\r\n')],
    ['LF CR behind the request line', head().replace('\r\n', '\n\r')],
    ['LF alone behind each line', head().replaceAll('\r\n', '\n')],
    ['LF alone in front', `\n${head()}`],
    ['CR alone in front', `\r${head()}`],
    ['a blank line of a blank in front', ` \r\n${head()}`],
    ['NUL in front', `\0${head()}`],
  ].map(([what, bytes]) => lf(refused('2.2', what as string, bytes as string))),
  ...chars(0x00, 0x1f)
    .filter((char) => !'\r\n'.includes(char))
    .concat('\x7f', '\x80', '\xff')
    .map((char) => refused('3.2', `the byte ${hex(char)} in a target`, at(`GET /v1/con${char}tacts HTTP/1.1`))),
];

const targets: readonly Row[] = [
  ...[...'"<>^`{|}'].flatMap((char) => [
    own(declined('RFC 3986, 2', `the character ${char} in a path`, at(`GET /v1/con${char}tacts HTTP/1.1`))),
    own(declined('RFC 3986, 3.4', `the character ${char} in a query`, at(`GET /v1/contacts?x=${char} HTTP/1.1`))),
  ]),
  ...[
    ['a backslash', '/v1\\contacts'],
    ['a backslash in a query', '/v1/contacts?x=\\'],
    ['a fragment', '/v1/contacts#top'],
    ['a stray %', '/v1/con%tacts'],
    ['a % with one digit', '/v1/con%4'],
    ['a % with no digits', '/v1/con%zz'],
    ['an encoded NUL', '/v1/con%00tacts'],
    ['an encoded slash', '/v1%2fcontacts'],
    ['an encoded backslash', '/v1%5Ccontacts'],
    ['a .. segment', '/v1/../v1/contacts'],
    ['a . segment', '/v1/./contacts'],
    ['an encoded .. segment', '/v1/%2e%2e/contacts'],
    ['a half encoded .. segment', '/v1/.%2E/contacts'],
    ['a segment ..;', '/v1/..;/contacts'],
    ['an empty first segment', '//v1/contacts'],
  ].map(([what, target]) => own(declined('RFC 3986, 6.2', what as string, at(`GET ${target} HTTP/1.1`)))),
  ...[
    ['no slash in front', 'v1/contacts'],
    ['an asterisk for a method other than OPTIONS', '*'],
    ['an authority for a method other than CONNECT', 'weir:80'],
    ['another scheme', 'ftp://weir/v1/contacts'],
    ['a scheme without a host', 'http:///v1/contacts'],
    ['a scheme and one slash', 'http:/v1/contacts'],
    ['a user in the authority', 'http://user@weir/v1/contacts'],
    ['a user and a password in the authority', 'http://user:secret@weir/v1/contacts'],
    ['an empty host with a port', 'http://:80/v1/contacts'],
    ['a port of letters', 'http://weir:http/v1/contacts'],
    ['an open bracket', 'http://[::1/v1/contacts'],
    ['an IPv6 address without brackets', 'http://::1/v1/contacts'],
    ['a stray % in the authority', 'http://we%ir/v1/contacts'],
  ].map(([what, target]) => declined('3.2', what as string, at(`GET ${target} HTTP/1.1`))),
  ...[
    ['/v1/contacts?x=1&y=2', '/v1/contacts?x=1&y=2'],
    ['/v1/contacts?', '/v1/contacts?'],
    ['/v1/contacts?x=?/:@!$', '/v1/contacts?x=?/:@!$'],
    ['/v1/contacts?x=%zz', '/v1/contacts?x=%zz'],
    ['/v1/con%20tacts', '/v1/con%20tacts'],
    ["/v1/a-._~!$&'()*+,=:@", "/v1/a-._~!$&'()*+,=:@"],
    ['/v1/contacts/', '/v1/contacts/'],
    ['/', '/'],
    ['http://weir/v1/contacts', '/v1/contacts'],
    ['HTTP://weir:80/v1/contacts', '/v1/contacts'],
    ['https://weir/v1/contacts?x', '/v1/contacts?x'],
    ['http://[::1]:8080/v1/contacts', '/v1/contacts'],
    ['http://192.0.2.1/v1/contacts', '/v1/contacts'],
    ['http://weir', '/'],
    ['http://weir?x', '/?x'],
  ].map(([target, reached]) =>
    served('3.2', `the target ${target}`, at(`GET ${target} HTTP/1.1`), { target: reached as string }),
  ),
  served('3.2.4', 'OPTIONS *', at('OPTIONS * HTTP/1.1'), { target: '*' }),
  served('3.2.4', 'OPTIONS of an URL without a path', at('OPTIONS http://weir HTTP/1.1'), { target: '*' }),
  served(
    '3.2.2',
    'the host of the target goes before the Host field',
    at('GET http://a.example/v1/contacts HTTP/1.1'),
    {
      has: { 'x-forwarded-host': 'a.example' },
    },
  ),
];

const line = 'GET /v1/contacts HTTP/1.1';
const hosts: readonly Row[] = [
  declined('3.2', 'no Host', at(line, '')),
  declined('3.2', 'two Hosts', at(line, 'Host: weir\r\nHost: weir\r\n')),
  declined('3.2', 'two Hosts that differ', at(line, 'Host: weir\r\nHost: other\r\n')),
  declined('3.2', 'two Hosts with other fields between', at(line, 'Host: weir\r\nX: y\r\nhost: other\r\n')),
  ...[
    '',
    'a b',
    'a,b',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'user:x@weir',
    'a\\b',
    'a:b',
    'a:80:80',
    ':80',
    'a:-1',
    'a:+1',
    '[::1',
    '::1',
    '[::1]x',
    '[]',
    '[::g]',
    '[1.2.3.4]',
    'a%',
    'a%2',
    'a%zz',
    'http://a',
    '<a>',
    '"a"',
    'a|b',
    'a^b',
    'a`b',
    '{a}',
    'a\tb',
    'a\xe4b',
  ].map((host) => declined('RFC 3986, 3.2.2', `the Host ${JSON.stringify(host)}`, at(line, `Host: ${host}\r\n`))),
  ...[
    'a',
    'A.EXAMPLE',
    'a.example:80',
    'a:',
    '192.0.2.1',
    '192.0.2.1:8080',
    '[::1]',
    '[2001:db8::1]:80',
    '[v1.a:b]',
  ].map((host) => served('RFC 3986, 3.2.2', `the Host ${host}`, at(line, `Host: ${host}\r\n`))),
  ...['a_b', "a-._~!$&'()*+,;=", 'a%20b', 'xn--bcher-kva.example'].map((host) =>
    host.includes(',')
      ? declined('RFC 3986, 3.2.2', `the Host ${host}`, at(line, `Host: ${host}\r\n`))
      : served('RFC 3986, 3.2.2', `the Host ${host}`, at(line, `Host: ${host}\r\n`)),
  ),
  served('3.2', 'blanks around the Host', at(line, 'Host: \t weir \t\r\n')),
  servedLast('3.2', 'no Host in HTTP/1.0', at('GET /v1/contacts HTTP/1.0', '')),
];

export const requestRows: readonly Row[] = [...requestLines, ...targets, ...hosts];
