/**
 * One connection to the Coreapp, and the exchange that is on it: one at a time (RFC 9112, 9.3). What follows an answer
 * before the next request is nobody's (9.2): such a connection is closed.
 */
import type { Socket } from 'node:net';
import type { Fields } from '../../http/fields.ts';
import { fieldOf } from '../../http/fields.ts';
import { isFinal, isInformational } from '../../http/status.ts';
import { createChunkReader, createResponseReader } from '../codec/index.ts';
import {
  type BodyLength,
  type ChunkReader,
  chunked,
  type HeadLimits,
  type HeadReader,
  type ResponseMessage,
  untilClose,
} from '../codec/message.ts';
import type { Call, Carrier } from './call.ts';
import { Dated, type Deadlines } from './deadlines.ts';
import { type Opener, textOf } from './open-socket.ts';
import { Reads } from './reads.ts';
import { Sending, type SendingEnds } from './sending.ts';

const limits: HeadLimits = { lineMaxBytes: 8_192, fieldsMaxBytes: 65_536, fieldsMax: 1_000 };
/** How many 1xx answers an exchange may have. Each is passed on as it comes, so none is kept. */
const informationMax = 1_000;
/** A body up to here becomes text, and leaves with its head in one piece: cheaper than a second one. */
const asTextMaxBytes = 8_192;
/** A body up to here leaves with its head in one write. */
const oneWriteMaxBytes = 65_536;

/** Whom a connection belongs to. */
export interface Home {
  readonly opener: Opener;
  /** When a connection has to stand. */
  readonly standing: Deadlines<Connection>;
  /** When an answer has to begin, or to go on. */
  readonly answering: Deadlines<Connection>;
  /** It can carry the next request. */
  freed(connection: Connection): void;
  /** It is closed. */
  gone(connection: Connection): void;
  /** Its connection turned out to be closed before anything was written: it takes another one. */
  again(call: Call): void;
}

/** `reserved`: it has a call, which waits until the connection was looked at. */
type State = 'opening' | 'idle' | 'reserved' | 'busy' | 'closed';

export class Connection extends Dated implements Carrier, SendingEnds {
  state: State = 'opening';
  /** In which turn of the event loop it became free. */
  freedIn = -1;
  /** When it takes no request any more, and why: its age, or its idleness. */
  diesAt = 0;
  expiresAt = 0;
  /** How long the other side keeps it while idle; null: it has not said. */
  keepAliveMs: number | null = null;
  #call: Call | null;
  readonly #home: Home;
  readonly #socket: Socket;
  readonly #reads = new Reads();
  readonly #heads: HeadReader<ResponseMessage>;
  #chunks: ChunkReader | null = null;
  #sending: Sending | null = null;
  #information = 0;
  /** What is left of the body; null: its head has not come yet. */
  #left: BodyLength | null = null;
  #persistent = false;
  #paused = false;
  /** Parts that were read already when the observer wanted no more, and the trailers, if they are the last ones. */
  #kept: Buffer[] | null = null;
  #keptEnd: { readonly clean: boolean; readonly trailers: Fields } | null = null;

