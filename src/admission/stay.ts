/** One stay in line: what decides when its turn comes and when its time is over, and who waits for it. */
import type { Collected } from '../exchange/exchange.ts';
import type { Admission } from '../exchange/outcome.ts';
import type { Downstream, GoneListener } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import type { Fields } from '../http/fields.ts';
import { waitPreferred } from '../http/preference.ts';
import type { DueOf } from './line/deadlines.ts';
import { Place } from './line/queue.ts';
import { type BestUrgency, urgencyOf } from './line/urgency.ts';
import type { CostOf } from './rate/costs.ts';

/** How long even a request with `Prefer: wait=0` may wait: the time that it takes to ask the bucket, milliseconds. */
const waitMinMs = 100;

/** What configuration says of who goes first. */
export interface Order {
  readonly bestUrgency: BestUrgency;
  /** Null: each request uses one slot. */
  readonly costOf: CostOf | null;
}

/** Found out only for those who have to wait. */
export interface Stay {
  readonly exchange: Collected;
  readonly downstream: Downstream;
  readonly caller: string;
  readonly urgency: number;
  /** How many slots it uses. */
  readonly cost: number;
  /** How long it may wait from its first stay on. */
  readonly holdMs: number;
  /** When its hold time is over, `Clock.now()`. */
  readonly until: number;
}

/** Who stands in line. */
export interface Stander {
  /** Told once for each stay in which it had to wait, within the gate that moves its line. */
  settle(admission: Admission): void;
}

/** The requests among which one waits. */
interface WaitersRoom {
  callerGone(waiter: Waiter): void;
}

/** A lane as its requests see it. */
export interface WaitersLane {
  released: Waiter | null;
  unpark(waiter: Waiter): void;
  /** Something about it has changed: the next may go, or has to wait for its opening. */
  settle(): void;
}

export class Waiter extends Place<Waiter> implements GoneListener {
  readonly exchange: Collected;
  readonly downstream: Downstream;
  readonly stander: Stander;
  readonly stoodSince: number;
  /** Null: it has not come in yet. */
  room: WaitersRoom | null = null;
  /** Null: it does not rest. */
  rest: Rest | null = null;
  /** The lane in which it is parked, and the one that has let it go to the line. */
  parkedIn: WaitersLane | null = null;
  releasedBy: WaitersLane | null = null;

  constructor(stay: Stay, stander: Stander, now: number) {
    super(stay.caller, stay.urgency, stay.cost, stay.exchange.joinedAt, stay.until);
    this.exchange = stay.exchange;
    this.downstream = stay.downstream;
    this.stoodSince = now;
    this.stander = stander;
  }

  callerGone(): void {
    this.room?.callerGone(this);
  }
}

/** The time until which a request must not be sent. */
export type Rest = DueOf<Waiter>;

/**
 * The seconds of `Prefer: wait`, where they are no more than anybody may wait; −1: they are more, or there are none.
 */
export function waitAsked(fields: Fields, holdMaxMs: number): number {
  const seconds = waitPreferred(fields);
  return seconds !== null && seconds * 1_000 <= holdMaxMs ? seconds : -1;
}

export function slotsFor({ method, path }: Collected, { costOf }: Order): number {
  return costOf === null ? 1 : costOf(method, path);
}

export function stayOf(exchange: Collected, downstream: Downstream, order: Order): Stay {
  const { principal, fields, joinedAt, waitSeconds, holdMaxMs } = exchange;
  const holdMs = waitSeconds < 0 ? holdMaxMs : Math.min(holdMaxMs, Math.max(waitMinMs, waitSeconds * 1_000));
  const urgency = urgencyOf(fields, principal, order.bestUrgency);
  const cost = slotsFor(exchange, order);
  return { exchange, downstream, caller: nameOf(principal), urgency, cost, holdMs, until: joinedAt + holdMs };
}
