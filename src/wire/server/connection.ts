/**
 * A caller's connection: one request at a time (RFC 9112, 9.3). What follows a request waits unread until it is
 * answered, and the socket is paused where that becomes much. So requests that are sent one behind the other are
 * answered in their order, and nobody has more than one under way on a connection.
 *
 * Callers that have shut their sending side (`nc -N`) have their answer. TCP says the same of a caller that has gone: an
 * end, and no more. Of a caller whose bytes wait unread not even the end is seen. Only bytes tell who is still there,
 * since the system of a caller that has gone answers them with a reset. So one that waits is sent `102 Processing`: every
 * client of HTTP/1.1 has to let it pass (RFC 9110, 15.2). HTTP/1.0 has no such answers: whether its caller is still
 * there shows when it is answered. A reset is found by an empty write, which sends nothing, and which the system refuses.
 * TLS passes no empty write on: there, the next 102 finds it.
 */
import type { Socket } from 'node:net';
import { type Refusal, refuse } from '../../exchange/refusals.ts';
import { ChunkReader } from '../codec/chunks.ts';
import { chunked, type RequestMessage } from '../codec/message.ts';
import type { RequestReader } from '../codec/requests.ts';
import type { Connection } from '../connections.ts';
import { interimText } from './answer-text.ts';
import { Dated } from './deadlines.ts';
import { type AnsweredConnection, WireDownstream } from './downstream.ts';
import type { Open, Reception } from './reception.ts';
import { UpgradeDownstream } from './upgrade.ts';

/**
 * `head`: a request may come. `wait`: what comes waits for the answer, or for somebody to ask for the body. `body`: it
 * is read. `drain`: it is read to its end, though nobody wants it: to close on a caller that still sends would reset the
 * connection and lose the answer (RFC 9112, 9.6). `linger`: for the same reason what comes after the last answer is let
 * go, but not for long. `away`: the connection is somebody else's.
 */
type State = 'head' | 'wait' | 'body' | 'drain' | 'linger' | 'away';

/** How much may wait before the socket is paused. While it is not, the caller's end is read. */
const waitingMaxBytes = 16_384;
/** A caller that is still there may go later: after so many looks it is asked again. */
const looksPerRound = 25;
const processing = interimText(102, []);
const nothing = Buffer.alloc(0);

const serving = Symbol('serving');
type Served = Socket & { [serving]: CallerConnection };

export class CallerConnection extends Dated implements AnsweredConnection, Open {
  readonly socket: Socket;
  readonly secure: boolean;
  readonly peer: string;
  readonly place: Connection;
  readonly reception: Reception;
  nextOpen: Open | null = null;
  previousOpen: Open | null = null;
  persistent = true;
  #state: State = 'head';
  /** Of a head that has not come whole. */
  #heads: RequestReader | null = null;
  #chunks: ChunkReader | null = null;
  /** What has come and waits. */
  #rest: Buffer | null = null;
  /** How much of the current request's body has not been read yet; `chunked` until its end. */
  #bodyLeft = 0;
  #current: WireDownstream | null = null;
  #paused = false;
  #advancing = false;
  #callerEnded = false;
  #looks = 0;
  /** How many requests have come. */
  #requests = 0;
  #whenFlushed: (() => void) | null = null;

  constructor(socket: Socket, secure: boolean, peer: string, place: Connection, reception: Reception) {
    super();
    this.socket = socket;
    this.secure = secure;
    this.peer = peer;
    this.place = place;
    this.reception = reception;
    (socket as Served)[serving] = this;
    socket.on('data', onData).on('end', onEnd).on('drain', onDrain).on('error', ignoreError).on('close', onClose);
    reception.open.add(this);
    reception.headDeadlines.join(this);
  }

  get idle(): boolean {
    return this.#state === 'head' && this.#heads === null && this.#rest === null;
  }

  get bodyIsRead(): boolean {
    return this.#bodyLeft === 0;
  }

  get restBytes(): number {
    return this.#rest === null ? 0 : this.#rest.length;
  }

  get isLast(): boolean {
    const { retiring, requestsMax } = this.reception;
    return retiring || this.#requests >= requestsMax || (this.#callerEnded && this.#rest === null);
  }

  serves(downstream: WireDownstream): boolean {
    return this.#current === downstream && !this.socket.destroyed;
  }

  takeBody(): Buffer | null {
    const bytes = this.#rest;
    if (bytes === null) return nothing;
    this.#rest = null;
    const part = this.#decode(bytes);
    this.#flow();
    return part;
  }

