/** Heads of answers and chunks as the codec reads them (RFC 9112, 4 to 7): however they are cut, it is the same. */
import { describe, expect, it } from 'vitest';
import { ChunkReader } from '../../../src/wire/codec/chunks.ts';
import { chunked, type HeadLimits, untilClose } from '../../../src/wire/codec/message.ts';
import { ResponseReader } from '../../../src/wire/codec/responses.ts';

const limits: HeadLimits = { lineMaxBytes: 100, fieldsMaxBytes: 300, fieldsMax: 5 };

/** The bytes as a whole, cut in two at each place, and byte by byte. Pieces are overwritten once they have been read. */
function* cuts(text: string): Iterable<Buffer[]> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at++) {
    yield [bytes.subarray(0, at), bytes.subarray(at)]
      .filter(({ length }) => length > 0)
      .map((piece) => Buffer.from(piece));
  }
  yield [...bytes].map((byte) => Buffer.of(byte));
}

/** What a head comes to, and where it ends; null: more has to come. */
function readHead(pieces: readonly Buffer[], method: string) {
  const reader = new ResponseReader(limits, () => method);
  let before = 0;
  for (const piece of pieces) {
    const head = reader.read(piece, 0);
    if (head?.kind === 'unreadable') return 'unreadable';
    if (head?.kind === 'response') return { ...head, end: before + reader.position };
    piece.fill(0);
    before += piece.length;
  }
  return null;
}

type Read = { status: number; bodyLength: number; persistent: boolean };

