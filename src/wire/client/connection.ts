/**
 * One connection to the Coreapp, and the exchange that is on it: one at a time (RFC 9112, 9.3). What follows an answer
 * before the next request is nobody's (9.2): such a connection is closed.
 */
import type { Socket } from 'node:net';
import { type Fields, fieldOf } from '../../http/fields.ts';
import type { ResponseMessage } from '../codec/message.ts';
import { Answer, type AnswerEnds } from './answer.ts';
import type { Call, Carrier } from './call.ts';
import { Dated, type Deadlines } from './deadlines.ts';
import { type Opener, textOf } from './open-socket.ts';
import { Reads } from './reads.ts';
import { Sending, type SendingEnds } from './sending.ts';

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

export class Connection extends Dated implements Carrier, SendingEnds, AnswerEnds {
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
  readonly #answer = new Answer(this);
  #sending: Sending | null = null;
  #persistent = false;

  constructor(home: Home, call: Call) {
    super();
    this.#home = home;
    this.#call = call;
    call.carrier = this;
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
    if (body === null || typeof body === 'string') {
      if (this.mayWrite()) this.#socket.write(body === null ? head : head + body, 'latin1');
    } else if (Buffer.isBuffer(body) && body.length <= oneWriteMaxBytes) {
      if (this.mayWrite()) this.#writeTogether(head, body);
    } else {
      this.#sending = new Sending(this.#socket, head, body, this);
      this.#sending.start();
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
    this.#answer.resume();
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
    this.#answer.forget();
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
      this.#answer.expect(call);
      this.moved();
      return true;
    }
    this.#call = null;
    this.#free();
    call.fail('late', 'the slot closed before the request could be written');
    return false;
  }

  moved(): void {
    this.#home.answering.touch(this);
  }

  waits(): void {
    this.#home.answering.stop(this);
  }

  goesOn(): void {
    this.#socket.resume();
  }

  answered(head: ResponseMessage): void {
    // An upstream that refuses early wants no more of the request (RFC 9112, 9.5). It may make a 2xx while it reads the body.
    if (head.status >= 300) this.#sending?.stop();
    this.keepAliveMs = head.keepAliveMs;
    this.#persistent = head.persistent && !promisesBody(head);
  }

  complete(clean: boolean, trailers: Fields): void {
    const call = this.#call as Call;
    this.#call = null;
    const isSent = this.#sending?.isComplete !== false && this.#socket.writableLength === 0;
    if (clean && this.#persistent && isSent) this.#free();
    else this.close();
    call.end(trailers);
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
    if (this.#answer.isExpected) this.#answer.read(bytes);
    else this.lost('bytes came that are no answer');
    this.#reads.done(bytes);
    return !this.#answer.isPaused;
  }

  #otherSideEnded(): void {
    if (this.#answer.isExpected) this.#answer.otherSideEnded();
    else this.lost('the other side closed the connection');
  }

  #free(): void {
    this.#home.answering.stop(this);
    this.#answer.forget();
    this.#reads.rest();
    this.#sending = null;
    this.state = 'idle';
    this.#home.freed(this);
  }
}

/**
 * An answer without a body whose fields speak of one (to HEAD, 304). Servers have been seen that send it all the same,
 * and it must not be taken for the next answer.
 */
function promisesBody({ bodyLength, fields }: ResponseMessage): boolean {
  if (bodyLength !== 0) return false;
  const length = fieldOf(fields, 'content-length');
  return (length !== null && length !== '0') || fieldOf(fields, 'transfer-encoding') !== null;
}
