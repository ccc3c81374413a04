/**
 * The yardstick: what a proxy on Node's server and undici's pool costs that does nothing but proxy. Hop-by-hop fields
 * are left out, answers stream with backpressure, an abort on one side is an abort on the other. Nothing else.
 *
 * Bodies are collected and sent in one piece, as a proxy that sends them again has to do it, and because it is the
 * cheaper way for undici: the second argument `streaming` hands the request on as a stream instead.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { serveBench } from '../child.ts';

const [upstream = '', mode] = process.argv.slice(2);
const pool = new Pool(upstream, { connections: 256, pipelining: 1 });

const hopByHop = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);

function endToEnd(raw: readonly (Buffer | string)[]): string[] {
  const fields: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = text(raw[i] as Buffer | string);
    if (!hopByHop.has(name.toLowerCase())) fields.push(name, text(raw[i + 1] as Buffer | string));
  }
  return fields;
}

function text(part: Buffer | string): string {
  return typeof part === 'string' ? part : part.toString('latin1');
}

class Relay implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const response = this.#response;
    response.on('close', () => {
      if (!response.writableFinished) controller.abort(new Error('the caller has gone'));
    });
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status >= 200) this.#response.writeHead(status, endToEnd(controller.rawHeaders as Buffer[]));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    if (this.#response.headersSent) this.#response.destroy();
    else this.#response.writeHead(502).end();
  }
}

function send(request: IncomingMessage, body: IncomingMessage | Buffer | null, response: ServerResponse): void {
  const { method = '', url = '', rawHeaders } = request;
  pool.dispatch({ method, path: url, headers: endToEnd(rawHeaders), body }, new Relay(response));
}

serveBench(
  createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (mode === 'streaming') {
      send(request, request, response);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const [first = null] = chunks;
      send(request, chunks.length > 1 ? Buffer.concat(chunks) : first, response);
    });
  }),
);
