/** How a connection goes on (RFC 9112, 9; RFC 9110, 7.6.1 and 7.8), and 100 Continue (RFC 9110, 10.1.1). */
import { allServed, declined, head, inChunks, own, post, type Row, refused, served, servedLast } from './row.ts';

const five = 'Content-Length: 5';
const posted = { method: 'POST', body: 'hello' };
const old = (...fields: readonly string[]): string => head(fields, 'GET /v1/contacts HTTP/1.0');
const expects = (...fields: readonly string[]): string =>
  head(['Expect: 100-continue', ...fields], 'POST /v1/contacts HTTP/1.1');
const withoutAuth = (bytes: string): string => bytes.replace('{auth}', '');
const last = (row: Row): Row => ({ ...row, goesOn: false });
/** Its caller shuts its sending side. */
const shut = (row: Row): Row => ({ ...last(row), ends: true });

const endings: readonly Row[] = [
  servedLast('9.6', 'close on a second line', head(['Connection: x-a', 'Connection: close'])),
  servedLast('9.6', 'close and keep-alive', head(['Connection: keep-alive, close'])),
  servedLast('9.6', 'close behind members that are empty', head(['Connection: , ,close,'])),
  last(allServed('9.6', 'close with a body', post([five, 'Connection: close'], 'hello'), posted)),
  served('RFC 9110, 7.6.1', 'what only looks like close', head(['Connection: closed'])),
  servedLast('9.3', 'close in HTTP/1.0', old('Connection: close')),
  last(allServed('9.3', 'nothing behind HTTP/1.0 is served', old() + head(), {})),
  allServed('9.3.2', 'a body in front of a body', post([five], 'hello').repeat(2), posted, posted),
  allServed(
    '9.3.2',
    'trailers in front of a request',
    inChunks('0\r\nX-T: b\r\n\r\n') + head(),
    { method: 'POST' },
    {},
  ),
  allServed('9.3.2', 'HEAD in front of GET', head([], 'HEAD /v1/contacts HTTP/1.1') + head(), { method: 'HEAD' }, {}),
  allServed('9.3.2', 'thirty requests at once', head().repeat(30), ...Array(30).fill({})),
  refused('6.3', 'nothing behind two lengths is served', post([five, 'Content-Length: 6'], 'hello') + head()),
  refused('6.1', 'nothing behind a coding is served', post(['Transfer-Encoding: x'], '0\r\n\r\n') + head()),
  refused('7.1', 'nothing behind a bad chunk is served', inChunks('x\r\nhello\r\n0\r\n\r\n') + head()),
  own(shut(served('9.6', 'a caller that shuts its sending side has its answer', head()))),
  own(shut(allServed('9.6', 'the same behind two requests', head().repeat(2), {}, {}))),
  own(shut(allServed('9.6', 'the same behind a body', post([five], 'hello'), posted))),
  shut(refused('8', 'an end in the request line', 'GET /v1/contacts HT')),
  shut(refused('8', 'an end in the head', 'GET /v1/contacts HTTP/1.1\r\nHost: weir\r\n')),
  shut(refused('8', 'an end before the body', post([five], ''))),
  shut(refused('8', 'an end in the body', post([five], 'hel'))),
  shut(refused('8', 'an end in the chunks', inChunks('5\r\nhel'))),
  shut(refused('8', 'an end before the last chunk', inChunks('5\r\nhello\r\n'))),
  shut(refused('8', 'an end in the trailers', inChunks('5\r\nhello\r\n0\r\n'))),
  own(shut(allServed('9.3', 'an end before a request is an end', ''))),
];

