/** What all connections of one server share. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { json, type RefusalForm } from '../../exchange/answer.ts';
import { type Refusal, refusalTable } from '../../exchange/refusals.ts';
import type { HeadLimits } from '../codec/message.ts';
import { RequestReader } from '../codec/requests.ts';
import type { ConnectionTable } from '../connections.ts';
import { headText } from './answer-text.ts';
import { Deadlines } from './deadlines.ts';
import { Idlers } from './idlers.ts';
import type { ConnectionSettings, ServerEvents, ServerOptions } from './options.ts';

/** Of a request line. A target of more than 8,192 characters is refused by `receive`, which keeps the connection. */
const lineMaxBytes = 16_384;
const fieldsMax = 1_000;
/** Once a caller has its last answer: how long what it still sends is let go. With what deadlines may add: 5 s. */
const lingerMaxMs = 4_700;
/** How often a caller is looked after whose end can't be read. An answer that is there by then comes without a 102. */
const askEveryMs = 200;

/** A connection among those that are open. */
export interface Open {
  readonly socket: Socket;
  /** Nothing has come of a request on it, and nothing is owed. */
  readonly idle: boolean;
  nextOpen: Open | null;
  previousOpen: Open | null;
}

export class Reception {
  readonly events: ServerEvents;
  readonly table: ConnectionTable;
  readonly open = new OpenConnections();
  idlers!: Idlers;
  headDeadlines!: Deadlines;
  keepAliveDeadlines!: Deadlines;
  readonly lingerDeadlines = new Deadlines(lingerMaxMs);
  readonly askDeadlines = new Deadlines(askEveryMs);
  limits!: HeadLimits;
  /** Of one connection. */
  requestsMax!: number;
  /** True: every answer ends its connection, so that its caller looks for another replica. */
  retiring = false;
  /** True: what is open is being broken. */
  stopping = false;
  readonly #refusals: RefusalForm;
  #keptAlive!: string;
  #heads: RequestReader | null = null;

  constructor(options: ServerOptions, events: ServerEvents, table: ConnectionTable) {
    this.events = events;
    this.table = table;
    this.#refusals = options;
    this.#goBy(options);
  }

  /** Other times and bounds, for what begins from now on: what has begun keeps its own. */
  configure(options: ConnectionSettings): void {
    this.idlers.retire();
    this.#goBy(options);
  }

  #goBy(options: ConnectionSettings): void {
    const { bodyIdleTimeoutMs, bodyMinBytesPerS, answerMinBytesPerS, keepAliveTimeoutMs, fieldsMaxBytes } = options;
    this.idlers = new Idlers(bodyIdleTimeoutMs, bodyMinBytesPerS, answerMinBytesPerS);
    this.headDeadlines = new Deadlines(options.headTimeoutMs);
    this.keepAliveDeadlines = new Deadlines(keepAliveTimeoutMs);
    this.requestsMax = options.connectionMaxRequests ?? Number.POSITIVE_INFINITY;
    this.limits = { lineMaxBytes, fieldsMaxBytes, fieldsMax };
    this.#heads = null;
    this.#keptAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1_000)}\r\n`;
  }

  /** The field lines about what becomes of a connection. */
  futureOf(persistent: boolean): string {
    return persistent ? this.#keptAlive : 'Connection: close\r\n';
  }

  /** A reader is needed while a head comes. Nearly all come at once, so that one does for all connections. */
  borrowHeads(): RequestReader {
    const heads = this.#heads ?? new RequestReader(this.limits);
    this.#heads = null;
    return heads;
  }

  giveBackHeads(heads: RequestReader): void {
    if (heads.limits === this.limits) this.#heads = heads;
  }

  /** A whole answer where there is no exchange, in Latin-1, and the request id that it names. */
  refusalText(refusal: Refusal): { readonly text: string; readonly id: string } {
    const id = randomUUID();
    const { refusalBody, refusalType = json } = this.#refusals;
    const body = Buffer.from(refusalBody(refusal));
    const fields = [
      ...['Content-Type', refusalType, 'Cache-Control', 'no-store', 'X-Request-Id', id],
      ...['Content-Length', `${body.length}`],
    ];
    const head = headText(refusalTable[refusal.name].status, fields, 'length', this.futureOf(false));
    return { text: head + body.toString('latin1'), id };
  }

  close(): void {
    this.idlers.close();
    for (const deadlines of [this.headDeadlines, this.keepAliveDeadlines, this.lingerDeadlines, this.askDeadlines]) {
      deadlines.close();
    }
  }
}

/** In a list and not a Set: `idlers.ts` says why. */
class OpenConnections {
  #first: Open | null = null;

  add(connection: Open): void {
    connection.nextOpen = this.#first;
    if (this.#first !== null) this.#first.previousOpen = connection;
    this.#first = connection;
  }

  remove(connection: Open): void {
    const { nextOpen, previousOpen } = connection;
    if (previousOpen !== null) previousOpen.nextOpen = nextOpen;
    else if (this.#first === connection) this.#first = nextOpen;
    if (nextOpen !== null) nextOpen.previousOpen = previousOpen;
    connection.nextOpen = null;
    connection.previousOpen = null;
  }

  *[Symbol.iterator](): Iterator<Open> {
    for (let one = this.#first; one !== null; ) {
      const { nextOpen } = one;
      yield one;
      one = nextOpen;
    }
  }
}
