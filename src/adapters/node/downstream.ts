/** The caller's side of an exchange, over Node's HTTP server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Allocation, BodyRead } from '../../exchange/bodies.ts';
import type { CutCause } from '../../exchange/outcome.ts';
import type { Downstream } from '../../exchange/ports.ts';
import type { Fields } from '../../http/fields.ts';
import { ArrivingBody } from './body.ts';
import type { CallerConnections } from './connections.ts';
import type { Idler, Idlers, Taker } from './idlers.ts';
import { closeSoon } from './lingering.ts';
import { Reading } from './reading.ts';

/** What the exchanges of one server share. */
export interface Reception {
  readonly idlers: Idlers;
  readonly connections: CallerConnections;
  /** True: every answer ends its connection, so that its caller looks for another replica. */
  readonly retiring: boolean;
  /** True: what is open is being broken. */
  readonly stopping: boolean;
}

/** How much of 1xx answers waits for a caller to take it. */
const interimMaxBytes = 1_048_576;

/** For the 'error' of a socket or a response, which 'close' follows. Without a listener it would end the process. */
export const ignoreError = (): void => {};

export class NodeDownstream implements Downstream, Taker {
  readonly bodyBytes: number | null;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #reception: Reception;
  #awaitsContinue: boolean;
  /** Watches over bytes that the caller has to take or to send before it goes on. */
  #idler: Pick<Idler, 'done'> | null = null;
  #ended = false;
  #gone = false;
  #cutFor: CutCause | null = null;
  #onGone: (() => void) | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, reception: Reception, awaitsContinue: boolean) {
    this.#request = request;
    this.#response = response;
    this.#reception = reception;
    this.#awaitsContinue = awaitsContinue;
    this.bodyBytes = bodyBytes(request);
    reception.connections.began(request.socket);
    response.on('error', ignoreError);
    response.on('close', () => {
      reception.connections.ended(request.socket);
      this.#idler?.done();
      if (!response.writableFinished) this.#hungUp();
    });
  }

  get gone(): boolean {
    // A broken connection says so a moment later: the Coreapp's own could break before.
    return this.#gone || this.#reception.stopping;
  }

  get cutFor(): CutCause | null {
    return this.#cutFor ?? (this.#reception.stopping ? 'stopping' : null);
  }

  /** Of all that was written to its connection. */
  get taken(): number {
    const { socket } = this.#request;
    return socket.bytesWritten - socket.writableLength;
  }

  /** One that waits behind another's answer is not to blame. */
  get hasToTake(): boolean {
    return this.#response.socket !== null && this.#request.socket.writableLength > 0;
  }

  onGone(listener: (() => void) | null): void {
    this.#onGone = listener;
  }

  known(): void {
    this.#reception.connections.known(this.#request.socket);
  }

  read(maxBytes: number, allocation: Allocation): BodyRead | Promise<BodyRead> {
    if (this.#gone) return { kind: 'gone' };
    const { complete, readableLength } = this.#request;
    // What came together with its head is here already: small requests, nearly all of them.
    const here = (complete || readableLength === this.bodyBytes) && readableLength <= allocation.memoryMaxBytes;
    const bytes = here ? readableLength : this.bodyBytes;
    if (bytes !== null && bytes > maxBytes) return { kind: 'tooLarge' };
    if (here) return allocation.tryTake(readableLength) ? this.#readArrived() : { kind: 'noRoom' };
    const arriving = ArrivingBody.expect(bytes, maxBytes, allocation);
    return arriving === null ? { kind: 'noRoom' } : this.#readComing(arriving);
  }

  #readArrived(): BodyRead {
    const request = this.#request;
    this.#askForBody();
    // With its length: without one, Node 26 gives the first packet and no more.
    const { readableLength: bytes } = request;
    const body = bytes === 0 ? null : (request.read(bytes) as Buffer);
    request.resume(); // To its end, which Node waits for to let go of the request.
    return { kind: 'body', body };
  }

  #readComing(arriving: ArrivingBody): Promise<BodyRead> {
    this.#askForBody();
    return new Promise((resolve) => {
      const reading = new Reading(this.#request, arriving, this.#reception.idlers, (read) => {
        this.#onGone = null;
        resolve(read);
      });
      this.#onGone = () => reading.end({ kind: 'gone' });
    });
  }

  #askForBody(): void {
    if (this.#awaitsContinue) this.#response.writeContinue();
    this.#awaitsContinue = false;
  }

  information(status: number, fields: Fields): void {
    // HTTP/1.0 knows no 1xx (RFC 9110, 15.2), and Node before 24.19 has no way to write any.
    if (this.#response.headersSent || this.#request.httpVersion === '1.0') return;
    // A Coreapp may send 1xx answers without end to a caller that takes none, and nothing would hold it back.
    if (this.#response.writableLength > interimMaxBytes) return;
    this.#response.writeInformation?.(status, fields as string[]);
  }

  head(status: number, fields: Fields): void {
    this.#maybeRetire();
    try {
      this.#response.writeHead(status, fields as string[]);
    } catch (error) {
      // Trailers are announced, but this answer has no chunks that they could follow: HEAD, HTTP/1.0, a known length.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_HTTP_TRAILER_INVALID') throw error;
      this.#response.writeHead(status, without('trailer', fields));
    }
  }

  data(chunk: Buffer): boolean {
    if (this.#response.write(chunk)) return true;
    this.#watchTaking();
    return false;
  }

  onDrain(listener: () => void): void {
    this.#response.once(this.#ended ? 'finish' : 'drain', listener);
  }

  end(trailers: Fields): boolean {
    if (trailers.length > 0) this.#response.addTrailers(asPairs(trailers));
    this.#ended = true;
    this.#response.end();
    return this.#isTaken();
  }

  page(status: number, fields: Fields, body: string): void {
    const response = this.#response;
    // After a bug in the middle of an answer: another one can't follow.
    if (response.headersSent) return void this.cut();
    const unread = !this.#request.complete && this.bodyBytes !== 0;
    this.#maybeRetire();
    // Whether the body still comes is up to the caller: what follows could be either it or another request.
    const ends = unread && (this.#awaitsContinue || status === 408);
    if (ends) response.shouldKeepAlive = false;
    response.writeHead(status, [...fields, 'Content-Length', String(Buffer.byteLength(body))]);
    const text = this.#request.method === 'HEAD' ? '' : body;
    if (!unread || this.#awaitsContinue) {
      response.end(text);
      this.#isTaken();
      return;
    }
    if (text === '') response.flushHeaders();
    else response.write(text);
    if (ends) {
      this.#request.socket.end(); // The caller sees the end; what it sends all the same is still read.
      closeSoon(this.#request.socket);
    }
    this.#linger();
  }

  cut(): void {
    const { socket } = this.#request;
    // The caller gets what has come of the answer, above all its status: Node holds it back until the next tick.
    if (this.#response.headersSent) {
      this.#response.flushHeaders();
      socket.uncork();
    }
    // If the end of the connection is the end of the answer, an orderly end would make the answer look whole.
    const reset = this.#request.httpVersion === '1.0' && !('encrypted' in socket);
    if (reset) socket.resetAndDestroy();
    else this.#response.destroy();
  }

  #maybeRetire(): void {
    if (this.#reception.retiring) this.#response.shouldKeepAlive = false;
  }

  /** Whether an answer that has ended has left whole; if not, the caller is watched. */
  #isTaken(): boolean {
    if (this.#response.writableLength === 0) return true;
    this.#watchTaking();
    return false;
  }

  /** Cuts a caller off that takes its answer too slowly. */
  #watchTaking(): void {
    this.#idler ??= this.#reception.idlers.watchTaking(this, () => {
      this.#cutFor = 'callerSlow';
      this.cut();
    });
  }

  #hungUp(): void {
    this.#gone = true;
    const listener = this.#onGone;
    this.#onGone = null;
    listener?.();
  }

  /**
   * Reads on to the end of a body that nobody wants, within the time limit: closing on a caller that still sends would
   * reset the connection and lose the answer (RFC 9112, 9.6).
   */
  #linger(): void {
    this.#idler = this.#reception.idlers.watch(() => this.cut());
    this.#request.on('end', () => this.#response.end()).resume();
  }
}

/** The announced length; null: chunked; 0: none (RFC 9112, 6.3). Node has refused what is ambiguous. */
function bodyBytes(request: IncomingMessage): number | null {
  if (request.headers['transfer-encoding'] !== undefined) return null;
  const length = request.headers['content-length'];
  return length === undefined ? 0 : Number(length);
}

function asPairs(fields: Fields): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i] as string, fields[i + 1] as string]);
  return pairs;
}

function without(name: string, fields: Fields): string[] {
  return asPairs(fields)
    .filter(([candidate]) => candidate.toLowerCase() !== name)
    .flat();
}
