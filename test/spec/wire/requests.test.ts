/** Heads of requests as the codec reads them: RFC 9112, sections 2.2, 3, 5, 6.3 and 9.3. */
import { describe, expect, it } from 'vitest';
import type { RequestMessage, Unreadable } from '../../../src/wire/codec/message.ts';
import { RequestReader } from '../../../src/wire/codec/requests.ts';

const limits = { lineMaxBytes: 70, fieldsMaxBytes: 120, fieldsMax: 4 };

interface Read {
  readonly head: RequestMessage | Unreadable | null;
  /** What is behind the head. */
  readonly rest: string;
}

function readIn(pieces: readonly string[]): Read {
  const reader = new RequestReader(limits);
  for (const [index, piece] of pieces.entries()) {
    // In the middle of other bytes, as in a packet with something in front.
    const head = reader.read(Buffer.from(`--${piece}`, 'latin1'), 2);
    if (head?.kind === 'unreadable') return { head, rest: '' };
    if (head !== null) {
      return { head, rest: `--${piece}`.slice(reader.position) + pieces.slice(index + 1).join('') };
    }
  }
  return { head: null, rest: '' };
}

/** Reads them whole, and makes sure that no cut changes anything. */
function read(bytes: string): Read {
  const whole = readIn([bytes]);
  for (let at = 1; at < bytes.length; at++) expect(readIn([bytes.slice(0, at), bytes.slice(at)])).toEqual(whole);
  expect(readIn([...bytes])).toEqual(whole);
  return whole;
}

const get = (fields: string, line = 'GET / HTTP/1.1'): string => `${line}\r\n${fields}\r\n`;

describe('A head is read', () => {
  it.each<[string, bytes: string, expected: Partial<RequestMessage>]>([
    [
      'with its fields as they came',
      get('hOST: a\r\nX-Any:\t b \t c \r\nx:\r\n'),
      { fields: ['hOST', 'a', 'X-Any', 'b \t c', 'x', ''] },
    ],
    [
      'with credentials',
      get('A: b\r\nAuthorization: Bearer x\r\nC: d\r\n'),
      { fields: ['A', 'b', 'Authorization', 'Bearer x', 'C', 'd'] },
    ],
    [
      'with nothing but credentials',
      get('AUTHORIZATION: a\r\nauthorization: b\r\n'),
      { fields: ['AUTHORIZATION', 'a', 'authorization', 'b'] },
    ],
    ['with Latin-1', get('X: \xe4\xff\r\n'), { fields: ['X', '\xe4\xff'] }],
    [
      'without fields',
      get(''),
      { method: 'GET', target: '/', version: '1.1', fields: [], bodyLength: 0, persistent: true },
    ],
    ['behind empty lines (2.2)', `\r\n\r\n${get('')}`, { method: 'GET' }],
    ['of HTTP/1.2 as 1.1', get('', 'GET / HTTP/1.2'), { version: '1.1', persistent: true }],
    ['with a method that nobody knows (RFC 9110, 9.1)', get('', "fr0b!#$%&'*+-.^_`|~ / HTTP/1.1"), { bodyLength: 0 }],
    ['of HTTP/1.0, which ends its connection', get('', 'GET / HTTP/1.0'), { version: '1.0', persistent: false }],
    ['of HTTP/1.0 that keeps it', get('Connection: keep-alive\r\n', 'GET / HTTP/1.0'), { persistent: true }],
    ['that ends its connection', get('connection: x, CLOSE\r\n'), { persistent: false }],
    ['with a length', get('content-length: 012\r\n'), { bodyLength: 12 }],
    ['with chunks', get('Transfer-Encoding: Chunked\r\n'), { bodyLength: -1 }],
    ['that waits for 100 Continue', get('Expect: 100-Continue\r\n'), { expectsContinue: true }],
    ['of HTTP/1.0, which can’t', get('Expect: 100-continue\r\n', 'GET / HTTP/1.0'), { expectsContinue: false }],
    ['that asks for WebSocket', get('Connection: a, Upgrade\r\nUpgrade: WebSocket\r\n'), { upgrade: true }],
    ['that asks for it without saying so', get('Upgrade: websocket\r\n'), { upgrade: false }],
    ['that asks for another protocol', get('Connection: Upgrade\r\nUpgrade: h2c\r\n'), { upgrade: false }],
    [
      'that asks with a body',
      get('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n'),
      { upgrade: false },
    ],
    ['with any target', get('', 'OPTIONS *?a=%zz#\\{} HTTP/1.1'), { method: 'OPTIONS', target: '*?a=%zz#\\{}' }],
    ['as long as it may be', get(`X: ${'x'.repeat(115)}\r\n`, `GET /${'x'.repeat(56)} HTTP/1.1`), { method: 'GET' }],
    ['with as many fields as it may have', get('a: b\r\n'.repeat(4)), { fields: Array(4).fill(['a', 'b']).flat() }],
  ])('%s', (_, bytes, expected) => {
    const { head, rest } = read(`${bytes}rest\r\n\r\n`);
    expect(head).toMatchObject({ kind: 'request', ...expected });
    expect(rest).toBe('rest\r\n\r\n');
  });

  it('one behind the other, by one reader', () => {
    const reader = new RequestReader(limits);
    const bytes = Buffer.from(get('A: 1\r\n', 'GET /a HTTP/1.1') + get('B: 2\r\n', 'GET /b HTTP/1.1'));
    expect(reader.read(bytes, 0)).toMatchObject({ target: '/a', fields: ['A', '1'] });
    expect(reader.read(bytes, reader.position)).toMatchObject({ target: '/b', fields: ['B', '2'] });
    expect([reader.position, reader.begun]).toEqual([bytes.length, false]);
  });

  it('only once it is whole, and an empty line is not its beginning', () => {
    const reader = new RequestReader(limits);
    expect([reader.read(Buffer.from('\r\n'), 0), reader.begun]).toEqual([null, false]);
    expect([reader.read(Buffer.from('GET / HTTP/1.1\r\nHost: w'), 0), reader.begun]).toEqual([null, true]);
  });
});

