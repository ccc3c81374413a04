/** What the simulators of other APIs share: a port, whole requests, and what was seen of them. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, Listener } from '../listener.ts';

export interface Asked {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly fields: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly fields?: Readonly<Record<string, string>>;
  /** A text as it is, parts as a stream of events, anything else as JSON. */
  readonly body?: unknown;
  readonly events?: readonly string[];
}

export interface SimulatedApi {
  /** As it says of itself. */
  readonly name: string;
  answer(asked: Asked): Answer | Promise<Answer>;
  /** What it has seen, for `GET /_simulator/seen`. */
  seen(): unknown;
  /** `POST /_simulator/<what>`: true, it is done; else what there is. */
  command(what: string, query: URLSearchParams): boolean;
  /** It is reachable now. */
  open?(): void;
  /** Lets go of its timers. */
  close?(): void;
}

export interface ApiSimulator extends AsyncDisposable {
  /** Without a trailing slash. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const prefix = '/_simulator/';
const bodyMaxBytes = 100 * 2 ** 20;

/** Rejects with the error of `listen` (`EADDRINUSE`, …). */
export async function startApi(api: SimulatedApi, { host = '127.0.0.1', port = 0 } = {}): Promise<ApiSimulator> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    request.on('error', () => {});
    response.on('error', () => {});
    serve(api, request, response).catch((error: unknown) => {
      if (!response.headersSent) write(response, { status: 500, body: { error: String(error) } });
      else response.destroy();
    });
  };
  const listener = new Listener(answer, host, port, (socket) => socket.on('error', () => {}));
  await listener.open();
  api.open?.();
  const close = async (): Promise<void> => {
    api.close?.();
    await listener.stop();
  };
  return { url: listener.url, port: listener.port, close, [Symbol.asyncDispose]: close };
}

async function serve(api: SimulatedApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://simulator');
  const body = await bodyOf(request, bodyMaxBytes);
  if (body === null) return write(response, { status: 413 });
  const method = request.method ?? 'GET';
  if (pathname.startsWith(prefix)) {
    const what = pathname.slice(prefix.length);
    if (method === 'GET' && what === 'seen') return write(response, { status: 200, body: api.seen() });
    const done = method === 'POST' && api.command(what, searchParams);
    const error = `unknown, or without what it needs: ${method} ${request.url}`;
    return write(response, done ? { status: 204 } : { status: 404, body: { error } });
  }
  const asked = { method, path: pathname, query: searchParams, fields: request.headers, body };
  write(response, await api.answer(asked));
}

function write(response: ServerResponse, { status, fields = {}, body, events }: Answer): void {
  if (events !== undefined) {
    response.writeHead(status, { 'Content-Type': 'text/event-stream', ...fields });
    for (const event of events) response.write(`data: ${event}\n\n`);
    response.end();
    return;
  }
  const isText = typeof body === 'string';
  const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(isText ? body : JSON.stringify(body));
  const type = bytes === undefined || isText || Buffer.isBuffer(body) ? {} : { 'Content-Type': 'application/json' };
  response.writeHead(status, {
    ...type,
    ...(bytes === undefined ? {} : { 'Content-Length': bytes.length }),
    ...fields,
  });
  response.end(bytes);
}

/** A JSON object in a body; null: it is none. */
export function objectIn(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
