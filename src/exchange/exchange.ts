/**
 * A request on its way through the stages. What a stage learns it adds, nothing is taken back: Received → Routed →
 * Identified → Collected → Admitted. Code that forwards an unidentified request does not compile. Two groups of fields
 * change on the way: `Steering`, by which admission and replays decide, and `Counters`, for the log.
 */
import type { Fields } from '../http/fields.ts';
import type { Origin } from '../http/forwarded.ts';
import type { BufferedBody } from './bodies.ts';
import type { Charge } from './charge.ts';
import type { Principal } from './principal.ts';
import type { RefusalName } from './refusals.ts';
import type { Route } from './route.ts';
import type { Signal } from './signal.ts';
import type { Trace } from './trace.ts';

/** What the stage `receive` knows. */
interface Head {
  /** `X-Request-Id`, kept or made. */
  readonly id: string;
  readonly method: string;
  /** The request target as it came: path and query. */
  readonly target: string;
  /** The path that routes go by: normalised, without a trailing slash (`http/target.ts`). */
  readonly path: string;
  /** As they came, but for the credentials, which `authenticate` takes out of those that are to wait. */
  readonly fields: string[];
  readonly origin: Origin;
  /** When the head had arrived: `Clock.now()`. */
  readonly arrivedAt: number;
  /** What its answer tells browsers (`http/cors.ts`); null, or not there: nothing. */
  readonly cors?: Fields | null;
  /** Null, or not there: it belongs to none that is known. */
  readonly trace?: Trace | null;
}

/** What became of a request so far. It decides when the request goes again, how often, and who waits because of it. */
export interface Steering {
  /** When it first stood in line, `Clock.now()`; −1 before. Its age there, kept over replays. */
  joinedAt: number;
  /** The seconds of `Prefer: wait` that its hold time follows; −1: there are none. */
  waitSeconds: number;
  /** How long its class held requests when it joined, milliseconds: it keeps what it was promised. −1 before. */
  holdMaxMs: number;
  /** When it was sent last, `Clock.now()`; −1 before. */
  sentAt: number;
  /** How many slots in a row it gave up because they closed before it could be written. */
  slotsGivenUp: number;
  /** How often the Coreapp has refused it, and when last, `Clock.now()`; −1: never. */
  refusals: number;
  refusedAt: number;
  /** Whether others were paused because of it (`admission/pauses.ts`). */
  pausedOthers: boolean;
  /** How often it goes again after an exchange that broke or timed out once bytes had been written. */
  brokenRepeats: number;
  /** Its places in serial lanes, which end with it, whatever its attempts; null: none. */
  serialLanes: Disposable | null;
  /** What its body has taken, to be given back at its end; null: nothing. */
  allocation: { release(): void } | null;
}

/** What a request cost, for the log and `Server-Timing`. Nothing is decided by it. */
export interface Counters {
  /** Milliseconds spent in line, over all attempts. */
  heldMs: number;
  /** Milliseconds spent with the Coreapp, over all attempts. */
  coreappMs: number;
  /** How often the request was sent. */
  attempts: number;
  /** Bytes of answer body that went to the caller. */
  bytesOut: number;
  /** Bytes of its own body that were read. */
  bytesIn: number;
  /** For the audit trail; null: an endpoint of Weir's own had nothing to add, or it was none. */
  note: AuditNote | null;
}

export interface Received extends Head, Steering {
  readonly kind: 'exchange';
  readonly cors: Fields | null;
  readonly trace: Trace | null;
  readonly counters: Counters;
}

export interface Routed extends Received {
  readonly route: Route;
}

export interface Identified extends Routed {
  readonly principal: Principal;
}

export interface Collected extends Identified {
  /** The whole body, buffered for replay; null when there is none. */
  readonly body: BufferedBody | null;
}

export interface Admitted extends Collected {
  readonly permit: Permit;
  /** When the slot that it uses closes, `Clock.now()`. */
  readonly slotClosesAt: number;
  /** Where that comes from. */
  readonly slots: Slots;
  /** What its caller is told of its bucket; null: nothing. */
  readonly rateLimit: Telling | null;
  /** What is to be settled once the attempt is over; null: nothing. */
  readonly charge: Charge | null;
}

/** Slots of the bucket that a request uses. */
export interface Slots {
  /**
   * Takes another one in the place of one that has closed, if one is open and nobody waits for it. Returns when it
   * closes, `Clock.now()`; null: there is none.
   */
  another(): number | null;
  /**
   * An answer that goes to its caller has said something of a limit.
   * @param exchange whose it is; needed where it speaks of a lane
   */
  signalled(signal: Signal, exchange?: Collected): void;
}

/** Adds fields to an answer that say what is left of a bucket (`admission/rate/rate-limit-fields.ts`). */
export interface Telling {
  /** @param coreapps the fields of the Coreapp's answer */
  addTo(out: string[], coreapps: Fields): void;
}

