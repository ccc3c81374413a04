/** Moves the line of one bucket: whose turn it is, with which slot and permit, and when to look again. */

import { Earliest } from '../clock.ts';
import type { Charge } from '../exchange/charge.ts';
import { type Admitted, admitted, type Collected, type Permit, type Slots } from '../exchange/exchange.ts';
import { nameOf } from '../exchange/principal.ts';
import type { HoldReason } from '../exchange/trace.ts';
import type { PermitWaiter } from './concurrency/limiters.ts';
import type { Line } from './line/line.ts';
import { bulkUrgency } from './line/urgency.ts';
import type { GateParts, Prospects } from './prospects.ts';
import type { Waiter } from './stay.ts';

export class Serving implements PermitWaiter {
  /** The caller whose turns for permits it shares. */
  readonly owner: string;
  readonly #parts: GateParts;
  readonly #line: Line<Waiter>;
  readonly #prospects: Prospects;
  readonly #slots: Slots;
  readonly #look: Earliest;
  #pumping: 'no' | 'yes' | 'again' = 'no';

  /** @param slots where those that are sent find another one */
  constructor(owner: string, parts: GateParts, prospects: Prospects, slots: Slots) {
    this.owner = owner;
    this.#parts = parts;
    this.#line = parts.waiting.line;
    this.#prospects = prospects;
    this.#slots = slots;
    this.#look = new Earliest(parts.deps.clock, () => void this.pump());
  }

  /** The class has other limits: when to look next is to be found out anew. */
  lookAnew(): void {
    this.#look.cancel();
  }

  /** Nobody is served any more: the timer and its turn for a permit are let go of. */
  close(): void {
    this.#look.cancel();
    const { deps, ofClass } = this.#parts;
    deps.limiters.leave(ofClass.limiter, this);
  }

  /** Does something during which nobody is served. */
  still<T>(what: () => T): T {
    this.#pumping = 'yes';
    try {
      return what();
    } finally {
      this.#pumping = 'no';
    }
  }

  /** Serves who can be served now. Returns how many were. */
  pump(): number {
    // While the line moves a lane may open that has somebody join it: then it moves once more, and not within itself.
    if (this.#pumping !== 'no') {
      this.#pumping = 'again';
      return 0;
    }
    let served = 0;
    try {
      do {
        this.#pumping = 'yes';
        served += this.#pump();
      } while (this.#isAskedAgain());
    } finally {
      this.#pumping = 'no';
    }
    return served;
  }

  #isAskedAgain(): boolean {
    return this.#pumping === 'again';
  }

