/** The Coreapp, over a pool of kept connections to one origin. */
import type { Coreapp, CoreappCall, CoreappObserver, CoreappRequest } from '../../upstream/ports.ts';
import { Call, type Carrier } from './call.ts';
import { Connection, type Home } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { Looks } from './looks.ts';
import { createOpener, type Origin } from './open-socket.ts';
import { requestHead } from './request-head.ts';

export interface CoreappOptions extends Origin {
  /** What the requests say as `Host`; null, or not there: the host of the URL. */
  readonly host?: string | null;
  /** Milliseconds until the head of the answer has to be there, and between its parts. */
  readonly answerTimeoutMs: number;
  /** What would need more of them waits. */
  readonly connectionsMax: number;
  /**
   * Milliseconds after which, or a little sooner, a connection takes no further request: a changed address is noticed.
   */
  readonly connectionMaxAgeMs: number;
}

/**
 * Shorter than the idle timeouts that servers commonly have (Node's is 5 s): a connection that the other end closes
 * just as a message is written would cost that message its replay.
 */
const idleMaxMs = 4_000;
/** By how much Weir is sooner where the other side says how long it waits: a second, or half of it. */
const marginMs = 1_000;

const closing = 'the connections to it are being closed';

export class CoreappConnections implements Home, Coreapp {
  readonly opener;
  readonly standing: Deadlines<Connection>;
  readonly answering: Deadlines<Connection>;
  readonly #connectionMaxAgeMs: number;
  #connectionsMax: number;
  /** The lines that all requests have. */
  readonly #lines: string;
  readonly #all = new Set<Connection>();
  /** The most recently used is the last one. */
  readonly #idle: Connection[] = [];
  /** Calls for which there is no connection. */
  readonly #waiting = new Set<Call>();
  readonly #queue: Carrier;
  readonly #looks: Looks;
  #sweep: NodeJS.Timeout | null = null;
  #sweepAt = Number.POSITIVE_INFINITY;
  #isClosed = false;
  #isRetired = false;

  constructor(options: CoreappOptions) {
    const { url, connectTimeoutMs, answerTimeoutMs } = options;
    const { host } = new URL(url);
    const said = options.host ?? host;
    this.#connectionMaxAgeMs = options.connectionMaxAgeMs;
    this.#connectionsMax = options.connectionsMax;
    this.opener = createOpener(options);
    this.#lines = `Host: ${said}\r\nConnection: keep-alive\r\n`;
    const unreached = `no connection to ${host} within ${connectTimeoutMs} ms`;
    const silent = `nothing of the answer within ${answerTimeoutMs} ms`;
    this.standing = new Deadlines(connectTimeoutMs, (connection) => connection.late(unreached));
    this.answering = new Deadlines(answerTimeoutMs, (connection) => connection.late(silent));
    this.#queue = { resume() {}, drop: (call) => void this.#waiting.delete(call) };
    this.#looks = new Looks();
  }

  send(request: CoreappRequest, observer: CoreappObserver): CoreappCall {
    const head = requestHead(request, this.#lines);
    if (typeof head === 'string') {
      const call = new Call(request, observer, head);
      this.again(call);
      return call;
    }
    const call = new Call(request, observer, '');
    call.fail('invalid', head.why);
    return call;
  }

  /** How many connections are open, or asked for. */
  get open(): number {
    return this.#all.size + this.#waiting.size;
  }

  /** Others take its place: a connection that is free is closed. What still comes here is sent all the same. */
  retire(): void {
    this.#isRetired = true;
    for (const connection of [...this.#idle]) connection.close();
  }

  /** Another bound for how many there may be. Those that are more take no further request. */
  resize(connectionsMax: number): void {
    this.#connectionsMax = connectionsMax;
    while (this.#all.size < connectionsMax) {
      const next = this.#nextWaiting();
      if (next === null) break;
      this.#open(next);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = [...this.#all].map((connection) => connection.isClosed);
    for (const connection of this.#all) connection.lost(closing);
    for (const call of this.#waiting) call.fail('connect', closing);
    this.#waiting.clear();
    if (this.#sweep !== null) clearTimeout(this.#sweep);
    this.standing.close();
    this.answering.close();
    await Promise.all(closed);
  }

  again(call: Call): void {
    if (this.#isClosed) {
      call.fail('connect', closing);
      return;
    }
    const connection = this.#takeIdle();
    if (connection !== null) {
      connection.reserve(call);
      this.#looks.at(connection);
    } else if (this.#all.size < this.#connectionsMax) {
      this.#open(call);
    } else {
      call.carrier = this.#queue;
      this.#waiting.add(call);
    }
  }

  freed(connection: Connection): void {
    const now = performance.now();
    if (this.#isClosed || this.#isRetired || now >= connection.diesAt || this.#all.size > this.#connectionsMax) {
      connection.close();
      return;
    }
    connection.freedIn = this.#looks.turn();
    const next = this.#nextWaiting();
    if (next !== null) {
      connection.reserve(next);
      connection.begin();
      return;
    }
    const { keepAliveMs } = connection;
    const theirsMs = keepAliveMs === null ? idleMaxMs : keepAliveMs - Math.min(marginMs, keepAliveMs / 2);
    connection.expiresAt = Math.min(connection.diesAt, now + Math.min(idleMaxMs, theirsMs));
    this.#idle.push(connection);
    if (connection.expiresAt < this.#sweepAt) this.#sweepAfter(connection.expiresAt, now);
  }

  gone(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    if (this.#isClosed || this.#all.size >= this.#connectionsMax) return;
    const next = this.#nextWaiting();
    if (next !== null) this.#open(next);
  }

  #open(call: Call): void {
    const connection = new Connection(this, call);
    // Replicas that were started together are not to open their connections together.
    connection.diesAt = performance.now() + this.#connectionMaxAgeMs * (1 - Math.random() / 10);
    this.#all.add(connection);
  }

  #takeIdle(): Connection | null {
    if (this.#idle.length === 0) return null;
    const now = performance.now();
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return null;
      if (connection.expiresAt > now) return connection;
      connection.close();
    }
  }

  #nextWaiting(): Call | null {
    for (const call of this.#waiting) {
      this.#waiting.delete(call);
      return call;
    }
    return null;
  }

  #sweepAfter(at: number, now: number): void {
    if (this.#sweep !== null) clearTimeout(this.#sweep);
    this.#sweepAt = at;
    this.#sweep = setTimeout(() => this.#closeExpired(), Math.max(1, Math.ceil(at - now))).unref();
  }

  #closeExpired(): void {
    this.#sweep = null;
    this.#sweepAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let first = Number.POSITIVE_INFINITY;
    for (const connection of [...this.#idle]) {
      if (connection.expiresAt <= now) connection.close();
      else first = Math.min(first, connection.expiresAt);
    }
    if (first < this.#sweepAt) this.#sweepAfter(first, now);
  }
}
