/** The caller's side of an exchange, over Node's HTTP server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fields } from '../../model/exchange.ts';
import type { BodyRead, Caller } from '../../ports.ts';
import type { Idlers } from './idlers.ts';

/** How much of a body that nobody wants is still read after its refusal, so that the caller gets to read the answer. */
const lingerMaxBytes = 1_048_576;

export class NodeCaller implements Caller {
  readonly bodyBytes: number | null;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #idlers: Idlers;
  readonly #expectsContinue: boolean;
  #gone = false;
  #onGone: (() => void) | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, idlers: Idlers, expectsContinue: boolean) {
    this.#request = request;
    this.#response = response;
    this.#idlers = idlers;
    this.#expectsContinue = expectsContinue;
    this.bodyBytes = bodyBytes(request);
    response.on('close', () => {
      if (!response.writableFinished) this.#hungUp();
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  onGone(listener: (() => void) | null): void {
    this.#onGone = listener;
  }

  read(maxBytes: number): Promise<BodyRead> {
    if (this.bodyBytes !== null && this.bodyBytes > maxBytes) return Promise.resolve({ kind: 'tooLarge' });
    if (this.#expectsContinue) this.#response.writeContinue();
    return new Promise((resolve) => {
      const request = this.#request;
      const chunks: Buffer[] = [];
      let bytes = 0;
      const settle = (read: BodyRead): void => {
        idler.done();
        this.#onGone = null;
        request.off('data', take).off('end', end);
        resolve(read);
      };
      const take = (chunk: Buffer): void => {
        idler.moved();
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > maxBytes) settle({ kind: 'tooLarge' });
      };
      const end = (): void => settle({ kind: 'body', body: whole(chunks, bytes) });
      const idler = this.#idlers.watch(() => settle({ kind: 'tooSlow' }));
      this.#onGone = () => settle({ kind: 'gone' });
      request.on('data', take).on('end', end);
    });
  }

  information(status: number, fields: Fields): void {
    if (this.#response.headersSent) return;
    if (status === 102) this.#response.writeProcessing();
    // Node writes only these two; another 1xx is meant for the hop that asked for it (RFC 9110, 15.2).
    if (status === 103) this.#response.writeEarlyHints(asObject(fields));
  }

  head(status: number, fields: Fields): void {
    this.#response.writeHead(status, fields as string[]);
  }

  data(chunk: Buffer): boolean {
    return this.#response.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#response.once('drain', listener);
  }

  end(trailers: Fields): void {
    if (trailers.length > 0) this.#response.addTrailers(asPairs(trailers));
    this.#response.end();
  }

  page(status: number, fields: Fields, body: string): void {
    if (!this.#request.complete && this.bodyBytes !== 0) this.#linger();
    this.#response.writeHead(status, [...fields, 'Content-Length', String(Buffer.byteLength(body))]);
    this.#response.end(this.#request.method === 'HEAD' ? undefined : body);
  }

  cut(): void {
    this.#response.destroy();
  }

  #hungUp(): void {
    this.#gone = true;
    const listener = this.#onGone;
    this.#onGone = null;
    listener?.();
  }

  /** Closing at once on a caller that still sends would reset the connection and lose the answer (RFC 9112, 9.6). */
  #linger(): void {
    const request = this.#request;
    let bytes = 0;
    const idler = this.#idlers.watch(() => request.destroy());
    request
      .on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > lingerMaxBytes) request.destroy();
      })
      .on('close', () => idler.done());
  }
}

/** The announced length; null: chunked; 0: none (RFC 9112, 6.3). Node has refused what is ambiguous. */
function bodyBytes(request: IncomingMessage): number | null {
  if (request.headers['transfer-encoding'] !== undefined) return null;
  const length = request.headers['content-length'];
  return length === undefined ? 0 : Number(length);
}

function whole(chunks: Buffer[], bytes: number): Buffer | null {
  if (bytes === 0) return null;
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes);
}

function asPairs(fields: Fields): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i] as string, fields[i + 1] as string]);
  return pairs;
}

function asObject(fields: Fields): Record<string, string[]> {
  const object: Record<string, string[]> = {};
  for (const [name, value] of asPairs(fields)) {
    const values = object[name.toLowerCase()];
    if (values === undefined) object[name.toLowerCase()] = [value];
    else values.push(value);
  }
  return object;
}