  constructor(home: Home, call: Call) {
    super();
    this.#home = home;
    this.#call = call;
    call.carrier = this;
    this.#heads = createResponseReader(limits, () => this.#call?.request.method ?? '');
    this.#socket = home.opener.open({
      buffer: () => this.#reads.next,
      callback: (bytes) => this.#read(bytes),
    });
    this.#socket
      .on(home.opener.stands, () => this.#stands())
      .on('end', () => this.#otherSideEnded())
      .on('error', (error) => this.lost(textOf(error)))
      .on('close', () => this.lost('the connection was closed'));
    home.standing.touch(this);
  }

  /** Takes the call, which is written once `begin` is called. */
  reserve(call: Call): void {
    this.state = 'reserved';
    this.#call = call;
    call.carrier = this;
  }

  /** Writes the request of its call. */
  begin(): void {
    const call = this.#call;
    if (call === null) {
      this.#free();
      return;
    }
    this.state = 'busy';
    const { head, request } = call;
    const { body } = request;
    if (body !== null && (!Buffer.isBuffer(body) || body.length > oneWriteMaxBytes)) {
      this.#sending = new Sending(this.#socket, head, body, this);
      this.#sending.start();
    } else if (this.mayWrite()) {
      if (body === null) this.#socket.write(head, 'latin1');
      else if (body.length <= asTextMaxBytes) this.#socket.write(head + body.toString('latin1'), 'latin1');
      else this.#writeTogether(head, body);
    }
  }

  /** Nothing has happened for too long. */
  late(detail: string): void {
    const call = this.#call;
    this.#call = null;
    this.close();
    call?.fail(call.phase === 'unsent' ? 'connect' : 'timeout', detail);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const call = this.#call;
    this.#home.answering.touch(this);
    while (!this.#paused && this.#kept !== null) {
      const part = this.#kept.shift() as Buffer;
      if (this.#kept.length === 0) this.#kept = null;
      this.#give(part);
    }
    if (this.#paused || this.#call !== call) return;
    this.#socket.resume();
    if (this.#keptEnd !== null) this.#complete(this.#keptEnd.clean, this.#keptEnd.trailers);
  }

  drop(): void {
    this.#call = null;
    // What is reserved has carried nothing of the call.
    if (this.state !== 'reserved') this.close();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#sending?.stop();
    this.#home.answering.stop(this);
    this.#socket.destroy();
    this.#home.gone(this);
  }

  /** Resolves when its socket is closed. */
  get isClosed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) resolve();
      else this.#socket.once('close', () => resolve());
    });
  }

  mayWrite(): boolean {
    const call = this.#call as Call;
    const may = call.observer.mayWrite();
    if (this.#call !== call) return false;
    if (may) {
      call.phase = 'sent';
      this.#home.answering.touch(this);
      return true;
    }
    this.#call = null;
    this.#free();
    call.fail('late', 'the slot closed before the request could be written');
    return false;
  }

  moved(): void {
    if (this.#left === null) this.#home.answering.touch(this);
  }

  /** @param cause by default what the connection has done */
  lost(detail: string, cause?: 'body'): void {
    const { state } = this;
    const call = this.#call;
    if (state === 'closed') return;
    this.#call = null;
    this.close();
    if (call === null) return;
    if (state === 'reserved') this.#home.again(call);
    else call.fail(cause ?? (call.phase === 'unsent' ? 'connect' : 'broken'), detail);
  }

  bodyLost(detail: string): void {
    this.lost(detail, 'body');
  }

  #stands(): void {
    if (this.state === 'closed') return;
    this.#home.standing.stop(this);
    this.begin();
  }

  #writeTogether(head: string, body: Buffer): void {
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    this.#socket.write(body);
    this.#socket.uncork();
  }

  /** False: no more for now. */
  #read(count: number): boolean {
    const bytes = this.#reads.take(count);
    const call = this.#call;
    if (this.state !== 'busy' || call === null || call.phase === 'unsent') this.lost('bytes came that are no answer');
    else if (this.#left === null) this.#readHeads(bytes, call);
    else this.#readBody(bytes, 0, call);
    return !this.#paused;
  }

  #readHeads(bytes: Buffer, call: Call): void {
    let at = 0;
    while (at < bytes.length) {
      const head = this.#heads.read(bytes, at);
      if (head === null) return;
      if (head.kind === 'unreadable') {
        this.lost(`the answer can’t be read: ${head.why}`);
        return;
      }
      at = this.#heads.position;
      this.#home.answering.touch(this);
      if (isFinal(head.status)) {
        this.#answered(head, call);
        if (this.#call === call) this.#readBody(bytes, at, call);
        return;
      }
      this.#informed(head, call);
      if (this.#call !== call) return;
    }
  }

  /** Any number of these may come, whether asked for or not (RFC 9110, 15.2). */
  #informed({ status, fields }: ResponseMessage, call: Call): void {
    if (!isInformational(status)) {
      call.phase = 'answering';
      this.lost(status === 101 ? 'a 101 to a request that did not ask' : `${status} is no status of an answer`);
    } else if (++this.#information > informationMax) {
      this.lost(`more than ${informationMax} 1xx answers`);
    } else if (status !== 100) {
      // The body goes without being asked for, so a 100 says nothing.
      call.observer.onInformation(status, fields);
    }
  }

  #answered(head: ResponseMessage, call: Call): void {
    // Whoever answers early wants no more of the request (RFC 9112, 9.5).
    this.#sending?.stop();
    this.#left = head.bodyLength;
    this.keepAliveMs = head.keepAliveMs;
    this.#persistent = head.persistent && this.#sending?.isComplete !== false && !promisesBody(head);
    if (head.bodyLength === chunked) this.#chunks = createChunkReader(limits);
    call.phase = 'answering';
    call.observer.onHead(head.status, head.fields);
  }

  #readBody(bytes: Buffer, from: number, call: Call): void {
    if (this.#chunks !== null) {
      this.#readChunks(this.#chunks, bytes, from, call);
      return;
    }
    const left = this.#left as number;
    const come = bytes.length - from;
    const isLast = left !== untilClose && come >= left;
    const to = isLast ? from + left : bytes.length;
    if (left !== untilClose) this.#left = left - (to - from);
    if (to > from) this.#give(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
    if (isLast && this.#call === call) this.#complete(come === left, none);
  }

  #readChunks(chunks: ChunkReader, bytes: Buffer, from: number, call: Call): void {
    const read = chunks.read(bytes, from, this.#give);
    if (this.#call !== call || read === 'more') return;
    if (read !== 'end') this.lost(`the answer can’t be read: ${read.why}`);
    else this.#complete(chunks.position === bytes.length, chunks.trailers);
  }

  readonly #give = (part: Buffer): void => {
    if (this.#call === null) return;
    if (this.#paused) {
      this.#kept ??= [];
      this.#kept.push(part);
      return;
    }
    this.#home.answering.touch(this);
    if (this.#call.observer.onData(part)) return;
    this.#paused = true;
    this.#home.answering.stop(this);
  };

  /** @param clean nothing came behind the answer */
  #complete(clean: boolean, trailers: Fields): void {
    if (this.#kept !== null) {
      this.#keptEnd = { clean, trailers };
      return;
    }
    const call = this.#call as Call;
    this.#call = null;
    if (clean && this.#persistent && this.#socket.writableLength === 0) this.#free();
    else this.close();
    call.end(trailers);
  }

  #free(): void {
    this.#home.answering.stop(this);
    this.#reads.rest();
    this.#chunks = null;
    this.#sending = null;
    this.#left = null;
    this.#paused = false;
    this.#keptEnd = null;
    this.#information = 0;
    this.state = 'idle';
    this.#home.freed(this);
  }

  #otherSideEnded(): void {
    if (this.#call !== null && this.#left === untilClose) this.#complete(false, none);
    else if (this.#left !== null) this.lost('the other side closed the connection in the middle of its answer');
    else this.lost('the other side closed the connection before it answered');
  }
}

const none: Fields = [];

/**
 * An answer without a body whose fields speak of one (to HEAD, 304). Servers have been seen that send it all the same,
 * and it must not be taken for the next answer.
 */
function promisesBody({ bodyLength, fields }: ResponseMessage): boolean {
  if (bodyLength !== 0) return false;
  const length = fieldOf(fields, 'content-length');
  return (length !== null && length !== '0') || fieldOf(fields, 'transfer-encoding') !== null;
}