/**
 * How a permit's use ended; what the number of permits learns from. `refused`: the Coreapp did not take it, or could
 * not be reached (`upstream/lessons.ts` says what counts). `again`: it was refused before, so that it may be about this
 * one request. `failed`: it went wrong otherwise, which teaches nothing.
 */
export type PermitEnd = 'answered' | 'refused' | 'again' | 'failed' | 'unused';

/**
 * The right to have one request in flight at the Coreapp. Given back exactly once; disposing an ended one does nothing.
 */
export interface Permit extends Disposable {
  end(how: PermitEnd): void;
}

/** The exchange's note for the audit trail, to be filled in. */
export function noteOf({ counters }: Received): AuditNote {
  counters.note ??= { user: null, reason: null, passwordChanged: false };
  return counters.note;
}

/** Stands between packed fields: neither names nor values can hold it. */
const between = '\n';

/** One shape for all stages, so that the property accesses of the hot path stay monomorphic. */
class Exchange {
  readonly kind = 'exchange';
  readonly id: string;
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly origin: Origin;
  readonly arrivedAt: number;
  readonly cors: Fields | null;
  readonly trace: Trace | null;
  readonly counters: Counters = { heldMs: 0, coreappMs: 0, attempts: 0, bytesOut: 0, bytesIn: 0, note: null };
  joinedAt = -1;
  waitSeconds = -1;
  holdMaxMs = -1;
  sentAt = -1;
  slotsGivenUp = 0;
  refusals = 0;
  refusedAt = -1;
  pausedOthers = false;
  brokenRepeats = 0;
  serialLanes: Disposable | null = null;
  allocation: { release(): void } | null = null;
  route: Route | undefined = undefined;
  principal: Principal | undefined = undefined;
  body: BufferedBody | null | undefined = undefined;
  permit: Permit | undefined = undefined;
  slotClosesAt = Number.POSITIVE_INFINITY;
  slots: Slots | undefined = undefined;
  rateLimit: Telling | null | undefined = undefined;
  charge: Charge | null = null;
  #fields: string[] | string;

  constructor(head: Head) {
    this.id = head.id;
    this.method = head.method;
    this.target = head.target;
    this.path = head.path;
    this.#fields = head.fields;
    this.origin = head.origin;
    this.arrivedAt = head.arrivedAt;
    this.cors = head.cors ?? null;
    this.trace = head.trace ?? null;
  }

  get fields(): string[] {
    if (typeof this.#fields === 'string') this.#fields = this.#fields.split(between);
    return this.#fields;
  }

  pack(): void {
    if (typeof this.#fields !== 'string' && this.#fields.length > 0) this.#fields = this.#fields.join(between);
  }
}

export function received(head: Head): Received {
  return new Exchange(head);
}

export function routed(exchange: Received, route: Route): Routed {
  (exchange as Exchange).route = route;
  return exchange as Routed;
}

export function identified(exchange: Routed, principal: Principal): Identified {
  (exchange as Exchange).principal = principal;
  return exchange as Identified;
}

export function collected(exchange: Identified, body: BufferedBody | null): Collected {
  (exchange as Exchange).body = body;
  return exchange as Collected;
}

/**
 * It will wait for a while: its fields become one text, which takes a quarter of what they take. Whoever looks at them
 * has them as they were.
 */
export function packed(exchange: Collected): void {
  (exchange as Exchange).pack();
}

/** @param slotClosesAt when the slot that it uses closes, `Clock.now()` */
export function admitted(
  exchange: Collected,
  permit: Permit,
  slots: Slots,
  slotClosesAt: number,
  rateLimit: Telling | null,
  charge: Charge | null = null,
): Admitted {
  (exchange as Exchange).permit = permit;
  (exchange as Exchange).slots = slots;
  (exchange as Exchange).slotClosesAt = slotClosesAt;
  (exchange as Exchange).rateLimit = rateLimit;
  (exchange as Exchange).charge = charge;
  return exchange as Admitted;
}

/** Whether the request may be written now with the slot that it has, or with another one that it takes. */
export function hasOpenSlot(exchange: Admitted, now: number): boolean {
  if (now <= exchange.slotClosesAt) return true;
  const closesAt = exchange.slots.another();
  if (closesAt === null) return false;
  (exchange as Exchange).slotClosesAt = closesAt;
  return true;
}

/**
 * Why something was refused: as the caller was told, or what only the operator may know. `gone`: the caller hung up
 * before its request was whole. `changedMeanwhile`: the user was changed or deleted while its password was verified.
 */
export type AuditReason =
  | RefusalName
  | 'gone'
  | 'tooManyFailures'
  | 'unknownUser'
  | 'wrongPassword'
  | 'changedMeanwhile'
  | 'meansNobody'
  | 'tooManyOrders';

/** What an endpoint learns on the way that the audit trail has to say. */
export interface AuditNote {
  user: string | null;
  reason: AuditReason | null;
  /** A login that brought a new password as well. */
  passwordChanged: boolean;
}