  #pump(): number {
    const now = this.#parts.deps.clock.now();
    this.#parts.waiting.wake(now);
    // Requests that would wait for the end of a pause in vain are refused at once.
    this.#parts.waiting.expire(now, Math.max(now, this.#parts.pausing.certainUntil), this.#prospects.holdTimeOver);
    let served = this.#serve(now);
    while (this.ask(now)) served += this.#serve(now);
    this.#arm(now);
    return served;
  }

  /** For a newcomer that has a slot. */
  admitAtOnce(exchange: Collected, now: number): Admitted {
    this.#parts.deps.meter.held(this.#parts.ofClass.name, 'sent', 0);
    const permit = this.#parts.ofClass.limiter.take(now, nameOf(exchange.principal));
    const admission = this.admitted(exchange, now, permit, this.#parts.supply.lease.takenClosesAt);
    this.ask(now);
    return admission;
  }

  admitted(
    exchange: Collected,
    now: number,
    permit: Permit,
    closesAt: number,
    slots = this.#slots,
    charge: Charge | null = null,
  ): Admitted {
    exchange.sentAt = now;
    return admitted(exchange, permit, slots, closesAt, this.#prospects.rateLimit, charge);
  }

  /** Asks the bucket for slots if it is time. True: there are new ones already. */
  ask(now: number, waiting = this.#slotsWanted): boolean {
    if (now < this.#parts.pausing.until || this.#isStopped) return false;
    // A slot that is open and unused waits for a permit; more of them would not help.
    if (this.#line.requests > 0 && this.#parts.supply.lease.opensAt(now) <= now) return false;
    return this.#parts.supply.ask(now, waiting);
  }

  /** Chooses the next turn: of a caller for which there is a permit, and that is not paused. Null: there is none. */
  #choose(now: number): Waiter | null {
    const { limiter } = this.#parts.ofClass;
    const { operatorPauses } = this.#parts.deps;
    const may = (caller: string): boolean => limiter.availableTo(caller, now) && !operatorPauses.ofCaller(caller);
    for (let next = this.#line.choose(may); next !== null; next = this.#line.choose(may)) {
      const isBulk = now < this.#parts.ofClass.pauses.bulkUntil && next.urgency >= bulkUrgency;
      if (!isBulk && !this.#prospects.isPaused(next.caller, now)) return next;
      const until = this.#parts.pausing.untilFor(next.caller, next.urgency);
      if (isBulk && until >= next.until) this.#parts.waiting.refuse(next, this.#prospects.holdTimeOver(now), now);
      else this.#parts.waiting.restUntil(next, until);
    }
    return null;
  }

  /** What keeps the line just now, for the trace of the request at its head. */
  #headWaits(now: number, reason: HoldReason): void {
    this.#line.anybody?.exchange.trace?.recording?.waits(now, reason);
  }

  #serve(now: number): number {
    let served = 0;
    while (this.#line.requests > 0) {
      if (now < this.#parts.pausing.until) {
        this.#headWaits(now, 'pause');
        break;
      }
      if (this.#isStopped) break;
      if (this.#parts.pausing.pausesCallers(now)) {
        this.#parts.waiting.standAside(this.#parts.pausing.untilOf, now);
        if (this.#line.requests === 0) break;
      }
      if (!this.#parts.supply.isOpen(now)) {
        this.#headWaits(now, 'slots');
        break;
      }
      const next = this.#choose(now);
      if (next === null) {
        this.#parts.deps.limiters.wait(this.#parts.ofClass.limiter, this, now);
        this.#headWaits(now, 'permits');
        break;
      }
      const lanes = this.#parts.lanes === null ? null : this.#parts.lanes.lanesOf(next, now);
      if (this.#parts.lanes !== null && lanes === null) continue;
      const closesAt = this.#parts.supply.take(now);
      const waiter = this.#line.take();
      if (waiter === null) continue;
      const permit = this.#parts.ofClass.limiter.take(now, waiter.caller);
      if (this.#parts.lanes !== null && lanes !== null && lanes.length > 0) {
        served += this.#parts.lanes.try(waiter, lanes, permit, closesAt);
        continue;
      }
      const admission = this.admitted(waiter.exchange, now, permit, closesAt);
      this.#parts.waiting.ended(waiter, admission, 'sent', now);
      served += 1;
    }
    return served;
  }

  /** All of the class pause by an operator's order. */
  get #isStopped(): boolean {
    return this.#parts.deps.operatorPauses.ofClass(this.#parts.ofClass.name);
  }

  /** How many slots those need that an operator has not paused. */
  get #slotsWanted(): number {
    const { operatorPauses } = this.#parts.deps;
    let slots = this.#line.slots;
    if (operatorPauses.any) for (const caller of operatorPauses.callers) slots -= this.#line.slotsOf(caller);
    return slots;
  }

  /** Sets the timer to the next moment at which something can change by itself. */
  #arm(now: number): void {
    const nextMove = this.#line.requests > 0 ? this.#nextMove(now) : Number.POSITIVE_INFINITY;
    this.#look.at(Math.min(this.#parts.waiting.lookAt(now), nextMove), now);
  }

  /** When the line can move or the bucket may be asked, with somebody waiting. */
  #nextMove(now: number): number {
    const opensAt = this.#parts.supply.lease.opensAt(now);
    const resumesAt = this.#parts.pausing.until;
    // Open already and still unused: what is missing is a permit, and the limiters pump this gate.
    const blocked = (opensAt <= now && resumesAt <= now) || this.#isStopped;
    const slot = blocked ? Number.POSITIVE_INFINITY : Math.max(opensAt, resumesAt);
    if (opensAt <= now || this.#isStopped) return slot;
    return Math.min(slot, Math.max(this.#parts.supply.askAt(now, this.#slotsWanted), resumesAt));
  }
}
