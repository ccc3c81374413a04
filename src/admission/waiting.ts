/**
 * The requests that wait for one bucket: in its line, or resting before they may stand in it. A request rests outside
 * the line, so that nobody waits behind it and no slot is asked for on its behalf. It counts as waiting all the same.
 */
import { type Admission, gone } from '../exchange/outcome.ts';
import type { Refusal } from '../exchange/refusals.ts';
import { type HoldReason, sampledId } from '../exchange/trace.ts';
import type { HoldOutcome } from '../observe/ports.ts';
import type { GateClass, GateDeps } from './gate-parts.ts';
import { Deadlines, DueOf } from './line/deadlines.ts';
import { Line } from './line/line.ts';
import type { Rest, Waiter } from './stay.ts';

/** One that goes on waiting elsewhere. */
export interface Moving {
  readonly waiter: Waiter;
  /** When it may stand in line; null: it stood there, or in a lane. */
  readonly restsUntil: number | null;
  readonly wasParked: boolean;
}

export class Waiting {
  readonly line = new Line<Waiter>();
  /** Made for the first request that rests: most gates never have one. */
  #rests: Deadlines<Rest> | null = null;
  readonly #class: GateClass;
  readonly #deps: GateDeps;

  constructor(ofClass: GateClass, deps: GateDeps) {
    this.#class = ofClass;
    this.#deps = deps;
  }

  get isEmpty(): boolean {
    return this.line.requests === 0 && this.#resting(Number.POSITIVE_INFINITY) === null;
  }

