/**
 * What a caller sends on one connection: requests one behind the other, made by chance, and as Weir's codec reads them,
 * however they are cut.
 */
import { createReceive } from '../../src/exchange/receive.ts';
import { ownFields } from '../../src/http/own-fields.ts';
import { ChunkReader } from '../../src/wire/codec/chunks.ts';
import { chunked, type RequestMessage } from '../../src/wire/codec/message.ts';
import { RequestReader } from '../../src/wire/codec/requests.ts';
import { VirtualClock } from './virtual-clock.ts';

export const limits = { lineMaxBytes: 4_096, fieldsMaxBytes: 8_192, fieldsMax: 50 };

export interface Meaning {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
  readonly body: string;
}

interface ReadStream {
  /** The requests that were read whole. */
  readonly meanings: readonly Meaning[];
  /** Where in the bytes each of them ends. */
  readonly ends: readonly number[];
  /** `refused`: nothing behind them may be read. `last`: the last of them ends its connection. */
  readonly over: 'more' | 'refused' | 'last';
}

const receive = createReceive({
  clock: new VirtualClock(),
  newId: () => 'id',
  own: ownFields(),
  guardedPath: null,
  trusts: () => false,
});

/** Whether Weir serves it: its form is judged by `receive`, which the codec leaves some of it to. */
const isServed = ({ method, target, version, fields }: RequestMessage): boolean =>
  method !== 'CONNECT' &&
  receive({ method, target, version, fields: [...fields], peer: '127.0.0.1', secure: false }).refusal === null;

/** As `CallerConnection` reads: a head, its body, the next head. What Weir does not serve counts as refused here. */
export function readStream(pieces: readonly Buffer[], isAccepted = isServed): ReadStream {
  const heads = new RequestReader(limits);
  const meanings: Meaning[] = [];
  let head: RequestMessage | null = null;
  let chunks: ChunkReader | null = null;
  let left = 0;
  let body = '';
  let before = 0;
  const ends: number[] = [];
  const take = (part: Buffer): void => {
    body += part.toString('latin1');
  };
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      if (head === null) {
        const read = heads.read(piece, at);
        if (read === null) break;
        if (read.kind === 'unreadable' || !isAccepted(read)) return { meanings, ends, over: 'refused' };
        at = heads.position;
        head = read;
        left = read.bodyLength;
        chunks = left === chunked ? new ChunkReader(limits) : null;
      } else if (chunks !== null) {
        const read = chunks.read(piece, at, take);
        if (typeof read === 'object') return { meanings, ends, over: 'refused' };
        if (read === 'more') break;
        at = chunks.position;
        left = 0;
      } else {
        const part = piece.subarray(at, at + left);
        take(part);
        at += part.length;
        left -= part.length;
      }
      if (left !== 0) continue;
      const { method, target, fields, persistent } = head;
      meanings.push({ method, target, fields, body });
      ends.push(before + at);
      head = null;
      body = '';
      if (!persistent) return { meanings, ends, over: 'last' };
    }
    before += piece.length;
  }
  return { meanings, ends, over: 'more' };
}

export const requestBases = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /v1/messages?x=1 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nX-One:  two \r\n\r\nhello',
  'PUT /a%20b HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\n\r\n',
  'DELETE http://a/b HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
];
const pieces = [
  ...'\r\n \t\0:;,"%01+-_#\x7f\x80\xff',
  ...['\r\n', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n', 'chunked', ' folded: x\r\n'],
  'HTTP/1.2',
];

const pick = <T>(list: readonly T[], random: () => number): T => list[Math.floor(random() * list.length)] as T;

/** One of the bases with one to three changes. */
export function mutated(bases: readonly string[], random: () => number): string {
  let bytes = pick(bases, random);
  for (let times = Math.floor(random() * 3); times >= 0; times--) {
    const at = Math.floor(random() * (bytes.length + 1));
    const removed = random() < 0.5 ? 0 : Math.floor(random() * 4);
    bytes = bytes.slice(0, at) + (random() < 0.75 ? pick(pieces, random) : '') + bytes.slice(at + removed);
  }
  return bytes;
}

/** Two to four requests, of which some are changed; most are such as leave their connection open. */
export function pipeline(random: () => number): string {
  let bytes = '';
  for (let requests = 2 + Math.floor(random() * 3); requests > 0; requests--) {
    const bases = requests === 1 ? requestBases : requestBases.slice(0, 3);
    bytes += random() < 0.5 ? mutated(bases, random) : pick(bases, random);
  }
  return bytes;
}

/** The same bytes in up to five pieces. */
export function cutAnywhere(bytes: Buffer, random: () => number): Buffer[] {
  const cuts = Array.from({ length: Math.floor(random() * 5) }, () => Math.floor(random() * (bytes.length + 1)));
  const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((to, i) => bytes.subarray(places[i], to));
}