  beginBody(): void {
    if (this.#bodyLeft !== 0) this.#state = 'body';
  }

  pause(): void {
    if (this.#state === 'body') this.#state = 'wait';
  }

  resume(): void {
    if (this.#state !== 'wait' || this.#current === null) return;
    this.#state = 'body';
    this.advance();
  }

  drainBody(): void {
    this.#state = 'drain';
    this.advance();
  }

  dropBody(): void {
    this.#bodyLeft = 0;
    this.#rest = null;
  }

  answered(downstream: WireDownstream): void {
    if (this.#current !== downstream || this.#bodyLeft !== 0) return;
    this.#letGo();
    downstream.done();
    if (!this.persistent || this.reception.retiring) return void this.#close();
    this.#state = 'head';
    if (this.#rest === null && this.#callerEnded) this.#close();
    else if (this.#rest === null) this.reception.keepAliveDeadlines.join(this);
    // Whoever has just answered comes to an end before the next request begins.
    else if (!this.#advancing) process.nextTick(advance, this);
  }

  whenFlushed(): () => void {
    this.#whenFlushed ??= () => {
      if (!this.socket.destroyed) this.#current?.flushed();
    };
    return this.#whenFlushed;
  }

  advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      for (let bytes = this.#rest; bytes !== null && this.#takes(); bytes = this.#rest) {
        this.#rest = null;
        this.#take(bytes);
      }
    } finally {
      this.#advancing = false;
    }
    this.#flow();
    if (this.#callerEnded) this.#endInMiddle();
  }

  handOver(): void {
    this.#state = 'away';
    this.#current = null;
    this.leave();
    const { socket } = this;
    socket.off('data', onData).off('end', onEnd).off('drain', onDrain).pause();
    if (this.#rest !== null) socket.unshift(this.#rest);
    this.#rest = null;
  }

  came(bytes: Buffer): void {
    if (this.#state === 'linger') return;
    this.#rest = this.#rest === null ? bytes : joined(this.#rest, bytes);
    this.advance();
    if (!this.#paused && this.#rest !== null && this.#rest.length >= waitingMaxBytes) {
      this.#paused = true;
      this.socket.pause();
      this.#watchCaller();
    }
  }

  callerEnded(): void {
    this.#callerEnded = true;
    this.advance();
  }

  drained(): void {
    this.#current?.drained();
  }

  closed(): void {
    const { place, reception } = this;
    this.leave();
    reception.open.remove(this);
    const current = this.#current;
    if (current !== null) this.#letGo();
    reception.table.leave(place);
    this.#rest = null;
    this.#heads = null;
    current?.hungUp();
  }

  override due(): void {
    switch (this.#state) {
      case 'head':
        // One that never sent a byte, or none since its last answer, asked for nothing.
        if (this.#heads === null) this.socket.destroy();
        else this.#refuse(refuse('requestTimeout'));
        break;
      case 'linger':
        this.socket.destroy();
        break;
      default:
        this.#askCaller();
    }
  }

  #takes(): boolean {
    return this.#state === 'head' || this.#state === 'body' || this.#state === 'drain';
  }

  #take(bytes: Buffer): void {
    if (this.#state === 'head') return void this.#takeHead(bytes);
    const unwanted = this.#state === 'drain';
    const part = this.#decode(bytes);
    const current = this.#current;
    if (part === null || current === null) return;
    const ended = this.#bodyLeft === 0;
    if (ended) this.#state = 'wait';
    if (!unwanted) current.came(part, ended);
    else if (ended && current.isTaken) this.answered(current);
  }

  #takeHead(bytes: Buffer): void {
    const heads = this.#heads ?? this.reception.borrowHeads();
    const head = heads.read(bytes, 0);
    if (head === null) {
      // Empty lines in front of a request are nothing of it (RFC 9112, 2.2).
      if (this.#heads === null && !heads.begun) return void this.reception.giveBackHeads(heads);
      if (this.#heads === null) this.reception.headDeadlines.join(this);
      this.#heads = heads;
      return;
    }
    this.#heads = null;
    this.leave();
    if (head.kind === 'unreadable')
      return void this.#refuse(refuse(head.refusal, head.refusal === 'fieldsTooLarge' ? null : head.why));
    if (heads.position < bytes.length) this.#rest = bytes.subarray(heads.position);
    this.reception.giveBackHeads(heads);
    this.#begin(head);
  }

  #begin(message: RequestMessage): void {
    const { method, target, version, fields } = message;
    if (method === 'CONNECT') return void this.#refuse(refuse('malformed', 'CONNECT is not served here.'));
    const { events, table } = this.reception;
    this.#bodyLeft = message.bodyLength;
    this.#state = 'wait';
    this.#looks = 0;
    this.#requests += 1;
    this.persistent = true;
    table.began(this.place);
    const head = { method, target, version, fields, peer: this.peer, secure: this.secure };
    if (message.upgrade) {
      const upgrade = new UpgradeDownstream(this, message);
      this.#current = upgrade;
      events.upgrade(head, upgrade);
    } else {
      const downstream = new WireDownstream(this, message);
      this.#current = downstream;
      events.request(head, downstream);
    }
  }

  /** What bytes hold of the body; what is behind it waits. Null: it can't be read, and its caller has been told. */
  #decode(bytes: Buffer): Buffer | null {
    if (this.#bodyLeft !== chunked) {
      const length = Math.min(this.#bodyLeft, bytes.length);
      this.#bodyLeft -= length;
      if (length === bytes.length) return bytes;
      this.#rest = bytes.subarray(length);
      return bytes.subarray(0, length);
    }
    this.#chunks ??= new ChunkReader(this.reception.limits);
    // The parts are moved together in front: however small the chunks are, they take no more than their packet.
    let length = 0;
    const read = this.#chunks.read(bytes, 0, (part) => {
      length += part.copy(bytes, length);
    });
    if (typeof read === 'object') {
      this.#refuse(refuse('malformed', read.why));
      return null;
    }
    if (read === 'end') {
      this.#bodyLeft = 0;
      if (this.#chunks.position < bytes.length) this.#rest = bytes.subarray(this.#chunks.position);
      this.#chunks = null;
    }
    return bytes.subarray(0, length);
  }

  /** Goes on with a socket that was paused, once there is room. */
  #flow(): void {
    if (!this.#paused) return;
    if (this.#rest !== null && this.#rest.length >= waitingMaxBytes) return void this.#watchCaller();
    this.#paused = false;
    this.socket.resume();
  }

  /** The caller sends no more. What it has sent whole is answered. */
  #endInMiddle(): void {
    const current = this.#current;
    if (current === null) {
      if (this.#state !== 'head' || this.#rest !== null) return;
      if (this.#heads === null) this.#close();
      else this.#refuse(refuse('malformed', 'The connection ended in the middle of a head.'));
    } else if (current instanceof UpgradeDownstream) {
      this.socket.destroy(); // Half a connection is no use to it.
    } else if (!this.#restHoldsBody()) {
      this.#refuse(refuse('malformed', 'The connection ended in the middle of a body.'));
    } else {
      this.#watchCaller();
    }
  }

  #restHoldsBody(): boolean {
    if (this.#bodyLeft === 0) return true;
    if (this.#state !== 'wait') return false;
    if (this.#bodyLeft !== chunked) return this.restBytes >= this.#bodyLeft;
    // Once it is begun, it shows when it is gone on with.
    if (this.#chunks !== null) return true;
    const chunks = new ChunkReader(this.reception.limits);
    return this.#rest !== null && chunks.read(this.#rest, 0, () => {}) !== 'more';
  }

  /** Nothing that is read will tell that the caller has gone. */
  #watchCaller(): void {
    if (this.#current !== null && this.next === null) this.reception.askDeadlines.join(this);
  }

  #askCaller(): void {
    const { socket } = this;
    const current = this.#current;
    if (current === null || !(this.#paused || this.#callerEnded)) return;
    // Behind what the caller has not taken yet, more would only wait.
    if (socket.writableLength === 0) {
      const takes102 = !current.old && !current.answering && !(current instanceof UpgradeDownstream);
      // Where its body waits, the caller may not listen yet.
      const asks = this.#looks % looksPerRound < (this.secure ? 2 : 1) && takes102 && this.bodyIsRead;
      socket.write(asks ? processing : '', 'latin1');
    }
    this.#looks += 1;
    this.reception.askDeadlines.join(this);
  }

  /** Answers what no exchange can be made of, or what breaks one off; nothing behind it is read. */
  #refuse(refusal: Refusal): void {
    const current = this.#current;
    if (current?.answering === true) {
      // Its answer is on its way, or broken off.
      this.dropBody();
      this.persistent = false;
      if (!current.ended) this.socket.destroy();
      else if (current.isTaken) this.answered(current);
      return;
    }
    const { text, id } = this.reception.refusalText(refusal);
    this.socket.write(text, 'latin1');
    if (current !== null) this.#letGo();
    this.#close();
    current?.hungUp();
    this.reception.events.unreadable(refusal, this.peer, id);
  }

  #letGo(): void {
    this.#current = null;
    this.#chunks = null;
    this.leave();
    this.reception.table.ended(this.place);
  }

  /** Ends the connection behind what was written. */
  #close(): void {
    this.#state = 'linger';
    this.#rest = null;
    this.#heads = null;
    this.#flow();
    if (this.socket.destroyed) return;
    this.socket.end();
    this.reception.lingerDeadlines.join(this);
  }
}

function onData(this: Socket, bytes: Buffer): void {
  (this as Served)[serving].came(bytes);
}

function onEnd(this: Socket): void {
  (this as Served)[serving].callerEnded();
}

function onDrain(this: Socket): void {
  (this as Served)[serving].drained();
}

function onClose(this: Socket): void {
  (this as Served)[serving].closed();
}

const advance = (connection: CallerConnection): void => {
  if (!connection.socket.destroyed) connection.advance();
};

/** 'close' follows. Without a listener it would end the process. */
const ignoreError = (): void => {};

/** In memory of its own: what is kept for long must not keep a pool's slab. */
function joined(first: Buffer, second: Buffer): Buffer {
  const both = Buffer.allocUnsafeSlow(first.length + second.length);
  first.copy(both);
  second.copy(both, first.length);
  return both;
}
