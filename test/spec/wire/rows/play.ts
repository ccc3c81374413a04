/** Plays a row on a gateway in front of a recording upstream, and says what came of it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { listening } from '../../../support/ports.ts';
import { answerIn, chunkedBody, fieldLines, type RawAnswer, valuesOf } from '../../../support/raw.ts';
import { within } from '../../../support/until.ts';
import type { Reached, Row, UpstreamAnswer } from './row.ts';

/** A request as it arrived; one that can't be read has all its bytes for a method. */
export interface Arrival {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [lower: string, value: string])[];
  readonly body: string;
  readonly connection: number;
}

interface Seen {
  readonly answers: readonly RawAnswer[];
  /** `probe`: the request behind the row's was answered. `silence`: no more came in time. */
  readonly how: 'probe' | 'end' | 'reset' | 'garbled' | 'silence';
  readonly arrivals: readonly Arrival[];
  /** The request behind the row's; null: it did not arrive. */
  readonly probe: Arrival | null;
}

/** The request behind a row's, and what is said to it. */
const probeTarget = '/v1/probe';
const probeBody = 'probe!';
const answerOf = (body: string): UpstreamAnswer => ({
  bytes: `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
});
const isProbe = ({ target }: Arrival): boolean => target === probeTarget;

/** At which places bytes are cut; each piece is sent in a turn of the event loop of its own. */
export type Cut = (length: number) => readonly number[];
export const whole: Cut = () => [];
export const byteByByte: Cut = (length) => Array.from({ length: length - 1 }, (_, at) => at + 1);

/** An upstream that takes down each request as it was framed, and answers by the row that is played. */
export class Recorder implements AsyncDisposable {
  readonly arrivals: Arrival[] = [];
  answer: UpstreamAnswer = answerOf('ok');
  /** Where that is cut. */
  cut: Cut = whole;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor() {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#serve(socket));
  }

  static async start(): Promise<Recorder> {
    const recorder = new Recorder();
    await listening(recorder.#server);
    return recorder;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    const connection = ++this.#connections;
    let held = Buffer.alloc(0);
    let isRead = true;
    let waits = false;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes]);
      for (let read = isRead ? readOne(held) : null; read !== null; read = isRead ? readOne(held) : null) {
        const { arrival, length } = read;
        const script = isProbe({ ...arrival, connection }) ? answerOf(probeBody) : this.answer;
        isRead = script.early !== true;
        if (length === null && isRead) {
          if (!waits && valuesOf(arrival.fields, 'expect').length > 0) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
          waits = true;
          return;
        }
        waits = false;
        if (isRead) this.arrivals.push({ ...arrival, connection });
        held = held.subarray(length ?? held.length);
        void say(socket, script, arrival.method, script === this.answer ? this.cut : whole);
      }
    });
  }
}

async function say(socket: Socket, { bytes, over }: UpstreamAnswer, method: string, cut: Cut): Promise<void> {
  // A row says itself what answers a HEAD; the usual answer has no body then.
  const text = method === 'HEAD' && bytes === answerOf('ok').bytes ? bytes.slice(0, -2) : bytes;
  await send(socket, Buffer.from(text, 'latin1'), cut);
  if (over === 'reset') socket.write('', () => socket.resetAndDestroy());
  if (over === 'end') socket.end();
}

async function send(socket: Socket, bytes: Buffer, cut: Cut): Promise<void> {
  const places = [0, ...cut(bytes.length).filter((at) => at > 0 && at < bytes.length), bytes.length];
  for (let i = 1; i < places.length; i++) {
    socket.write(bytes.subarray(places[i - 1], places[i]));
    if (i + 1 < places.length) await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Read {
  readonly arrival: Omit<Arrival, 'connection'>;
  /** Null: its body is not whole. */
  readonly length: number | null;
}

/** The first request of what has come; null: its head is not whole. */
function readOne(bytes: Buffer): Read | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const text = bytes.toString('latin1', 0, end);
  const [first = '', ...lines] = text.split('\r\n');
  try {
    const [method = '', target = '', version = ''] = first.split(' ');
    if (!/^HTTP\/1\.[01]$/.test(version)) throw new Error('no request line');
    const fields = fieldLines(lines).map(([name, value]) => [name.toLowerCase(), value] as const);
    const rest = bytes.subarray(end + 4);
    const length = Number(valuesOf(fields, 'content-length')[0] ?? 0);
    const isChunked = valuesOf(fields, 'transfer-encoding').length > 0;
    const read = isChunked
      ? chunkedBody(rest)
      : { body: rest.subarray(0, length), end: length > rest.length ? null : length };
    const arrival = { method, target, fields, body: read.body.toString('latin1') };
    return { arrival, length: read.end === null ? null : end + 4 + read.end };
  } catch {
    return { arrival: { method: text, target: '', fields: [], body: '' }, length: bytes.length };
  }
}

interface Gateway {
  readonly port: number;
  /** The line of a credential; null: each row has one of its own, so that what comes late is not taken for another row's. */
  readonly auth: string | null;
  readonly recorder: Recorder;
  /** How long something is waited for; not there: until the test's end. */
  readonly patienceMs?: number;
}

let plays = 0;

/** Sends a row, then another request: it is served if the connection goes on. */
export async function play(row: Row, cut: Cut, { port, auth, recorder, patienceMs }: Gateway): Promise<Seen> {
  const line = auth ?? `Authorization: Bearer row-${++plays}\r\n`;
  const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('{auth}', line), 'latin1');
  recorder.arrivals.length = 0;
  recorder.answer = row.answer ?? answerOf('ok');
  // What comes behind an answer is seen only if it comes with it.
  recorder.cut = row.again === false ? whole : cut;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const caller = new Caller(socket, row);
  await once(socket, 'connect');
  await send(socket, bytesOf(row.bytes), cut);
  const waiting = patienceMs === undefined ? {} : { deadlineMs: patienceMs };
  const silence = (): void => caller.over('silence');
  if (row.later !== undefined) await within(caller.continued, { what: '100 Continue', ...waiting }).catch(silence);
  const probe = `GET ${probeTarget} HTTP/1.1\r\nHost: weir\r\n{auth}\r\n`;
  if (row.ends) socket.end();
  else socket.write(bytesOf((row.later ?? '') + probe));
  if (patienceMs !== undefined) await within(caller.ended, { what: 'an end', ...waiting }).catch(silence);
  const how = await caller.ended;
  socket.destroy();
  const own = recorder.arrivals.filter(({ fields }) =>
    valuesOf(fields, 'authorization').every((value) => line === `Authorization: ${value}\r\n`),
  );
  return {
    answers: caller.answers.filter(({ text }) => text !== probeBody),
    how,
    arrivals: own.filter((arrival) => !isProbe(arrival)),
    probe: own.find(isProbe) ?? null,
  };
}

class Caller {
  readonly answers: RawAnswer[] = [];
  readonly ended: Promise<Seen['how']>;
  /** It is to go on with the body, or need not any more. */
  readonly continued: Promise<void>;
  over: (how: Seen['how']) => void = () => {};
  #goOn: () => void = () => {};
  readonly #row: Row;
  #received = Buffer.alloc(0);

  constructor(socket: Socket, row: Row) {
    this.#row = row;
    this.continued = new Promise((resolve) => {
      this.#goOn = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.over = (how) => {
        resolve(how);
        this.#goOn();
      };
    });
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      if (this.#received.toString('latin1', 0, 12) === 'HTTP/1.1 100') this.#goOn();
      this.#read(null);
    });
    socket.on('end', () => this.#read('end'));
    socket.on('error', () => this.#read('reset'));
    socket.on('close', () => this.#read('end'));
  }

  #read(ended: 'end' | 'reset' | null): void {
    try {
      for (;;) {
        const found = answerIn(this.#received, this.#methodOf(this.answers.length), ended);
        if (found === null) break;
        this.#received = this.#received.subarray(found.bytes);
        this.answers.push(found.answer);
        if (found.answer.text === probeBody) this.over('probe');
      }
    } catch {
      this.over('garbled');
    }
    if (ended !== null) this.over(ended);
  }

  /** HEAD is the only one that matters. */
  #methodOf(answer: number): string {
    const { bytes, reached, statuses } = this.#row;
    return answer >= statuses.length ? 'GET' : (reached[answer]?.method ?? bytes.split(' ')[0] ?? '');
  }
}

/** What is wrong with what came of a row; null: nothing. */
export function faultIn(row: Row, seen: Seen): string | null {
  const { answers, arrivals, probe, how } = seen;
  const statuses = answers.map(({ status }) => status);
  return (
    faultInArrivals(row, arrivals) ??
    (JSON.stringify(statuses) === JSON.stringify(row.statuses) ? null : `answered: ${statuses}`) ??
    ((how === 'probe') === row.goesOn && (probe !== null) === row.goesOn
      ? null
      : `goes on: ${how}, ${probe !== null}`) ??
    faultInConnection(row, seen) ??
    faultInTold(row, answers[0])
  );
}

/**
 * The same for other gateways, by the MUSTs alone. They may say no with any status or with the end of the connection,
 * end a connection that could go on, send a GET again whose connection broke (RFC 9110, 9.2.2), and add fields.
 */
export function faultOfPeer(row: Row, seen: Seen): string | null {
  const { answers, probe, how } = seen;
  const statuses = answers.map(({ status }) => status);
  const saysNo = how !== 'silence' && statuses.every((status) => status >= 300);
  const arrivals = seen.arrivals.filter(({ method, connection }, i) => {
    const before = seen.arrivals[i - 1];
    return (method !== 'GET' && method !== 'HEAD') || before?.method !== method || before.connection === connection;
  });
  if (row.statuses.length === 1 && row.statuses.every((status) => status >= 400)) {
    if (row.mendable && arrivals.every(isValid) && answers.every(({ fields }) => areValid(fields))) return null;
    return faultInArrivals(row, arrivals) ?? (saysNo ? null : `not refused: ${statuses}, ${how}`);
  }
  // Another answer in the place of one that broke is as good as showing that it did.
  if (row.told?.whole === false && saysNo) return null;
  const kinds = (all: readonly number[]): string => all.map((status) => Math.floor(status / 100)).join();
  return (
    faultInArrivals(row, arrivals) ??
    (kinds(statuses) === kinds(row.statuses) ? null : `answered: ${statuses}, ${how}`) ??
    (row.goesOn || probe === null ? null : 'goes on') ??
    (row.again === true ? null : faultInConnection(row, seen)) ??
    faultInTold(row, answers[0])
  );
}

/** No sender may write anything else (RFC 9110, 2.2), and every request names one host. */
function isValid({ method, target, fields }: Arrival): boolean {
  const hasForm = /^(?:\/|https?:\/\/[^/])[\x21-\x7e]*$/.test(target) || (method === 'OPTIONS' && target === '*');
  return hasForm && /^[!#$%&'*+.^`|~\w-]+$/.test(method) && valuesOf(fields, 'host').length === 1 && areValid(fields);
}

