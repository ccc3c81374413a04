/**
 * The referee of the wire: what the codec accepts, Node's own parser accepts with the same meaning. `WIRE_FUZZ_SEED`
 * is a number that replays a run, or `random`; `WIRE_FUZZ_RUNS` says how many mutations are tried. `npm run fuzz:wire`
 * tries a million with another seed each time.
 */
import { createServer, type IncomingMessage, METHODS, request } from 'node:http';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { readTarget } from '../../src/http/target.ts';
import { ChunkReader } from '../../src/wire/codec/chunks.ts';
import { type BodyLength, chunked, type RequestMessage, untilClose } from '../../src/wire/codec/message.ts';
import { ResponseReader } from '../../src/wire/codec/responses.ts';
import { dice } from '../support/dice.ts';
import {
  cutAnywhere,
  limits,
  type Meaning,
  mutated,
  pipeline,
  readStream,
  requestBases,
} from '../support/wire-streams.ts';

const seed = seedOf(process.env.WIRE_FUZZ_SEED ?? '1');
const runs = Number(process.env.WIRE_FUZZ_RUNS ?? 100_000);

function seedOf(text: string): number {
  return text === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(text);
}

const answerBases = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One:  two \r\n\r\nhello',
  'HTTP/1.1 201 \r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.0 404 Not Found\r\nServer: a\r\n\r\nhello',
  'HTTP/1.1 204 No Content\r\nDate: Thu, 26 Nov 2026 00:00:00 GMT\r\n\r\n',
  'HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n',
];
/** A body and where it ends; null: it is refused, or not whole. */
function bodyAt(bytes: Buffer, at: number, length: BodyLength): { readonly body: string; readonly end: number } | null {
  if (length !== chunked) {
    const end = at + length;
    return bytes.length < end ? null : { body: bytes.toString('latin1', at, end), end };
  }
  let body = '';
  const chunks = new ChunkReader(limits);
  const read = chunks.read(bytes, at, (part) => (body += part.toString('latin1')));
  return read === 'end' ? { body, end: chunks.position } : null;
}

/** Of an accepted text what it means, and its bytes. */
interface Accepted<Meaning> {
  readonly meaning: Meaning;
  readonly pieces: readonly Buffer[];
}

/** The codec leaves the forms of a target to this one. */
const hasTarget = ({ target, method }: RequestMessage): boolean => readTarget(target, method).kind !== 'malformed';

/** What the codec reads whole of a stream; null: nothing. */
function accepted(text: string, random: () => number): Accepted<readonly Meaning[]> | null {
  const bytes = Buffer.from(text, 'latin1');
  const whole = readStream([bytes], hasTarget);
  const cut = cutAnywhere(bytes, random);
  if (JSON.stringify(readStream(cut, hasTarget)) !== JSON.stringify(whole))
    throw new Error(`A cut changes what is read: ${JSON.stringify(cut.map((piece) => piece.toString('latin1')))}`);
  const { meanings, ends } = whole;
  return meanings.length === 0
    ? null
    : { meaning: meanings, pieces: cutAnywhere(bytes.subarray(0, ends.at(-1)), random) };
}

const known = new Set(METHODS);

/** Where Node refuses what RFC 9112 lets pass, and nothing is read in two ways. `rest` is what follows the head. */
const refusedByNode: readonly {
  readonly why: string;
  readonly code: RegExp;
  readonly is: (head: string, rest: string) => boolean;
}[] = [
  {
    why: 'blanks around the semicolon or the equals sign of a chunk extension (7.1.1)',
    code: /^HPE_INVALID_CHUNK_SIZE$|^HPE_STRICT$/,
    is: (_, rest) => /(?:^|\r\n)[0-9a-f]+(?:[\t ]+;|;[^\r]*[\t ])/i.test(rest),
  },
  {
    why: 'a method that Node has no name for (RFC 9110, 9.1)',
    code: /^HPE_INVALID_METHOD$|^HPE_INVALID_CONSTANT$/,
    is: (head) => !known.has(head.replace(/^(?:\r\n)+/, '').split(' ')[0] ?? ''),
  },
  {
    why: 'a blank behind the value of a field (5.1)',
    code: /^HPE_INVALID_TRANSFER_ENCODING$/,
    is: (head) => /\r\nTransfer-Encoding:[\t ]*chunked[\t ]*\t[\t ]*\r\n/i.test(head),
  },
  {
    why: 'a field about framing among the trailers, where it says nothing: they are let go (RFC 9110, 6.5.1)',
    code: /^HPE_INVALID_(?:TRANSFER_ENCODING|CONTENT_LENGTH)$/,
    is: (_, rest) => /\r\n0+[^\r]*\r\n(?:[^\r]+\r\n)*(?:Transfer-Encoding|Content-Length):/i.test(`\r\n${rest}`),
  },
];

function isKnown(bytes: Buffer, node: readonly Meaning[] | string): boolean {
  if (typeof node !== 'string') return false;
  // Any of several requests may be the one that is refused.
  return messagesIn(bytes).some((message) => {
    const end = message.indexOf('\r\n\r\n') + 4;
    return refusedByNode.some(({ code, is }) => code.test(node) && is(message.slice(0, end), message.slice(end)));
  });
}

function messagesIn(bytes: Buffer): string[] {
  const { ends } = readStream([bytes], hasTarget);
  return ends.map((end, i) => bytes.toString('latin1', ends[i - 1] ?? 0, end));
}

const server = createServer({ requireHostHeader: false });
let told: (said: Meaning | string) => void = () => {};
server.on('clientError', (error: Error & { code?: string }) => told(error.code ?? error.message));
const hear = (request: IncomingMessage): void => {
  let body = '';
  request.on('data', (part: Buffer) => (body += part.toString('latin1')));
  request.on('end', () =>
    told({ method: request.method ?? '', target: request.url ?? '', fields: request.rawHeaders, body }),
  );
};
server.on('request', hear).on('checkContinue', hear).on('checkExpectation', hear);