const continues: readonly Row[] = [
  {
    ...allServed('RFC 9110, 10.1.1', 'the body is asked for', expects(five), posted),
    later: 'hello',
    told: { interim: [100] },
  },
  {
    ...allServed('RFC 9110, 10.1.1', 'chunks are asked for', expects('Transfer-Encoding: chunked'), posted),
    ...{ later: '5\r\nhello\r\n0\r\n\r\n', told: { interim: [100] } },
  },
  allServed('RFC 9110, 10.1.1', 'a body that is there need not be asked for', `${expects(five)}hello`, posted),
  {
    ...last(
      allServed(
        'RFC 9110, 10.1.1',
        'a body of HTTP/1.0 is not asked for',
        `${head(['Expect: 100-continue', five], 'POST /v1/contacts HTTP/1.0')}hello`,
        posted,
      ),
    ),
    told: { interim: [] },
  },
  own(
    allServed('RFC 9110, 10.1.1', 'Expect does not go on', `${expects(five)}hello`, { ...posted, lacks: ['expect'] }),
  ),
  ...[
    allServed('RFC 9110, 10.1.1', 'no body is not asked for', expects('Content-Length: 0'), { method: 'POST' }),
    declined('RFC 9110, 10.1.1', 'two expectations', post([five, 'Expect: 100-continue, x'], 'hello'), 417),
    last(declined('RFC 9110, 10.1.1', 'a body that is too large', expects('Content-Length: 99999999'), 413)),
    last(declined('RFC 9110, 10.1.1', 'the body of a stranger', withoutAuth(expects(five)), 401)),
    last(declined('RFC 9110, 10.1.1', 'a body without a Host', expects(five).replace('Host: weir\r\n', ''))),
    declined('RFC 9110, 15.5.2', 'no credential', withoutAuth(head()), 401),
    declined('RFC 9110, 15.5.2', 'no credential, with a body', withoutAuth(post([five], 'hello')), 401),
    declined('RFC 9110, 15.5.2', 'no credential, with chunks', withoutAuth(inChunks('5\r\nhello\r\n0\r\n\r\n')), 401),
    declined(
      'RFC 9110, 15.5.14',
      'chunks that are too many',
      inChunks(`100001\r\n${'x'.repeat(1_048_577)}\r\n0\r\n\r\n`),
      413,
    ),
  ].map((row) => own({ ...row, told: { interim: [] } })),
];

const passing: readonly Row[] = [
  ...[
    ['in another case', head(['Connection: x-A', 'X-a: b'])],
    ['behind it', head(['X-A: b', 'Connection: X-A'])],
    ['on a second line', head(['Connection: X-B', 'Connection: X-A', 'X-A: b'])],
    ['that is there twice', head(['Connection: X-A', 'X-A: b', 'X-A: c'])],
  ].map(([what, bytes]) =>
    served('RFC 9110, 7.6.1', `a field that Connection names ${what}`, bytes as string, { lacks: ['x-a'] }),
  ),
  served(
    'RFC 9110, 7.6.1',
    'Keep-Alive that Connection names',
    head(['Connection: Keep-Alive', 'Keep-Alive: timeout=5']),
    {
      lacks: ['keep-alive'],
    },
  ),
  own(
    served('RFC 9110, 7.8', 'another protocol is not switched to', head(['Connection: Upgrade', 'Upgrade: h2c']), {
      lacks: ['upgrade'],
    }),
  ),
  own(served('RFC 9110, 7.8', 'Upgrade without Connection', head(['Upgrade: websocket']), { lacks: ['upgrade'] })),
  servedLast('RFC 9110, 7.8', 'Upgrade in HTTP/1.0', old('Connection: Upgrade', 'Upgrade: websocket'), {
    lacks: ['upgrade'],
  }),
  ...[
    ...[
      'Accept: */*',
      'Cookie: a=b; c=d',
      'User-Agent: x',
      'Content-Type: text/plain',
      'Range: bytes=0-1',
      'If-None-Match: "a"',
    ],
    ...[
      'Referer: http://a/b',
      'Cache-Control: no-cache',
      'Origin: http://a',
      'Accept-Encoding: gzip, br',
      'Max-Forwards: 5',
      'X_A: 1',
    ],
  ].map((field) => {
    const [name = '', value = ''] = field.split(/: (.*)/);
    return served('RFC 9110, 7.6', `${field} goes on`, head([field]), { has: { [name.toLowerCase()]: value } });
  }),
];

export const connectionRows: readonly Row[] = [...endings, ...continues, ...passing];