describe('A head is refused', () => {
  it.each([
    ['with a known method in lower case', get('', 'get / HTTP/1.1')],
    ['with a known method in mixed case', get('', 'Post / HTTP/1.1')],
    ['without a method', get('', ' / HTTP/1.1')],
    ['with a method that is no token', get('', 'GE(T / HTTP/1.1')],
    ['with a method that is too long', get('', `${'A'.repeat(65)} / HTTP/1.1`)],
    ['with a method without an end', 'A'.repeat(80)],
    ['without a version', 'GET /\r\n\r\n'],
    ['of another version', get('', 'GET / HTTP/2.0')],
    ['of a version in lower case', get('', 'GET / http/1.1')],
    ['of a version that is longer', get('', 'GET / HTTP/1.11')],
    ['with two blanks', get('', 'GET  / HTTP/1.1')],
    ['with two blanks before the version', get('', 'GET /  HTTP/1.1')],
    ['with a tab', get('', 'GET\t/ HTTP/1.1')],
    ['with a blank behind the version', get('', 'GET / HTTP/1.1 ')],
    ['with a blank in front', get('', ' GET / HTTP/1.1')],
    ['with a control character in the target', get('', 'GET /\x01 HTTP/1.1')],
    ['with Latin-1 in the target', get('', 'GET /\xe4 HTTP/1.1')],
    ['with LF alone behind its line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
    ['with LF alone behind a field', 'GET / HTTP/1.1\r\nHost: a\n\r\n'],
    ['with LF alone at its end', 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
    ['with CR alone behind its line', 'GET / HTTP/1.1\rHost: a\r\n\r\n'],
    ['with CR alone in a value', get('X: a\rb\r\n')],
    ['with NUL in a value', get('X: a\0b\r\n')],
    ['with DEL in a value', get('X: a\x7fb\r\n')],
    ['with a folded line', get('X: a\r\n b\r\n')],
    ['with a blank in front of the fields', get(' X: a\r\n')],
    ['with a blank before a colon', get('X : a\r\n')],
    ['without a name', get(': a\r\n')],
    ['without a colon', get('X\r\n')],
    ['with Latin-1 in a name', get('\xe4: a\r\n')],
    ['with two lengths', get('Content-Length: 1\r\nContent-Length: 1\r\n')],
    ['with a list of lengths', get('Content-Length: 1, 1\r\n')],
    ['with a length with a sign', get('Content-Length: +1\r\n')],
    ['with an empty length', get('Content-Length:\r\n')],
    ['with a length beyond all numbers', get('Content-Length: 9999999999999999\r\n')],
    ['with a length and chunks', get('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
    ['with chunks twice', get('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n')],
    ['with another coding', get('Transfer-Encoding: gzip, chunked\r\n')],
    ['with a coding that looks like chunked', get('Transfer-Encoding: \x0bchunked\r\n')],
    ['with chunks in HTTP/1.0', get('Transfer-Encoding: chunked\r\n', 'GET / HTTP/1.0')],
    ['that is a TLS hello', '\x16\x03\x01\x02\x00\x01\x00'],
  ])('%s', (_, bytes) => {
    expect(read(bytes).head).toMatchObject({ kind: 'unreadable', refusal: 'malformed' });
  });

  it.each([
    ['a line that is too long', get('', `GET /${'x'.repeat(80)} HTTP/1.1`), 'targetTooLong'],
    ['fields that are too large', get(`X: ${'x'.repeat(116)}\r\n`), 'fieldsTooLarge'],
    ['a name without an end', `GET / HTTP/1.1\r\n${'x'.repeat(130)}`, 'fieldsTooLarge'],
    ['too many fields', get('a: b\r\n'.repeat(5)), 'fieldsTooLarge'],
  ])('for %s', (_, bytes, refusal) => {
    expect(read(bytes).head).toMatchObject({ kind: 'unreadable', refusal });
  });
});
