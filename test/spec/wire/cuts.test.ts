/**
 * The table of the wire as the codec reads it: each row cut in two at every place, and byte by byte, is the same as the
 * whole, and so is the request behind it. `gateway.test.ts` plays the rows on a whole Weir. Of a dozen rows that are
 * longer than 1,500 bytes it is each place near the beginning and the end.
 */
import { describe, expect, it } from 'vitest';
import { ChunkReader } from '../../../src/wire/codec/chunks.ts';
import { chunked, untilClose } from '../../../src/wire/codec/message.ts';
import { ResponseReader } from '../../../src/wire/codec/responses.ts';
import { limits, readStream } from '../../support/wire-streams.ts';
import { rows } from './rows/index.ts';

/** What is longer is long in one field or in its body: there, one cut is like the next. */
const everyPlaceMaxBytes = 1_500;
const edgeBytes = 300;

function* places(length: number): Iterable<number> {
  for (let at = 1; at < length; at++) {
    if (length > everyPlaceMaxBytes && at === edgeBytes) at = length - edgeBytes;
    yield at;
  }
}

/** Cut in two, and byte by byte. */
function* cuts(bytes: Buffer): Iterable<Buffer[]> {
  for (const at of places(bytes.length)) yield [bytes.subarray(0, at), bytes.subarray(at)];
  if (bytes.length <= everyPlaceMaxBytes) yield Array.from(bytes, (byte) => Buffer.of(byte));
}

/** Expects that every cut is read like the whole. Compared as text, which is the quickest. */
function expectSame(text: string, read: (pieces: readonly Buffer[]) => unknown): void {
  const bytes = Buffer.from(text, 'latin1');
  const whole = JSON.stringify(read([bytes]));
  for (const pieces of cuts(bytes)) {
    const cut = JSON.stringify(read(pieces));
    if (cut !== whole) expect(cut, `cut in ${pieces.length} behind ${pieces[0]?.length}`).toBe(whole);
  }
}

const requests = (pieces: readonly Buffer[]): unknown => readStream(pieces, () => true);

/** The heads up to a final one, its body and trailers, and how much is behind it. */
function answer(pieces: readonly Buffer[], method: string): unknown {
  const heads = new ResponseReader(limits, () => method);
  const chunks = new ChunkReader(limits);
  const read: unknown[] = [];
  let left: number | null = null;
  let body = '';
  const take = (part: Buffer): void => {
    body += part.toString('latin1');
  };
  let rest = 0;
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length && left === null) {
      const head = heads.read(piece, at);
      if (head === null) at = piece.length;
      // Why is in the log only, and may be found sooner or later.
      else if (head.kind === 'unreadable') return [...read, head.kind];
      else {
        at = heads.position;
        read.push(head);
        if (head.status >= 200) left = head.bodyLength;
      }
    }
    if (left === null || at === piece.length) continue;
    if (left === chunked) {
      const end = chunks.read(piece, at, take);
      if (typeof end === 'object') return [...read, body, end];
      if (end === 'more') continue;
      left = 0;
      at = chunks.position;
    } else {
      const part = left === untilClose ? piece.subarray(at) : piece.subarray(at, at + left);
      take(part);
      if (left !== untilClose) left -= part.length;
      at += part.length;
    }
    rest += piece.length - at;
  }
  return [read, left, body, chunks.trailers, rest];
}

const behind = 'GET /v1/probe HTTP/1.1\r\nHost: weir\r\n\r\n';

describe.each([...new Set(rows.map(({ section }) => section))])('section %s', (section) => {
  const own = rows.filter((row) => row.section === section);

  it.each(own.map((row) => [row.what, row] as const))('%s', (_, row) => {
    expectSame(row.bytes.replaceAll('{auth}', 'Authorization: x\r\n') + (row.later ?? '') + behind, requests);
    const method = row.reached[0]?.method ?? 'GET';
    if (row.answer !== undefined) expectSame(row.answer.bytes, (pieces) => answer(pieces, method));
  });
});