describe('A head', () => {
  it.each<[string, head: string, Partial<Read>]>([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n', { status: 200, bodyLength: 12, persistent: true }],
    ['without a reason', 'HTTP/1.1 204\r\n', { status: 204, bodyLength: 0, persistent: true }],
    ['with an odd reason', 'HTTP/1.1 200 \xe4\t(ok)\r\nContent-Length: 0\r\n', { status: 200, bodyLength: 0 }],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n', { bodyLength: 1, persistent: false }],
    ['of a later version', 'HTTP/1.2 200 OK\r\nContent-Length: 1\r\n', { bodyLength: 1, persistent: true }],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n', { bodyLength: chunked, persistent: true }],
    ['until the end', 'HTTP/1.1 200 OK\r\nX-A: b\r\n', { bodyLength: untilClose, persistent: false }],
    ['that closes', 'HTTP/1.1 200 OK\r\nConnection: X-A, Close\r\nContent-Length: 0\r\n', { persistent: false }],
    ['of a 1xx', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n', { status: 103, bodyLength: 0, persistent: true }],
    ['of a 304', 'HTTP/1.1 304 No\r\nContent-Length: 12\r\n', { bodyLength: 0, persistent: true }],
    ['of any status', 'HTTP/1.1 999 X\r\nContent-Length: 0\r\n', { status: 999 }],
  ])('%s is read', (_, text, read) => {
    for (const pieces of cuts(`${text}\r\nbehind`)) {
      expect(readHead(pieces, 'GET')).toMatchObject({ ...read, end: text.length + 2 });
    }
    for (const pieces of cuts(text)) expect(readHead(pieces, 'GET')).toBe(null);
    expect(readHead([Buffer.from(`${text}\r\n`, 'latin1')], 'HEAD')).toMatchObject({ bodyLength: 0 });
  });

  it('has its fields as they came, without the blanks around values', () => {
    const text = 'HTTP/1.1 200 OK\r\nX-a: \t b c \t\r\nx-A:\r\nSET-cookie:\xff\r\nKeep-Alive: timeout=7, max=3\r\n\r\n';
    for (const pieces of cuts(text)) {
      expect(readHead(pieces, 'GET')).toMatchObject({
        fields: ['X-a', 'b c', 'x-A', '', 'SET-cookie', '\xff', 'Keep-Alive', 'timeout=7, max=3'],
        keepAliveMs: 7_000,
      });
    }
  });

  const fields = (lines: string): string => `HTTP/1.1 200 OK\r\n${lines}\r\n`;
  it.each([
    ['another protocol', 'HTTP/2 200 OK\r\n'],
    ['another version', 'HTTP/9.9 200 OK\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n'],
    ['a status of two digits', 'HTTP/1.1 99 X\r\n'],
    ['a status below 100', 'HTTP/1.1 099 X\r\n'],
    ['two blanks', 'HTTP/1.1  200 OK\r\n'],
    ['a bare CR', fields('X-A: b\rc\r\n')],
    ['a bare LF', fields('X-A: b\n')],
    ['a NUL', fields('X-A: b\0c\r\n')],
    ['a folded line', fields('X-A: b\r\n c\r\n')],
    ['no colon', fields('X-A\r\n')],
    ['a blank in a name', fields('X A: b\r\n')],
    ['no name', fields(': b\r\n')],
    ['a length and an encoding', fields('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
    ['another encoding', fields('Transfer-Encoding: gzip\r\n')],
    ['chunks inside another encoding', fields('Transfer-Encoding: chunked, gzip\r\n')],
    ['another encoding inside chunks', fields('Transfer-Encoding: gzip, chunked\r\n')],
    ['two lengths', fields('Content-Length: 1\r\nContent-Length: 2\r\n')],
    ['a list of lengths', fields('Content-Length: 1, 2\r\n')],
    ['a length with a sign', fields('Content-Length: +1\r\n')],
    ['a length that is no safe integer', fields('Content-Length: 9999999999999999999\r\n')],
    ['chunked twice', fields('Transfer-Encoding: chunked, chunked\r\n')],
    ['an encoding in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n'],
    ['a long status line', `HTTP/1.1 200 ${'x'.repeat(100)}\r\n`],
    ['long fields', fields(`X-A: ${'x'.repeat(300)}\r\n`)],
    ['many fields', fields('X-A: b\r\n'.repeat(6))],
  ])('with %s is unreadable', (_, text) => {
    for (const pieces of cuts(`${text}\r\n`)) expect(readHead(pieces, 'GET')).toBe('unreadable');
  });

  it.each(['hello', '\x16\x03\x01', 'HTTP/2', 'HTTP/1.1 200 OK\n', 'x'.repeat(200)])(
    'that begins with %j is not waited for',
    (text) => {
      expect(readHead([Buffer.from(text, 'latin1')], 'GET')).toBe('unreadable');
    },
  );
});

describe('Chunks', () => {
  function readChunks(pieces: readonly Buffer[]) {
    const reader = new ChunkReader(limits);
    let body = '';
    let before = 0;
    for (const piece of pieces) {
      const read = reader.read(piece, 0, (part) => {
        body += part.toString('latin1');
      });
      if (read === 'end') return { body, trailers: reader.trailers, end: before + reader.position };
      if (read !== 'more') return 'unreadable';
      piece.fill(0);
      before += piece.length;
    }
    return 'more';
  }

  it.each<[string, chunks: string, body: string, trailers?: string[]]>([
    ['none', '0\r\n\r\n', ''],
    ['two', '3\r\none\r\nA\r\n0123456789\r\n0\r\n\r\n', 'one0123456789'],
    ['of line ends', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
    ['with zeros in front', '0003\r\none\r\n000\r\n\r\n', 'one'],
    ['with extensions', '3;a;b=c;d="e;\\"f"\r\none\r\n0;last\r\n\r\n', 'one'],
    ['with trailers', '1\r\nx\r\n0\r\nX-A: b\r\nx-B:\t\r\n\r\n', 'x', ['X-A', 'b', 'x-B', '']],
  ])('%s are read', (_, text, body, trailers = []) => {
    for (const pieces of cuts(`${text}behind`))
      expect(readChunks(pieces)).toEqual({ body, trailers, end: text.length });
    for (const pieces of cuts(text.slice(0, -1))) expect(readChunks(pieces)).toBe('more');
  });

  it.each([
    ['no size', '\r\nx'],
    ['a size that is none', 'g\r\n'],
    ['a sign', '+1\r\nx\r\n'],
    ['a prefix', '0x1\r\nx\r\n'],
    ['a size that is no safe integer', 'fffffffffffffff\r\nx'],
    ['a bare LF behind the size', '1\nx\r\n'],
    ['a bare CR in an extension', '1;a\rb\r\nx\r\n'],
    ['more bytes than its size', '1\r\nxy\r\n'],
    ['a bare LF behind its bytes', '1\r\nx\n'],
    ['a folded trailer', '0\r\nX-A: b\r\n c\r\n\r\n'],
    ['a trailer without a colon', '0\r\nX-A\r\n\r\n'],
    ['a long line', `1;${'x'.repeat(200)}`],
    ['long trailers', `0\r\n${'X-A: 012345678901234567890123456789\r\n'.repeat(20)}`],
  ])('with %s are unreadable', (_, text) => {
    for (const pieces of cuts(text)) expect(readChunks(pieces)).toBe('unreadable');
  });
});
