/**
 * Who may have how many connections, and which idle one is closed if room has to be made. No address can take what
 * others need: it has a share of what they leave, as with the line (`shares/part.ts`). If an address
 * already has its share, a new connection takes the place of one of its idle ones. If all are taken, the idle
 * connection of the address that has most is closed, first of callers that have shown no valid credential. So a
 * newcomer finds room as long as anything is idle.
 *
 * Idle is a connection on which no request is under way: one that never sent a byte, hangs in its TLS handshake or
 * sends a slow head is idle as well. A request costs no more than a few numbers here; which one to close is found out
 * only when it matters.
 */
import { mayHaveOneMore } from '../shares/part.ts';

export interface ConnectionBounds {
  /** Of all addresses together. */
  readonly max: number;
  /** Of one address; null: its share of what others leave, and no other bound. */
  readonly perAddressMax: number | null;
  /** True: if nothing is idle, a busy connection is closed. False: the newcomer is turned away. */
  readonly closesBusy: boolean;
}

/** What one address may have of the connections that others leave. */
const addressShareMax = 0.9;

/** Whether an address that has so many may have one more, where all have `allCount`. */
export function mayHaveMore(
  count: number,
  allCount: number,
  { max, perAddressMax }: Omit<ConnectionBounds, 'closesBusy'>,
): boolean {
  if (count > 0 && perAddressMax !== null && count >= perAddressMax) return false;
  return mayHaveOneMore(addressShareMax, count, max - allCount);
}

/** How many addresses without a connection are remembered, so that the table need not change with each connection. */
const idleAddressesMax = 1_000;

export interface Address {
  readonly name: string;
  /** Many callers' connections, such as a trusted proxy's: there is no bound for them, and they are closed last. */
  readonly shared: boolean;
  count: number;
  busy: number;
  queue: ClosingQueue | null;
}

/** Whose connection it is: as a rule a socket. */
interface Closable {
  readonly remoteAddress?: string | undefined;
  destroy(): unknown;
}

export class Connection {
  readonly address: Address;
  /** A valid credential was seen on it. */
  known: boolean;
  /** Requests that are under way. */
  requests = 0;
  /** When something began or ended last: a number that grows. */
  movedAt: number;
  readonly socket: Closable;
  next: Connection | null = null;
  previous: Connection | null = null;

  constructor(address: Address, movedAt: number, socket: Closable) {
    this.address = address;
    this.known = address.shared;
    this.movedAt = movedAt;
    this.socket = socket;
  }
}

export class ConnectionTable {
  #bounds: ConnectionBounds;
  readonly #closing: (socket: Closable) => void;
  readonly #addresses = new Map<string, Address>();
  #sweepAt = idleAddressesMax;
  /** The head of a ring of all connections; not a Set, which leaves tables behind (`wire/server/idlers.ts`). */
  readonly #ring: Connection;
  #queue: ClosingQueue | null = null;
  #count = 0;
  #busy = 0;
  #moves = 0;

  /** @param closing told of each that is closed to make room; once, when it has left the table */
  constructor(bounds: ConnectionBounds, closing: (socket: Closable) => void = () => {}) {
    this.#bounds = bounds;
    this.#closing = closing;
    this.#ring = new Connection({ name: '', shared: false, count: 0, busy: 0, queue: null }, 0, { destroy() {} });
    this.#ring.next = this.#ring;
    this.#ring.previous = this.#ring;
  }

