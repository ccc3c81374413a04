/** One HTTP request on a connection of its own, told as it went: an answer, or how the exchange broke. */
import { type IncomingHttpHeaders, request } from 'node:http';

export interface Asking {
  readonly fields?: Readonly<Record<string, string>>;
  /** Buffers and texts as they are; anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export interface Told {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly body: Buffer;
  /** False: the answer broke off. */
  readonly complete: boolean;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  readonly json: any;
}

/** Rejects with the socket's error when not even a head came (`ECONNRESET`, `ECONNREFUSED`, …). */
export async function ask(method: string, url: string, { fields, body, signal }: Asking = {}): Promise<Told> {
  const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return await new Promise<Told>((resolve, reject) => {
    const sent = request(url, {
      method,
      agent: false,
      headers: { ...(bytes === undefined ? {} : { 'Content-Length': Buffer.byteLength(bytes) }), ...fields },
      ...(signal === undefined ? {} : { signal }),
    });
    sent.on('error', reject);
    sent.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', () => {}); // The close that follows tells it.
      answer.on('close', () => resolve(told(answer.statusCode ?? 0, answer.headers, chunks, answer.complete)));
    });
    sent.end(bytes);
  });
}

function told(status: number, fields: IncomingHttpHeaders, chunks: readonly Buffer[], complete: boolean): Told {
  const body = Buffer.concat(chunks);
  return {
    status,
    fields,
    body,
    complete,
    get text() {
      return body.toString();
    },
    get json() {
      return JSON.parse(body.toString());
    },
  };
}