const areValid = (fields: RawAnswer['fields']): boolean =>
  fields.every(([name, value]) => /^[!#$%&'*+.^`|~\w-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value));

function faultInArrivals({ reached }: Row, arrivals: readonly Arrival[]): string | null {
  const text = ({ method, target, body }: Reached | Arrival): string => `${method} ${target} ${body}`;
  // A target may go on in the absolute form if it came so (RFC 9112, 3.2.2).
  const arrived = arrivals.map((one) => text({ ...one, target: one.target.replace(/^https?:\/\/[^/]+(?=\/)/i, '') }));
  if (JSON.stringify(arrived) !== JSON.stringify(reached.map(text))) return `arrived: ${JSON.stringify(arrived)}`;
  const faults = reached.map((one, i) => faultInFields(one, arrivals[i] as Arrival));
  return faults.find((fault) => fault !== null) ?? null;
}

function faultInConnection({ again }: Row, { arrivals, probe }: Seen): string | null {
  if (again === undefined || probe === null) return null;
  const isAgain = probe.connection === arrivals.at(-1)?.connection;
  return isAgain === again ? null : `the connection to the upstream is used again: ${isAgain}`;
}

function faultInTold({ told }: Row, answer: RawAnswer | undefined): string | null {
  if (told === undefined) return null;
  if (answer === undefined) return 'no answer';
  const { body, has = [], lacks = [], interim, trailers, whole: isWhole = true } = told;
  const lines = answer.fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  const missing = has.filter((line) => !lines.includes(line));
  const there = lacks.filter((name) => lines.some((line) => line.startsWith(`${name}:`)));
  const before = answer.interim.map(({ status }) => status);
  if (body !== undefined && answer.body.toString('latin1') !== body) return `its body: ${answer.body.subarray(0, 80)}`;
  if (answer.whole !== isWhole) return `whole: ${answer.whole}`;
  if (missing.length + there.length > 0) return `missing: ${missing}; there: ${there}`;
  if (interim !== undefined && `${before}` !== `${interim}`) return `1xx: ${before}`;
  return trailers === undefined || `${answer.trailers}` === `${fieldLines(trailers)}`
    ? null
    : `trailers: ${answer.trailers}`;
}

function faultInFields({ has = {}, lacks = [] }: Reached, { fields }: Arrival): string | null {
  const valueIn = (name: string): string | null => {
    const values = fields.filter(([one]) => one === name).map(([, value]) => value);
    return values.length === 0 ? null : values.join(', ');
  };
  for (const [name, value] of Object.entries(has)) {
    if (valueIn(name) !== value) return `${name}: ${valueIn(name)}`;
  }
  const there = lacks.find((name) => valueIn(name) !== null);
  return there === undefined ? null : `${there} arrived`;
}