  /** Other bounds, from the next connection on. */
  configure(bounds: ConnectionBounds): void {
    this.#bounds = bounds;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Makes room for one more connection, if need be by closing another. Null: there is none.
   * @param shared whether it is the address of many callers
   */
  open(name: string, shared: boolean, socket: Closable): Connection | null {
    const address = this.#addressOf(name, shared);
    if (!this.#makeRoom(address)) return null;
    const connection = new Connection(address, ++this.#moves, socket);
    connection.next = this.#ring;
    connection.previous = this.#ring.previous;
    (this.#ring.previous as Connection).next = connection;
    this.#ring.previous = connection;
    address.count += 1;
    this.#count += 1;
    return connection;
  }

  /** It is closed. Doing so twice does nothing. */
  leave(connection: Connection): void {
    const { next, previous, address } = connection;
    if (next === null || previous === null) return;
    previous.next = next;
    next.previous = previous;
    connection.next = null;
    connection.previous = null;
    address.count -= 1;
    this.#count -= 1;
    if (connection.requests > 0) this.#moveBusy(address, -1);
  }

  /** A request is under way. */
  began(connection: Connection): void {
    connection.movedAt = ++this.#moves;
    connection.requests += 1;
    if (connection.requests === 1 && connection.next !== null) this.#moveBusy(connection.address, 1);
  }

  /** It has its answer. */
  ended(connection: Connection): void {
    connection.movedAt = ++this.#moves;
    if (connection.requests === 0) throw new Error('A request ended that never began.');
    connection.requests -= 1;
    if (connection.requests === 0 && connection.next !== null) this.#moveBusy(connection.address, -1);
  }

  #moveBusy(address: Address, by: number): void {
    address.busy += by;
    this.#busy += by;
  }

  #makeRoom(address: Address): boolean {
    if (!address.shared && !mayHaveMore(address.count, this.#count, this.#bounds)) {
      address.queue ??= new ClosingQueue();
      return this.#closeOne(address.queue, address.count - address.busy, address);
    }
    address.queue = null;
    if (this.#count >= this.#bounds.max) {
      this.#queue ??= new ClosingQueue();
      return this.#closeOne(this.#queue, this.#count - this.#busy, null);
    }
    this.#queue = null;
    return true;
  }

  /**
   * @param idle how many there are to choose from
   * @param of whose they are; null: anybody's
   */
  #closeOne(queue: ClosingQueue, idle: number, of: Address | null): boolean {
    const { closesBusy } = this.#bounds;
    if (idle === 0 && !closesBusy) return false;
    const going = queue.next() ?? queue.fill(this.#all(of, idle === 0), this.#bounds.max);
    if (going === null) return false;
    this.leave(going);
    this.#closing(going.socket);
    going.socket.destroy();
    return true;
  }

  *#all(of: Address | null, busy: boolean): Iterable<Connection> {
    for (let one = this.#ring.next as Connection; one !== this.#ring; one = one.next as Connection) {
      if ((of === null || one.address === of) && one.requests > 0 === busy) yield one;
    }
  }

  #addressOf(name: string, shared: boolean): Address {
    let address = this.#addresses.get(name);
    if (address === undefined) {
      if (this.#addresses.size >= this.#sweepAt) this.#forgetIdle();
      address = { name, shared, count: 0, busy: 0, queue: null };
      this.#addresses.set(name, address);
    }
    return address;
  }

  #forgetIdle(): void {
    for (const [name, { count }] of this.#addresses) if (count === 0) this.#addresses.delete(name);
    this.#sweepAt = idleAddressesMax + this.#addresses.size;
  }
}

interface Noted {
  readonly connection: Connection;
  readonly movedAt: number;
}

/**
 * Those that are closed next. They are looked for in all the connections, so many are noted at once; one on which
 * something has happened since is passed over.
 */
class ClosingQueue {
  #noted: readonly Noted[] = [];
  #at = 0;

  next(): Connection | null {
    while (this.#at < this.#noted.length) {
      const { connection, movedAt } = this.#noted[this.#at++] as Noted;
      if (connection.next !== null && connection.movedAt === movedAt) return connection;
    }
    return null;
  }

  /** Notes a sixteenth of all there may be, and hands back the first. */
  fill(candidates: Iterable<Connection>, max: number): Connection | null {
    const going = closingOrder(candidates).slice(0, Math.ceil(max / 16));
    this.#noted = going.map((connection) => ({ connection, movedAt: connection.movedAt }));
    this.#at = 0;
    return this.next();
  }
}

/**
 * In which order connections are closed. Strangers' first; among them that of the address which has most left by then;
 * of one address the one on which nothing has happened for longest.
 */
function closingOrder(candidates: Iterable<Connection>): Connection[] {
  const byAge = [...candidates].sort((a, b) => Number(a.known) - Number(b.known) || a.movedAt - b.movedAt);
  const taken = new Map<Address, number>();
  const ranked = byAge.map((connection) => {
    const { address } = connection;
    const before = taken.get(address) ?? 0;
    taken.set(address, before + 1);
    return { connection, left: address.shared ? 1 : address.count - before };
  });
  ranked.sort((a, b) => Number(a.connection.known) - Number(b.connection.known) || b.left - a.left);
  return ranked.map(({ connection }) => connection);
}
