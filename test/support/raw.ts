/** A caller made of bytes: it sends what it is told to and reads answers by the letter of RFC 9112, forgiving nothing. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until, within } from './until.ts';

export type Pairs = readonly (readonly [name: string, value: string])[];

interface RawHead {
  readonly version: string;
  readonly status: number;
  readonly fields: Pairs;
}

export interface RawAnswer extends RawHead {
  /** 1xx answers that came before. */
  readonly interim: readonly RawHead[];
  readonly body: Buffer;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  readonly json: any;
  readonly trailers: Pairs;
  /** False: the connection broke before the answer's end. */
  readonly whole: boolean;
  /** The first value of a field; undefined: there is none. */
  field(name: string): string | undefined;
  all(name: string): string[];
}

export class RawCaller implements AsyncDisposable {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #closed: 'end' | 'reset' | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('end', () => {
      this.#ended = true;
    });
    socket.on('error', () => {
      this.#closed = 'reset';
    });
    socket.on('close', () => {
      this.#closed ??= 'end';
    });
  }

  /** What has come and was not read as an answer yet. */
  get unread(): Buffer {
    return this.#received;
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** The next final answer to a request with this method. Fails when the connection ends without a head. */
  async answer(method = 'GET', deadlineMs = 60_000): Promise<RawAnswer> {
    const taken = await until(() => this.#take(method), { what: `an answer to ${method}`, deadlineMs });
    if (taken instanceof Error) throw taken;
    return taken;
  }

  /** How the connection ended: in order, or with a reset. */
  async closed(deadlineMs = 60_000): Promise<'end' | 'reset'> {
    return await until(() => (this.#ended && this.#closed === null ? 'end' : this.#closed), {
      what: 'the end of the connection',
      deadlineMs,
    });
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = once(this.socket, 'close');
    this.socket.destroy();
    await within(closed, { what: 'the caller’s socket to close' });
  }

  #take(method: string): RawAnswer | Error | null {
    const over = this.#ended || this.#closed !== null;
    const found = answerIn(this.#received, method, over ? (this.#closed ?? 'end') : null);
    if (found === null) {
      return over ? new Error(`the connection ended (${this.#closed}) without an answer: ${this.#received}`) : null;
    }
    this.#received = this.#received.subarray(found.bytes);
    return found.answer;
  }
}

/**
 * The first final answer to a request with this method, and how many bytes it takes; null: it is not whole.
 * @param ended how the connection ended; null: more may come
 */
export function answerIn(
  bytes: Buffer,
  method: string,
  ended: 'end' | 'reset' | null,
): { readonly answer: RawAnswer; readonly bytes: number } | null {
  const interim: RawHead[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end === -1) return null;
    const head = headOf(bytes.toString('latin1', at, end));
    at = end + 4;
    if (head.status < 200) {
      interim.push(head);
      continue;
    }
    const read = bodyOf(head, method, bytes.subarray(at));
    if (read.end === null && ended === null) return null;
    const whole = read.end !== null || (read.untilClose && ended === 'end');
    return { answer: new Answer(head, interim, read, whole), bytes: read.end === null ? bytes.length : at + read.end };
  }
}

class Answer implements RawAnswer {
  readonly version: string;
  readonly status: number;
  readonly fields: Pairs;
  readonly interim: readonly RawHead[];
  readonly body: Buffer;
  readonly text: string;
  readonly trailers: Pairs;
  readonly whole: boolean;

  constructor({ version, status, fields }: RawHead, interim: readonly RawHead[], read: ReadBody, whole: boolean) {
    this.version = version;
    this.status = status;
    this.fields = fields;
    this.interim = interim;
    this.body = read.body;
    this.text = read.body.toString();
    this.trailers = read.trailers;
    this.whole = whole;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  get json(): any {
    return JSON.parse(this.text);
  }

  field(name: string): string | undefined {
    return this.all(name)[0];
  }

  all(name: string): string[] {
    return valuesOf(this.fields, name);
  }
}

export async function openCaller(port: number): Promise<RawCaller> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  return new RawCaller(socket);
}

export const valuesOf = (fields: Pairs, name: string): string[] =>
  fields.filter(([candidate]) => candidate.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

/** Field lines as they stand on the wire: names as they came, values without the white space around them. */
export function fieldLines(lines: readonly string[]): Pairs {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`not a field line: ${JSON.stringify(line)}`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
}

function headOf(text: string): RawHead {
  const [first = '', ...lines] = text.split('\r\n');
  const match = /^HTTP\/(1\.[01]) (\d{3}) /.exec(first);
  if (match === null) throw new Error(`not a status line: ${JSON.stringify(first)}`);
  return { version: match[1] as string, status: Number(match[2]), fields: fieldLines(lines) };
}

interface ReadBody {
  readonly body: Buffer;
  readonly trailers: Pairs;
  /** Where the body ends; null: it has not come whole, or only the end of the connection tells. */
  readonly end: number | null;
  readonly untilClose: boolean;
}

/** The body as framed (RFC 9112, 6.3). */
function bodyOf(head: RawHead, method: string, bytes: Buffer): ReadBody {
  const none = { trailers: [], untilClose: false };
  if (method === 'HEAD' || head.status === 204 || head.status === 304)
    return { ...none, body: Buffer.alloc(0), end: 0 };
  const coding = valuesOf(head.fields, 'transfer-encoding');
  const lengths = valuesOf(head.fields, 'content-length');
  if (coding.length > 0 && lengths.length > 0) throw new Error('both Transfer-Encoding and Content-Length');
  if (coding.length > 0) return chunkedBody(bytes);
  if (lengths.length === 0) return { body: bytes, trailers: [], end: null, untilClose: true };
  if (lengths.length > 1) throw new Error('more than one Content-Length');
  const length = Number(lengths[0]);
  return { ...none, body: bytes.subarray(0, length), end: bytes.length >= length ? length : null };
}

/** A body in chunks. */
export function chunkedBody(bytes: Buffer): ReadBody {
  const chunks: Buffer[] = [];
  const read = (end: number | null, trailers: Pairs = []): ReadBody => ({
    body: Buffer.concat(chunks),
    trailers,
    end,
    untilClose: false,
  });
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return read(null);
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (size === 0) {
      const end = bytes.indexOf('\r\n\r\n', line);
      if (end === -1) return read(null);
      const lines = bytes
        .toString('latin1', line, end)
        .split('\r\n')
        .filter((text) => text !== '');
      return read(end + 4, fieldLines(lines));
    }
    const data = bytes.subarray(line + 2, line + 2 + size);
    chunks.push(data);
    if (bytes.length < line + 2 + size + 2) return read(null);
    at = line + 2 + size + 2;
  }
}