  get #anybody(): Waiter | null {
    return this.line.anybody ?? this.#resting(Number.POSITIVE_INFINITY);
  }

  /** For a newcomer. */
  join(waiter: Waiter): void {
    this.#enter(waiter);
    this.line.join(waiter);
  }

  /** For a request that was sent before; it stands in line from `restsUntil` on, where its age puts it. */
  rejoin(waiter: Waiter, now: number, restsUntil: number): void {
    this.#enter(waiter);
    if (restsUntil > now) this.#rest(waiter, restsUntil);
    else this.line.rejoin(waiter);
  }

  /** For a newcomer whose lane is shut: outside the line, until the lane lets it go. */
  joinLane(waiter: Waiter): void {
    this.#enter(waiter);
    this.#tell(waiter, 'lane');
    this.#rest(waiter, waiter.until);
  }

  /** One that stands in line goes to its lane. */
  toLane(waiter: Waiter): void {
    this.line.leave(waiter);
    this.#tell(waiter, 'lane');
    this.#rest(waiter, waiter.until);
  }

  /** One whose turn it was goes to its lane: it has left the line already, and the slot in its hand is another's. */
  backToLane(waiter: Waiter): void {
    waiter.owed = 1;
    this.#tell(waiter, 'lane');
    this.#rest(waiter, waiter.until);
  }

  /** A lane has let it go: it stands in line again, where its age puts it. */
  fromLane(waiter: Waiter): void {
    this.#leaveRest(waiter);
    this.#tell(waiter, 'line');
    this.line.rejoin(waiter);
  }

  /** Those who have rested stand in line. */
  wake(now: number): void {
    for (let waiter = this.#resting(now); waiter !== null; waiter = this.#resting(now)) {
      this.#leaveRest(waiter);
      this.#tell(waiter, 'line');
      this.line.rejoin(waiter);
    }
  }

  /** Requests at the head of the line whose caller is paused rest for as long, or until their time is over. */
  standAside(untilOf: (caller: string) => number, now: number): void {
    for (let head = this.line.anybody; head !== null; head = this.line.anybody) {
      const until = untilOf(head.caller);
      if (until <= now) return;
      this.restUntil(head, until);
    }
  }

  /** One that stands in line rests, or until its time is over. */
  restUntil(waiter: Waiter, until: number): void {
    this.line.leave(waiter);
    this.#tell(waiter, 'pause');
    this.#rest(waiter, Math.min(until, waiter.until));
  }

  /**
   * Refuses those in line whose time is over, or will be by then. Nobody rests for longer than that.
   * @param by now, or when a pause of all is over
   */
  expire(now: number, by: number, refusal: (now: number) => Refusal): void {
    for (let waiter = this.line.overdue(by); waiter !== null; waiter = this.line.overdue(by)) {
      this.refuse(waiter, refusal(now), now);
    }
  }

  /** Refuses one that waits, wherever it does. */
  refuse(waiter: Waiter, refusal: Refusal, now: number): void {
    this.#leave(waiter, refusal, 'refused', now);
  }

  refuseAll(now: number, refusal: () => Refusal): void {
    for (let waiter = this.#anybody; waiter !== null; waiter = this.#anybody) this.refuse(waiter, refusal(), now);
  }

  /** Lets go of all, the oldest first: they go on waiting elsewhere, and nothing has ended for them. */
  vacate(): Moving[] {
    const moving: Moving[] = [];
    for (let waiter = this.#anybody; waiter !== null; waiter = this.#anybody) {
      const wasParked = waiter.parkedIn !== null;
      const restsUntil = wasParked ? null : (waiter.rest?.until ?? null);
      if (waiter.waiting) this.line.leave(waiter);
      else this.#leaveRest(waiter);
      this.#class.headcount.give(waiter.caller);
      waiter.downstream.onGone(null);
      moving.push({ waiter, restsUntil, wasParked });
    }
    return moving.sort((a, b) => a.waiter.since - b.waiter.since);
  }

  /** One whose turn it is, and that is tried, is told by who tries it. */
  callerGone(waiter: Waiter): void {
    if (waiter.waiting || waiter.rest !== null) this.#leave(waiter, gone, 'gone', this.#deps.clock.now());
  }

  /** Everybody who waits, in line or outside it. Looks at each: not for each request. */
  *[Symbol.iterator](): Generator<Waiter> {
    yield* this.line;
    if (this.#rests !== null) for (const { what } of this.#rests.all()) yield what;
  }

  /** When somebody's time or rest is over, or sooner; infinity: nobody waits. */
  lookAt(now: number): number {
    const rests = this.#rests === null ? Number.POSITIVE_INFINITY : this.#rests.lookAt(now);
    return Math.min(rests, this.line.lookAt(now));
  }

  #enter(waiter: Waiter): void {
    this.#class.headcount.take(waiter.caller);
    waiter.room = this;
    waiter.downstream.onGone(waiter);
  }

  #leave(waiter: Waiter, admission: Admission, outcome: HoldOutcome, now: number): void {
    if (waiter.waiting) this.line.leave(waiter);
    else this.#leaveRest(waiter);
    this.ended(waiter, admission, outcome, now);
  }

  /** One that `line.take` gave out is sent, or does not go. */
  ended(waiter: Waiter, admission: Admission, outcome: HoldOutcome, now: number): void {
    this.#class.headcount.give(waiter.caller);
    if (waiter.releasedBy !== null) this.#class.leftLane(waiter);
    waiter.downstream.onGone(null);
    const ms = now - waiter.stoodSince;
    const { counters, trace } = waiter.exchange;
    counters.heldMs += ms;
    trace?.recording?.holdEnded(now, outcome);
    this.#deps.meter.held(this.#class.name, outcome, ms, sampledId(trace));
    waiter.stander.settle(admission);
  }

  /** Why it waits from now on. */
  #tell({ exchange: { trace } }: Waiter, reason: HoldReason): void {
    if (trace !== null && trace.recording !== null) trace.recording.waits(this.#deps.clock.now(), reason);
  }

  #rest(waiter: Waiter, until: number): void {
    this.#rests ??= new Deadlines();
    // A page of the calendar is over as it begins; a rest must not end early.
    waiter.rest = new DueOf(waiter, Math.ceil(until));
    this.#rests.add(waiter.rest);
  }

  #leaveRest(waiter: Waiter): void {
    if (waiter.rest !== null) this.#rests?.remove(waiter.rest);
    waiter.rest = null;
    if (waiter.parkedIn !== null) this.#class.leftLane(waiter);
  }

  /** Somebody whose rest is over, the earliest first; null: there is none. */
  #resting(now: number): Waiter | null {
    return this.#rests?.overdue(now)?.what ?? null;
  }
}