async function asNodeReads(pieces: readonly Buffer[], requests: number): Promise<readonly Meaning[] | string> {
  const heard: Meaning[] = [];
  let error: string | null = null;
  told = (said) => {
    if (typeof said === 'string') error = said;
    else heard.push(said);
  };
  const socket = new Duplex({ read() {}, write: (_, __, done) => done() });
  server.emit('connection', socket);
  for (const piece of pieces) socket.push(piece);
  // The parser and the bodies' streams need some turns of the event loop; these are counted, not timed. The last two are
  // for a request that should not come.
  const turns = 6 * requests;
  for (let turn = 0; turn < turns && heard.length < requests && error === null; turn++) await new Promise(setImmediate);
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  socket.destroy();
  return error ?? heard;
}

/** Nothing is read otherwise than the referee reads it, but for what is known. */
async function judge<Meaning>(
  texts: (random: () => number) => string,
  accepted: (text: string, random: () => number) => Accepted<Meaning> | null,
  asNode: (accepted: Accepted<Meaning>) => Promise<Meaning | string>,
  isKnown: (bytes: Buffer, node: Meaning | string) => boolean,
  times = runs,
): Promise<void> {
  const random = dice(seed);
  let judged = 0;
  const differences: string[] = [];
  for (let run = 0; run < times && differences.length < 5; run++) {
    const read = accepted(texts(random), random);
    if (read === null) continue;
    judged += 1;
    const node = await asNode(read);
    const bytes = Buffer.concat(read.pieces);
    if (JSON.stringify(node) === JSON.stringify(read.meaning) || isKnown(bytes, node)) continue;
    differences.push(JSON.stringify({ bytes: bytes.toString('latin1'), codec: read.meaning, node }));
  }
  expect(differences).toEqual([]);
  expect(judged).toBeGreaterThan(times / 20);
}

const requestAsNode = ({ meaning, pieces }: Accepted<readonly Meaning[]>) => asNodeReads(pieces, meaning.length);

test(`What the codec accepts, Node reads the same way (WIRE_FUZZ_SEED=${seed})`, { timeout: 600_000 }, () =>
  judge((random) => mutated(requestBases, random), accepted, requestAsNode, isKnown),
);

test(
  `So it does with several requests in one stream, cut anywhere (WIRE_FUZZ_SEED=${seed})`,
  { timeout: 600_000 },
  () => judge(pipeline, accepted, requestAsNode, isKnown, runs / 4),
);

interface AnswerMeaning {
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: string;
}

/** The answer to a GET as the codec reads it, and its bytes; null: refused, not final, or not whole. */
function acceptedAnswer(text: string): Accepted<AnswerMeaning> | null {
  const bytes = Buffer.from(text, 'latin1');
  const reader = new ResponseReader(limits, () => 'GET');
  const head = reader.read(bytes, 0);
  if (head === null || head.kind === 'unreadable' || head.status < 200) return null;
  const length = head.bodyLength === untilClose ? bytes.length - reader.position : head.bodyLength;
  const read = bodyAt(bytes, reader.position, length);
  if (read === null) return null;
  const { status, fields } = head;
  return { meaning: { status, fields, body: read.body }, pieces: [bytes.subarray(0, read.end)] };
}

async function answerAsNodeReads({ pieces }: Accepted<AnswerMeaning>): Promise<AnswerMeaning | string> {
  let heard: AnswerMeaning | string | null = null;
  const socket = new Duplex({ read() {}, write: (_, __, done) => done() });
  const asked = request({ createConnection: () => socket, headers: { connection: 'close' } });
  asked.on('error', (error: Error & { code?: string }) => (heard ??= error.code ?? error.message));
  asked.on('response', (answer) => {
    let body = '';
    answer.on('data', (part: Buffer) => (body += part.toString('latin1')));
    answer.on('error', (error: Error & { code?: string }) => (heard ??= error.code ?? error.message));
    answer.on('end', () => {
      heard ??= { status: answer.statusCode ?? 0, fields: answer.rawHeaders, body };
    });
  });
  asked.end();
  for (const piece of pieces) socket.push(piece);
  socket.push(null);
  for (let turn = 0; turn < 12 && heard === null; turn++) await new Promise(setImmediate);
  socket.destroy();
  asked.destroy();
  return heard ?? 'nothing';
}

/** As for requests; and what RFC 9112 has a gateway do with answers alone. */
const answersRefusedByNode: typeof refusedByNode = [
  ...refusedByNode,
  {
    why: 'a blank before a colon, which has to be taken out (5.1)',
    code: /^HPE_INVALID_HEADER_TOKEN$/,
    is: (head) => /\r\n[^\r:]+[\t ]+:/.test(head),
  },
  {
    why: 'a tab behind "chunked", with which Node takes it for another coding (5.1)',
    code: /^read otherwise$/,
    is: (head) => /\r\nTransfer-Encoding[\t ]*:[\t ]*chunked[\t ]*\t[\t ]*\r\n/i.test(head),
  },
];

function isKnownAnswer(bytes: Buffer, node: AnswerMeaning | string): boolean {
  const said = typeof node === 'string' ? node : 'read otherwise';
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n') + 4;
  return answersRefusedByNode.some(({ code, is }) => code.test(said) && is(text.slice(0, end), text.slice(end)));
}

test(`What the codec accepts of answers, Node reads the same way (WIRE_FUZZ_SEED=${seed})`, { timeout: 600_000 }, () =>
  judge((random) => mutated(answerBases, random), acceptedAnswer, answerAsNodeReads, isKnownAnswer),
);
