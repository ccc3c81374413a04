/** The caller's side of an exchange: one request of a connection, and its answer. */

import type { Socket } from 'node:net';
import { type Allocation, type BodyRead, keptInMemory } from '../../exchange/bodies.ts';
import type { CutCause } from '../../exchange/outcome.ts';
import type { Downstream, GoneListener } from '../../exchange/ports.ts';
import type { Fields } from '../../http/fields.ts';
import { chunked, type RequestMessage } from '../codec/message.ts';
import type { Connection } from '../connections.ts';
import { spend } from '../lent.ts';
import { type Framing, framingOf, headText, interimText, lastChunkText } from './answer-text.ts';
import { ArrivingBody } from './body.ts';
import type { Idler, Idlers, Taker } from './idlers.ts';
import { type BodySource, Reading } from './reading.ts';

/** How much of 1xx answers waits for a caller to take it. */
const interimMaxBytes = 1_048_576;
/**
 * Parts of an answer up to this size are written as text together with what is around them: one string is written at
 * once from the stack, where several buffers need a list, a request object and a call back.
 */
const textMaxBytes = 4_096;

/** What a downstream asks of the connection that it is the current request of. */
export interface AnsweredConnection extends BodySource {
  readonly socket: Socket;
  readonly secure: boolean;
  readonly place: Connection;
  readonly reception: {
    readonly idlers: Idlers;
    readonly stopping: boolean;
    futureOf(persistent: boolean): string;
  };
  /** Set with an answer's last byte. False: it ends the connection. */
  persistent: boolean;
  /** Whether the next answer is the last one, whatever its request says. */
  readonly isLast: boolean;
  readonly bodyIsRead: boolean;
  /** How much has come and waits. */
  readonly restBytes: number;
  /** False once it is the current request no more. */
  serves(downstream: WireDownstream): boolean;
  /** Takes what is here of the body. Null: it could not be read, and its caller has been told. */
  takeBody(): Buffer | null;
  /** The body is handed over (`came`) from the next `advance` on. */
  beginBody(): void;
  /** Reads on as far as what waits is wanted now. */
  advance(): void;
  /** Lets the rest of the body go. */
  drainBody(): void;
  /** The body is not waited for. */
  dropBody(): void;
  /** The answer has left whole. Its connection goes on once its body has come as well. */
  answered(downstream: WireDownstream): void;
  /** For the last bytes of an answer, where they can't be written at once. */
  whenFlushed(): () => void;
  /** It is somebody else's from now on; what came behind the head is read there. */
  handOver(): void;
}

export class WireDownstream implements Downstream, Taker {
  readonly bodyBytes: number | null;
  /** HTTP/1.0. */
  readonly old: boolean;
  protected readonly connection: AnsweredConnection;
  readonly #toHead: boolean;
  #persistent: boolean;
  #awaitsContinue: boolean;
  /** Null: no head was written. */
  #framing: Framing | null = null;
  /** To be written in one with what follows. */
  #text = '';
  #flushes = false;
  #ended = false;
  #gone = false;
  #cutFor: CutCause | null = null;
  #bytesIn = 0;
  #reading: Reading | null = null;
  /** Watches over bytes that the caller has to take or to send before it goes on. */
  #idler: Pick<Idler, 'done'> | null = null;
  #onGone: GoneListener | null = null;
  #onDrain: (() => void) | null = null;

  constructor(connection: AnsweredConnection, message: RequestMessage, persistent = message.persistent) {
    const { method, version, bodyLength, expectsContinue } = message;
    this.connection = connection;
    this.bodyBytes = bodyLength === chunked ? null : bodyLength;
    this.old = version === '1.0';
    this.#toHead = method === 'HEAD';
    this.#persistent = persistent;
    this.#awaitsContinue = expectsContinue && bodyLength !== 0;
  }

  get gone(): boolean {
    // A broken connection says so a moment later: the upstream's own could break before.
    return this.#gone || this.connection.reception.stopping;
  }

