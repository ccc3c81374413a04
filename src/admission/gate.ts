/** One bucket in one replica: its line, its lease of slots, and the one timer that moves both. */
import type { Alarm } from '../clock.ts';
import type { Admitted, Collected, Permit, Slots } from '../exchange/exchange.ts';
import { admitted, packed } from '../exchange/exchange.ts';
import type { Admission, Replay } from '../exchange/outcome.ts';
import { gone } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import type { KeptAnswer, Refusal, RefusalName } from '../exchange/refusals.ts';
import { refuse } from '../exchange/refusals.ts';
import type { Signal } from '../exchange/signal.ts';
import type { HoldReason } from '../exchange/trace.ts';
import type { Turn } from '../observe/views.ts';
import type { BucketPause } from './class-pauses.ts';
import type { ConcurrencyLimiter } from './concurrency/limiter.ts';
import type { ConcurrencyLimiters, PermitWaiter } from './concurrency/limiters.ts';
import { GateLanes, type LanesGate, tooLate } from './lanes/gate-lanes.ts';
import type { Lanes } from './lanes/lanes.ts';
import type { ClassLimits } from './limits.ts';
import type { Line } from './line/line.ts';
import { bulkUrgency, urgencyOf } from './line/urgency.ts';
import type { OperatorPauses } from './operator-pauses.ts';
import { Pausing, type PausingClass, type PausingDeps } from './pausing.ts';
import type { Buckets } from './rate/ports.ts';
import { slotsToCome } from './rate/quota.ts';
import { type Left, leftOf, RateLimitFields } from './rate/rate-limit-fields.ts';
import { Supply } from './rate/supply.ts';
import { type Order, type Stander, type Stay, slotsFor, stayOf, Waiter, waitAsked } from './stay.ts';
import type { PauseNotice } from './telling.ts';
import { type Moving, Waiting, type WaitingClass, type WaitingDeps } from './waiting.ts';

/** Who waits behind so many waits long enough for its fields to be packed, which costs a microsecond. */
const packedBehind = 100;

export interface GateDeps extends Order, WaitingDeps, PausingDeps {
  readonly buckets: Buckets;
  readonly limiters: ConcurrencyLimiters;
  readonly operatorPauses: OperatorPauses;
}

/** What the gates of one endpoint class share (`gates.ts`). */
export interface GateClass extends WaitingClass, PausingClass {
  /** Null: the class has no narrow limits. */
  readonly lanes: Lanes | null;
  readonly limits: ClassLimits;
  readonly limiter: ConcurrencyLimiter;
  /** Nobody may wait any more: what the Coreapp sends back from now on is refused as well. */
  readonly refusing: RefusalName | null;
  /** Whether an operator has paused the class, or that caller. */
  pausedByOperator(caller: string): boolean;
  /** All of the class has been paused, which all of its gates have to know. */
  pumpOthers(gate: Gate): void;
}

export class Gate implements Slots, PermitWaiter {
  /** The bucket's name. */
  readonly bucket: string;
  /** The caller that brought the value that it is for. */
  readonly owner: string;
  readonly line: Line<Waiter>;
  readonly supply: Supply;
  readonly #waiting: Waiting;
  readonly #class: GateClass;
  readonly #deps: GateDeps;
  readonly #pausing: Pausing;
  #rateLimit: RateLimitFields | null;
  #pumping: 'no' | 'yes' | 'again' = 'no';
  /** Null: the class has no narrow limits. */
  readonly #lanes: GateLanes | null;
  readonly #holdTimeOver = (now: number): Refusal => this.#refusal('holdTimeOver', this.line.slots, now);
  #alarm: Alarm | null = null;
  #alarmAt = Number.POSITIVE_INFINITY;

  constructor(bucket: string, owner: string, ofClass: GateClass, deps: GateDeps) {
    const { limits } = ofClass;
    this.bucket = bucket;
    this.owner = owner;
    this.#class = ofClass;
    this.#deps = deps;
    this.#waiting = new Waiting(ofClass, deps);
    this.line = this.#waiting.line;
    this.supply = new Supply(bucket, limits, () => void this.pump(), deps);
    const { lanes } = ofClass;
    this.#lanes = lanes === null ? null : new GateLanes(lanes, this.#waiting, this.#forLanes(), deps);
    this.#pausing = new Pausing(bucket, ofClass, this.supply, deps);
    this.#rateLimit = this.#fieldsOf(limits);
  }