  get cutFor(): CutCause | null {
    return this.#cutFor ?? (this.connection.reception.stopping ? 'stopping' : null);
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** Whether a byte of its answer was written, other than 1xx. */
  get answering(): boolean {
    return this.#framing !== null;
  }

  /** Whether all of its answer was written; the caller may not have taken it yet. */
  get ended(): boolean {
    return this.#ended;
  }

  get isTaken(): boolean {
    return this.#ended && !this.hasToTake;
  }

  /** Of all that was written to its connection. */
  get taken(): number {
    const { socket } = this.connection;
    return socket.bytesWritten - socket.writableLength;
  }

  get hasToTake(): boolean {
    return this.connection.socket.writableLength > 0;
  }

  onGone(listener: GoneListener | null): void {
    this.#onGone = listener;
  }

  known(): void {
    this.connection.place.known = true;
  }

  read(maxBytes: number, allocation: Allocation): BodyRead | Promise<BodyRead> {
    if (this.gone || !this.connection.serves(this)) return { kind: 'gone' };
    const { bodyBytes, connection } = this;
    if (bodyBytes === 0) return { kind: 'body', body: null };
    if (bodyBytes !== null) {
      if (bodyBytes > maxBytes) return { kind: 'tooLarge' };
      if (bodyBytes > allocation.memoryMaxBytes || bodyBytes > connection.restBytes)
        return this.#readComing(maxBytes, allocation);
      this.#bytesIn = bodyBytes;
      return keep(allocation, connection.takeBody() as Buffer);
    }
    // How much there is of it shows only by taking it out of its chunks.
    const part = connection.takeBody();
    if (part === null) return { kind: 'gone' };
    if (!connection.bodyIsRead || part.length > allocation.memoryMaxBytes)
      return this.#readComing(maxBytes, allocation, part);
    this.#bytesIn = part.length;
    return part.length > maxBytes ? { kind: 'tooLarge' } : keep(allocation, part);
  }

  /** @param first what was taken of it already */
  #readComing(maxBytes: number, allocation: Allocation, first: Buffer | null = null): BodyRead | Promise<BodyRead> {
    const arriving = ArrivingBody.expect(this.bodyBytes, maxBytes, allocation);
    if (arriving === null) return { kind: 'noRoom' };
    if (this.#awaitsContinue && this.connection.restBytes === 0 && (first === null || first.length === 0)) {
      this.connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    }
    this.#awaitsContinue = false;
    return new Promise((resolve) => {
      const { connection } = this;
      this.#reading = new Reading(connection, arriving, connection.reception.idlers, (read) => {
        this.#reading = null;
        connection.pause();
        resolve(read);
      });
      connection.beginBody();
      if (first !== null) this.came(first, connection.bodyIsRead);
      connection.advance();
    });
  }

  /** A part of the body that is being read. @param last whether it is the end of it */
  came(part: Buffer, last: boolean): void {
    this.#bytesIn += part.length;
    if (part.length > 0) this.#reading?.take(part);
    if (last) this.#reading?.finish();
  }

  information(status: number, fields: Fields): void {
    // HTTP/1.0 knows no 1xx (RFC 9110, 15.2).
    if (this.#framing !== null || this.old || !this.connection.serves(this)) return;
    // An upstream may send 1xx answers without end to a caller that takes none, and nothing would hold it back.
    if (this.connection.socket.writableLength > interimMaxBytes) return;
    this.connection.socket.write(interimText(status, fields), 'latin1');
  }

  head(status: number, fields: Fields): void {
    this.#begin(status, fields, framingOf(status, fields, this.#toHead, this.old));
    this.#flushSoon();
  }

  data(chunk: Buffer): boolean {
    const { socket } = this.connection;
    if (this.#framing === 'none' || chunk.length === 0 || !this.connection.serves(this)) return true;
    const inChunks = this.#framing === 'chunks';
    if (inChunks) this.#text += `${chunk.length.toString(16)}\r\n`;
    if (chunk.length <= textMaxBytes) {
      this.#text += chunk.toString('latin1');
      if (inChunks) this.#text += '\r\n';
      spend(chunk);
      if (this.#text.length > textMaxBytes) this.#flush();
      else this.#flushSoon();
    } else {
      socket.cork();
      this.#flush();
      socket.write(chunk);
      if (inChunks) socket.write('\r\n', 'latin1');
      socket.uncork();
      if (socket.writableLength === 0) spend(chunk);
    }
    if (!socket.writableNeedDrain) return true;
    this.#watchTaking();
    return false;
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }

  end(trailers: Fields): boolean {
    if (!this.connection.serves(this)) return true;
    if (this.#framing === 'chunks') this.#text += lastChunkText(trailers);
    return this.#end();
  }

  page(status: number, fields: Fields, body: string): void {
    if (!this.connection.serves(this)) return;
    // After a bug in the middle of an answer: another one can't follow.
    if (this.#framing !== null) return void this.cut();
    const unread = !this.connection.bodyIsRead;
    // Whether the body still comes is up to the caller: what follows could be either it or another request.
    const ends = unread && (this.#awaitsContinue || status === 408);
    if (ends) this.#persistent = false;
    const all = status === 204 ? fields : [...fields, 'Content-Length', `${Buffer.byteLength(body)}`];
    this.#begin(status, all, framingOf(status, all, this.#toHead, this.old));
    if (this.#framing === 'length') this.#addText(body);
    if (ends) this.connection.dropBody();
    this.#end();
  }

  cut(): void {
    if (!this.connection.serves(this)) return;
    const { socket, secure } = this.connection;
    // The caller gets what has come of the answer, above all its status.
    this.#flush();
    // If the end of the connection is the end of the answer, an orderly end would make the answer look whole.
    if (this.#framing === 'close' && !secure) socket.resetAndDestroy();
    else socket.destroy();
  }

  /** Its answer has left, and its body has come: the connection goes on without it. */
  done(): void {
    this.#idler?.done();
  }

  /** The caller has gone, or was told something else. */
  hungUp(): void {
    this.done();
    this.#text = '';
    this.#gone = true;
    this.#reading?.end({ kind: 'gone' });
    const listener = this.#onGone;
    this.#onGone = null;
    listener?.callerGone();
  }

  /** There is room for more. */
  drained(): void {
    if (!this.#ended) this.#callDrained();
  }

  /** The caller's side of the system has all that was written. */
  flushed(): void {
    if (!this.isTaken) return;
    this.#callDrained();
    this.connection.answered(this);
  }

  /** Writes what waits to be written in one with what follows. */
  flushNow(): void {
    this.#flushes = false;
    if (!this.#ended) this.#flush();
  }

  #callDrained(): void {
    const listener = this.#onDrain;
    this.#onDrain = null;
    listener?.();
  }

  #begin(status: number, fields: Fields, framing: Framing): void {
    this.#framing = framing;
    if (!this.connection.serves(this)) return;
    if (framing === 'close' || this.connection.isLast) this.#persistent = false;
    this.#text = headText(status, fields, framing, this.connection.reception.futureOf(this.#persistent));
  }

  /** A text of any characters, in one with the head. */
  #addText(body: string): void {
    // Nearly all are ASCII, and so the same in Latin-1.
    this.#text += Buffer.byteLength(body) === body.length ? body : Buffer.from(body).toString('latin1');
  }

  #end(): boolean {
    this.#ended = true;
    this.connection.persistent = this.#persistent;
    const taken = this.#flushLast();
    if (!this.connection.bodyIsRead) {
      this.#idler ??= this.connection.reception.idlers.watch(() => this.cut());
      this.connection.drainBody();
    }
    if (taken) this.connection.answered(this);
    else this.#watchTaking();
    return taken;
  }

  #flushSoon(): void {
    if (this.#flushes) return;
    this.#flushes = true;
    process.nextTick(flushNow, this);
  }

  #flush(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    this.connection.socket.write(text, 'latin1');
  }

  /** Whether all has left. If not, `flushed` is called when it has. */
  #flushLast(): boolean {
    const { socket, secure } = this.connection;
    const text = this.#text;
    this.#text = '';
    // What TLS makes of it is never written at once.
    const waits = secure && text !== '';
    if (waits) socket.write(text, 'latin1', this.connection.whenFlushed());
    else if (text !== '') socket.write(text, 'latin1');
    if (socket.writableLength === 0) return true;
    // Nothing, behind all that has still to leave.
    if (!waits) socket.write('', 'latin1', this.connection.whenFlushed());
    return false;
  }

  /** Cuts a caller off that takes its answer too slowly. */
  #watchTaking(): void {
    this.#idler ??= this.connection.reception.idlers.watchTaking(this, () => {
      this.#cutFor = 'callerSlow';
      this.cut();
    });
  }
}

const flushNow = (downstream: WireDownstream): void => downstream.flushNow();

/** A body that is here whole. */
function keep(allocation: Allocation, part: Buffer): BodyRead {
  if (!allocation.tryTake(part.length)) return { kind: 'noRoom' };
  return { kind: 'body', body: keptInMemory(part) };
}