  /** The class has other limits. Whoever waits keeps its place, and meets them. Pump it when all of the class has them. */
  configure(): void {
    const { limits } = this.#class;
    this.#rateLimit = this.#fieldsOf(limits);
    if (!this.supply.configure(limits, !this.#waiting.isEmpty, this.#deps.clock.now())) return;
    // It was set for the old limit's slots.
    this.#alarm?.cancel();
    this.#alarm = null;
    this.#alarmAt = Number.POSITIVE_INFINITY;
  }

  #fieldsOf(limits: ClassLimits): RateLimitFields | null {
    return limits.rateLimitFields ? new RateLimitFields(this.bucket, limits, () => this.#left()) : null;
  }

  /** Others take its place: lets go of all that wait, who go on waiting there. The oldest comes first. */
  vacate(): Moving[] {
    // Nobody is served meanwhile.
    this.#pumping = 'yes';
    try {
      return this.#waiting.vacate();
    } finally {
      this.#pumping = 'no';
      this.#deps.limiters.leave(this.#class.limiter, this);
    }
  }

  /** One that has waited elsewhere takes its place by its age. */
  adopt({ waiter, restsUntil, wasParked }: Moving, now: number): void {
    if (restsUntil !== null) this.#waiting.rejoin(waiter, now, restsUntil);
    else if (this.#lanes !== null && (wasParked || waiter.releasedBy === null)) this.#lanes.join(waiter, now);
    else this.#waiting.join(waiter);
  }

  /** For a newcomer: at once if nobody waits, a slot is open and a permit is there. Null: it waits, and is told later. */
  admit(exchange: Collected, downstream: Downstream, stander: Stander): Admission | null {
    const now = this.#deps.clock.now();
    exchange.joinedAt = now;
    exchange.holdMaxMs = this.#class.limits.holdMaxMs;
    exchange.waitSeconds = waitAsked(exchange.fields, exchange.holdMaxMs);
    if (downstream.gone) return gone;
    const cost = slotsFor(exchange, this.#deps);
    for (let slots = 0; slots < cost; slots++) this.supply.lease.arrived(now);
    const maybeNow = this.#lanes === null && this.line.requests === 0 && cost === 1 && this.#mayTake(exchange, now);
    if (maybeNow && this.supply.lease.take(now)) return this.#admitAtOnce(exchange, now);
    const stay = stayOf(exchange, downstream, this.#deps);
    return this.#refusalOf(stay, now) ?? this.#wait(stay, stander, now, null);
  }

  /**
   * For a request that the Coreapp sent back: once it has rested, it goes to the head of its caller’s queue, whatever
   * the bounds.
   */
  readmit(exchange: Collected, downstream: Downstream, replay: Replay, stander: Stander): Admission | null {
    const now = this.#deps.clock.now();
    const stay = stayOf(exchange, downstream, this.#deps);
    // There may be other lanes than when it was sent.
    this.#lanes?.enter(exchange);
    const { pauses } = this.#class;
    const pausedUntil = pauses.until;
    const restsUntil = this.#pausing.restAfter(stay, replay, now);
    if (pauses.until > pausedUntil) this.#class.pumpOthers(this);
    if (replay.signal !== undefined) this.#pauseLane(replay.signal, exchange, replay.answer ?? null, now);
    if (replay.answer !== undefined && stay.until <= restsUntil) {
      const refusal = refuse('holdTimeOver', null, restsUntil - now);
      return { ...refusal, answer: replay.answer };
    }
    return this.#wait(stay, stander, now, restsUntil);
  }

  another(): number | null {
    const now = this.#deps.clock.now();
    if (this.line.requests > 0 || now < this.#pausing.until) return null;
    const { lease } = this.supply;
    const taken = lease.take(now) || (this.#ask(now, 1) && lease.take(now));
    return taken ? lease.takenClosesAt : null;
  }

  signalled(signal: Signal, exchange?: Collected): void {
    const now = this.#deps.clock.now();
    if (exchange !== undefined) this.#pauseLane(signal, exchange, null, now);
    this.#pausing.signalled(signal, null, now);
    if (signal.of === 'class') this.#class.pumpOthers(this);
    this.pump();
  }

  #pauseLane({ of, pauseMs }: Signal, exchange: Collected, answer: KeptAnswer | null, now: number): void {
    if (typeof of !== 'number' || this.#lanes === null || pauseMs === 0) return;
    const lane = this.#lanes.pause(exchange, of, now + pauseMs, answer, now);
    if (lane === null) return;
    const { bucket, quota } = lane;
    // Those who do not hear of it, or come later, find it in the bucket.
    if (quota !== null) this.#deps.buckets.pushBackNarrow(bucket, quota, pauseMs);
    this.#deps.tellPause?.({ class: this.#class.name, bucket, bulk: false, ms: pauseMs, answer });
  }

  /** What one that asks is to know of its pause; null: nothing. */
  notice(now: number): PauseNotice | null {
    return this.#pausing.notice(now);
  }

  /** Another replica says how long the bucket pauses, and what the upstream said. */
  heard({ until, answer }: BucketPause): void {
    this.#pausing.heard(answer, this.#deps.clock.now(), until);
    this.pump();
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
    const now = this.#deps.clock.now();
    this.#waiting.wake(now);
    // Requests that would wait for the end of a pause in vain are refused at once.
    this.#waiting.expire(now, Math.max(now, this.#pausing.certainUntil), this.#holdTimeOver);
    let served = this.#serve(now);
    while (this.#ask(now)) served += this.#serve(now);
    this.#arm(now);
    return served;
  }

  refuseAll(name: RefusalName): void {
    const now = this.#deps.clock.now();
    this.#waiting.refuseAll(now, () => this.#refusal(name, this.line.slots, now));
  }

  /** When the bucket goes on; in the past: it does not pause. */
  get pausedUntil(): number {
    return this.#pausing.until;
  }

  /** How many requests the bucket would let pass now. */
  level(now: number): number {
    return Math.floor(this.supply.lease.level(now) + 1e-6);
  }

  /** True: nothing is under way, and the bucket is full again by all that is known here. Nothing is lost with it. */
  isIdle(now: number): boolean {
    return (
      this.#waiting.isEmpty &&
      (this.#lanes?.trials ?? 0) === 0 &&
      !this.supply.asking &&
      this.#pausing.isOver(now) &&
      this.supply.lease.fullAt <= now
    );
  }

  /** Lets go of the timer: nobody comes here any more. */
  close(): void {
    this.#alarm?.cancel();
    this.#pausing.close();
  }

  /** An operator ends a wait. */
  end(waiter: Waiter): void {
    const now = this.#deps.clock.now();
    this.#waiting.refuse(waiter, this.#refusal('endedByOperator', this.line.slots, now), now);
    this.pump();
  }

  /** An operator lets one go first. False: it rests, or waits in a lane. */
  rush(waiter: Waiter): boolean {
    if (!waiter.waiting) return false;
    this.line.rush(waiter);
    this.pump();
    return true;
  }

  /** Everybody who waits, in line or outside it. Looks at each. */
  get waiters(): Iterable<Waiter> {
    return this.#waiting;
  }

  /** When a slot comes. @param number the next one is 1 */
  turn(number: number, now: number): Turn {
    const { earliest, byShare } = this.supply.comesAt(number, now);
    const fromNow = (at: number): number => Math.round(Math.max(0, at - now, this.#pausing.until - now));
    return { turnInMs: fromNow(earliest), turnByMs: fromNow(byShare) };
  }

  /** What a newcomer would find. */
  #left(): Left {
    const now = this.#deps.clock.now();
    const { lease } = this.supply;
    const level = lease.level(now) + lease.open(now);
    return leftOf(this.#class.limits, level, this.line.requests, this.#pausing.until - now);
  }

  #mayTake({ principal, fields }: Collected, now: number): boolean {
    const caller = nameOf(principal);
    if (now < this.#class.pauses.bulkUntil && urgencyOf(fields, principal, this.#deps.bestUrgency) >= bulkUrgency)
      return false;
    if (now < this.#pausing.until || !this.#class.limiter.availableTo(caller, now)) return false;
    if (this.#class.pausedByOperator(caller)) return false;
    return !this.#isPaused(caller, now);
  }

  #isPaused(caller: string, now: number): boolean {
    return this.#pausing.pausesCallers(now) && this.#pausing.untilOf(caller) > now;
  }

  /** Chooses the next turn: of a caller for which there is a permit, and that is not paused. Null: there is none. */
  #choose(now: number): Waiter | null {
    const { limiter } = this.#class;
    const { operatorPauses } = this.#deps;
    const may = (caller: string): boolean => limiter.availableTo(caller, now) && !operatorPauses.ofCaller(caller);
    for (let next = this.line.choose(may); next !== null; next = this.line.choose(may)) {
      const isBulk = now < this.#class.pauses.bulkUntil && next.urgency >= bulkUrgency;
      if (!isBulk && !this.#isPaused(next.caller, now)) return next;
      const until = this.#pausing.untilFor(next.caller, next.urgency);
      if (isBulk && until >= next.until) this.#waiting.refuse(next, this.#holdTimeOver(now), now);
      else this.#waiting.restUntil(next, until);
    }
    return null;
  }

  #admitAtOnce(exchange: Collected, now: number): Admission {
    this.#deps.meter.held(this.#class.name, 'sent', 0);
    const permit = this.#class.limiter.take(now, nameOf(exchange.principal));
    const admission = this.#admitted(exchange, now, permit, this.supply.lease.takenClosesAt);
    this.#ask(now);
    return admission;
  }

  #admitted(exchange: Collected, now: number, permit: Permit, closesAt: number): Admitted {
    exchange.sentAt = now;
    return admitted(exchange, permit, this, closesAt, this.#rateLimit);
  }

  /** Why a newcomer may not wait: the line is full, or its turn could not come in time. Null: it may. */
  #refusalOf(stay: Stay, now: number): Refusal | null {
    const { caller, urgency, cost, holdMs, until } = stay;
    const inLine = this.line.slots + cost;
    if (!this.#class.headcount.hasRoomFor(caller)) return this.#refusal('lineFull', inLine, now);
    const inVain = this.#lanes?.refusalFor(stay.exchange, until, now) ?? null;
    if (inVain !== null) return inVain;
    const lanesOpenAt = this.#lanes?.opensFor(stay.exchange, now) ?? now;
    if (lanesOpenAt >= until) return tooLate(holdMs, lanesOpenAt, now);
    const { lease } = this.supply;
    const toCome = slotsToCome(this.#class.limits, lease.fullAt, now, until);
    const opening = this.#pausing.untilFor(caller, urgency) < until ? lease.left(now) + toCome : 0;
    if (inLine <= opening) return null;
    const needed = this.line.slotsUntil(caller, urgency, cost);
    if (needed <= opening) return null;
    return this.#refusal('lineFull', needed, now, `Its turn could not come within ${holdMs / 1_000} s.`);
  }

  /**
   * Null: it waits.
   * @param restsUntil when a request that was sent before may stand in line again; null: for a newcomer
   */
  #wait(stay: Stay, stander: Stander, now: number, restsUntil: number | null): Admission | null {
    if (stay.downstream.gone) return gone;
    if (this.#class.refusing !== null) return this.#refusal(this.#class.refusing, this.line.slots, now);
    if (stay.until <= (restsUntil ?? now)) return this.#holdTimeOver(now);
    const waiter = new Waiter(stay, stander, now);
    stay.exchange.trace?.recording?.holdBegan(now, this.#whyHeld(stay, now, restsUntil));
    if (restsUntil === null && this.#lanes !== null) this.#lanes.join(waiter, now);
    else if (restsUntil === null) this.#waiting.join(waiter);
    else this.#waiting.rejoin(waiter, now, restsUntil);
    this.pump();
    if (this.#class.headcount.total > packedBehind) packed(stay.exchange);
    return null;
  }

  /** For its trace. What keeps the whole line says more than that there is one. */
  #whyHeld({ caller, urgency }: Stay, now: number, restsUntil: number | null): HoldReason {
    if (restsUntil !== null && restsUntil > now) return 'rest';
    if (Math.max(this.#pausing.until, this.#pausing.untilFor(caller, urgency)) > now) return 'pause';
    if (!this.supply.isOpen(now)) return 'slots';
    return this.#class.limiter.availableTo(caller, now) ? 'line' : 'permits';
  }

  /** What keeps the line just now, for the trace of the request at its head. */
  #headWaits(now: number, reason: HoldReason): void {
    this.line.anybody?.exchange.trace?.recording?.waits(now, reason);
  }

  #serve(now: number): number {
    let served = 0;
    while (this.line.requests > 0) {
      if (now < this.#pausing.until) {
        this.#headWaits(now, 'pause');
        break;
      }
      if (this.#isStopped) break;
      if (this.#pausing.pausesCallers(now)) {
        this.#waiting.standAside(this.#pausing.untilOf, now);
        if (this.line.requests === 0) break;
      }
      if (!this.supply.isOpen(now)) {
        this.#headWaits(now, 'slots');
        break;
      }
      const next = this.#choose(now);
      if (next === null) {
        this.#deps.limiters.wait(this.#class.limiter, this, now);
        this.#headWaits(now, 'permits');
        break;
      }
      const lanes = this.#lanes === null ? null : this.#lanes.lanesOf(next, now);
      if (this.#lanes !== null && lanes === null) continue;
      const closesAt = this.supply.take(now);
      const waiter = this.line.take();
      if (waiter === null) continue;
      const permit = this.#class.limiter.take(now, waiter.caller);
      if (this.#lanes !== null && lanes !== null && lanes.length > 0) {
        served += this.#lanes.try(waiter, lanes, permit, closesAt);
        continue;
      }
      const admission = this.#admitted(waiter.exchange, now, permit, closesAt);
      this.#waiting.sent(waiter, admission, now);
      served += 1;
    }
    return served;
  }

  #forLanes(): LanesGate {
    // Another slot in the place of a late one would need other tokens as well.
    const slots: Slots = { another: () => null, signalled: (signal, of) => this.signalled(signal, of) };
    return {
      admitted: (exchange, permit, closesAt, now, charge) => {
        exchange.sentAt = now;
        return admitted(exchange, permit, slots, closesAt, this.#rateLimit, charge);
      },
      spare: (closesAt) => this.supply.spare(closesAt),
      refusal: (now) => {
        const { refusing } = this.#class;
        return refusing === null ? null : this.#refusal(refusing, this.line.slots, now);
      },
      pump: () => void this.pump(),
    };
  }

  /** All of the class pause by an operator's order. */
  get #isStopped(): boolean {
    return this.#deps.operatorPauses.ofClass(this.#class.name);
  }

  /** How many slots those need that an operator has not paused. */
  get #slotsWanted(): number {
    const { operatorPauses } = this.#deps;
    let slots = this.line.slots;
    if (operatorPauses.any) for (const caller of operatorPauses.callers) slots -= this.line.slotsOf(caller);
    return slots;
  }

  /** Asks the bucket for slots if it is time. True: there are new ones already. */
  #ask(now: number, waiting = this.#slotsWanted): boolean {
    if (now < this.#pausing.until || this.#isStopped) return false;
    // A slot that is open and unused waits for a permit; more of them would not help.
    if (this.line.requests > 0 && this.supply.lease.opensAt(now) <= now) return false;
    return this.supply.ask(now, waiting);
  }

  /** Sets the timer to the next moment at which something can change by itself. */
  #arm(now: number): void {
    const due = Math.min(
      this.#waiting.lookAt(now),
      this.line.requests > 0 ? this.#nextMove(now) : Number.POSITIVE_INFINITY,
    );
    if (due >= this.#alarmAt) return;
    this.#alarm?.cancel();
    this.#alarmAt = due;
    this.#alarm = this.#deps.clock.after(Math.max(0, due - now), () => {
      this.#alarm = null;
      this.#alarmAt = Number.POSITIVE_INFINITY;
      this.pump();
    });
  }

  /** When the line can move or the bucket may be asked, with somebody waiting. */
  #nextMove(now: number): number {
    const opensAt = this.supply.lease.opensAt(now);
    const resumesAt = this.#pausing.until;
    // Open already and still unused: what is missing is a permit, and the limiters pump this gate.
    const blocked = (opensAt <= now && resumesAt <= now) || this.#isStopped;
    const slot = blocked ? Number.POSITIVE_INFINITY : Math.max(opensAt, resumesAt);
    if (opensAt <= now || this.#isStopped) return slot;
    return Math.min(slot, Math.max(this.supply.askAt(now, this.#slotsWanted), resumesAt));
  }

  /** @param slots how many are to be used until it would have been its turn */
  #refusal(name: RefusalName, slots: number, now: number, details: string | null = null): Refusal {
    const backlogMs = (slots / this.#class.limits.rate) * 1_000;
    const refusal = refuse(name, details, Math.max(1_000, backlogMs, this.#pausing.until - now));
    const answer = this.#pausing.said(now);
    return answer === null ? refusal : { ...refusal, answer };
  }
}
