/** One bucket in one replica: its line, its lease of slots, and the one timer that moves both. */
import { type Collected, packed, type Slots } from '../exchange/exchange.ts';
import { type Admission, gone, type Replay } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import { type KeptAnswer, type RefusalName, refuse } from '../exchange/refusals.ts';
import type { Signal } from '../exchange/signal.ts';
import type { Turn } from '../observe/views.ts';
import type { BucketPause } from './class-pauses.ts';
import type { GateClass, GateDeps } from './gate-parts.ts';
import { GateLanes, type LanesGate } from './lanes/gate-lanes.ts';
import type { Line } from './line/line.ts';
import { Pausing } from './pausing.ts';
import { Prospects } from './prospects.ts';
import { Supply } from './rate/supply.ts';
import { Serving } from './serving.ts';
import { type Stander, type Stay, slotsFor, stayOf, Waiter, waitAsked } from './stay.ts';
import { type Moving, Waiting } from './waiting.ts';

/** Who waits behind so many waits long enough for its fields to be packed, which costs a microsecond. */
const packedBehind = 100;

export class Gate implements Slots {
  /** The bucket's name. */
  readonly bucket: string;
  /** The caller that brought the value that it is for. */
  readonly owner: string;
  readonly line: Line<Waiter>;
  readonly supply: Supply;
  readonly waiting: Waiting;
  readonly #class: GateClass;
  readonly #deps: GateDeps;
  readonly pausing: Pausing;
  readonly #prospects: Prospects;
  readonly #serving: Serving;
  /** Null: the class has no narrow limits. */
  readonly #lanes: GateLanes | null;

  constructor(bucket: string, owner: string, ofClass: GateClass, deps: GateDeps) {
    const { limits, lanes } = ofClass;
    this.bucket = bucket;
    this.owner = owner;
    this.#class = ofClass;
    this.#deps = deps;
    this.waiting = new Waiting(ofClass, deps);
    this.line = this.waiting.line;
    this.supply = new Supply(bucket, limits, () => void this.pump(), deps);
    this.#lanes = lanes === null ? null : new GateLanes(lanes, this.waiting, this.#forLanes(), deps);
    this.pausing = new Pausing(bucket, ofClass, this.supply, deps);
    const own = { waiting: this.waiting, supply: this.supply, pausing: this.pausing, lanes: this.#lanes };
    const parts = { bucket, ofClass, deps, ...own };
    this.#prospects = new Prospects(parts);
    this.#serving = new Serving(owner, parts, this.#prospects, this);
  }

  /** The class has other limits. Whoever waits keeps its place, and meets them. Pump it when all of the class has them. */
  configure(): void {
    const { limits } = this.#class;
    this.#prospects.configure();
    if (this.supply.configure(limits, !this.waiting.isEmpty, this.#deps.clock.now())) this.#serving.lookAnew();
  }

  /** Others take its place: lets go of all that wait, who go on waiting there. The oldest comes first. */
  vacate(): Moving[] {
    const moving = this.#serving.still(() => this.waiting.vacate());
    this.#deps.limiters.leave(this.#class.limiter, this.#serving);
    return moving;
  }

  /** One that has waited elsewhere takes its place by its age. */
  adopt({ waiter, restsUntil, wasParked }: Moving, now: number): void {
    if (restsUntil !== null) this.waiting.rejoin(waiter, now, restsUntil);
    else if (this.#lanes !== null && (wasParked || waiter.releasedBy === null)) this.#lanes.join(waiter, now);
    else this.waiting.join(waiter);
  }

  /** For a newcomer: at once if nobody waits, a slot is open and a permit is there. Null: it waits, and is told later. */
  admit(exchange: Collected, downstream: Downstream, stander: Stander): Admission | null {
    const now = this.#deps.clock.now();
    exchange.joinedAt = now;
    exchange.holdMaxMs = this.#class.limits.holdMaxMs;
    exchange.waitSeconds = waitAsked(exchange.fields, exchange.holdMaxMs);
    if (downstream.gone) return gone;
    const cost = slotsFor(exchange, this.#deps);
    for (let slots = 0; slots < cost; slots++) this.supply.lease.arrivals.add(now);
    const maybeNow =
      this.#lanes === null && this.line.requests === 0 && cost === 1 && this.#prospects.mayTake(exchange, now);
    if (maybeNow && this.supply.lease.take(now)) return this.#serving.admitAtOnce(exchange, now);
    const stay = stayOf(exchange, downstream, this.#deps);
    return this.#prospects.refusalOf(stay, now) ?? this.#wait(stay, stander, now, null);
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
    const restsUntil = this.pausing.restAfter(stay, replay, now);
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
    if (this.line.requests > 0 || now < this.pausing.until) return null;
    const { lease } = this.supply;
    const taken = lease.take(now) || (this.#serving.ask(now, 1) && lease.take(now));
    return taken ? lease.takenClosesAt : null;
  }

  signalled(signal: Signal, exchange?: Collected): void {
    const now = this.#deps.clock.now();
    if (exchange !== undefined) this.#pauseLane(signal, exchange, null, now);
    this.pausing.signalled(signal, null, now);
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

  /** Another replica says how long the bucket pauses, and what the upstream said. */
  heard({ until, answer }: BucketPause): void {
    this.pausing.heard(answer, this.#deps.clock.now(), until);
    this.pump();
  }

  /** Serves who can be served now. Returns how many were. */
  pump(): number {
    return this.#serving.pump();
  }

  refuseAll(name: RefusalName): void {
    const now = this.#deps.clock.now();
    this.waiting.refuseAll(now, () => this.#prospects.refusalOfAll(name, now));
  }

  /** How many requests the bucket would let pass now. */
  level(now: number): number {
    return Math.floor(this.supply.lease.level(now) + 1e-6);
  }

  /** True: nothing is under way, and the bucket is full again by all that is known here. Nothing is lost with it. */
  isIdle(now: number): boolean {
    return (
      this.waiting.isEmpty &&
      (this.#lanes?.trials ?? 0) === 0 &&
      !this.supply.asking &&
      this.pausing.isOver(now) &&
      this.supply.lease.fullAt <= now
    );
  }

  /** Lets go of the timer: nobody comes here any more. */
  close(): void {
    this.#serving.close();
    this.pausing.close();
  }

  /** An operator ends a wait. */
  end(waiter: Waiter): void {
    const now = this.#deps.clock.now();
    this.waiting.refuse(waiter, this.#prospects.refusalOfAll('endedByOperator', now), now);
    this.pump();
  }

  /** An operator lets one go first. False: it rests, or waits in a lane. */
  rush(waiter: Waiter): boolean {
    if (!waiter.waiting) return false;
    this.line.rush(waiter);
    this.pump();
    return true;
  }

  /** When a slot comes. @param number the next one is 1 */
  turn(number: number, now: number): Turn {
    const { earliest, byShare } = this.supply.comesAt(number, now);
    const fromNow = (at: number): number => Math.round(Math.max(0, at - now, this.pausing.until - now));
    return { turnInMs: fromNow(earliest), turnByMs: fromNow(byShare) };
  }

  /**
   * Null: it waits.
   * @param restsUntil when a request that was sent before may stand in line again; null: for a newcomer
   */
  #wait(stay: Stay, stander: Stander, now: number, restsUntil: number | null): Admission | null {
    if (stay.downstream.gone) return gone;
    if (this.#class.refusing !== null) return this.#prospects.refusalOfAll(this.#class.refusing, now);
    if (stay.until <= (restsUntil ?? now)) return this.#prospects.holdTimeOver(now);
    const waiter = new Waiter(stay, stander, now);
    stay.exchange.trace?.recording?.holdBegan(now, this.#prospects.whyHeld(stay, now, restsUntil));
    if (restsUntil === null && this.#lanes !== null) this.#lanes.join(waiter, now);
    else if (restsUntil === null) this.waiting.join(waiter);
    else this.waiting.rejoin(waiter, now, restsUntil);
    this.pump();
    if (this.#class.headcount.total > packedBehind) packed(stay.exchange);
    return null;
  }

  #forLanes(): LanesGate {
    // Another slot in the place of a late one would need other tokens as well.
    const slots: Slots = { another: () => null, signalled: (signal, of) => this.signalled(signal, of) };
    return {
      admitted: (exchange, permit, closesAt, now, charge) =>
        this.#serving.admitted(exchange, now, permit, closesAt, slots, charge),
      spare: (closesAt) => this.supply.spare(closesAt),
      refusal: (now) => {
        const { refusing } = this.#class;
        return refusing === null ? null : this.#prospects.refusalOfAll(refusing, now);
      },
      pump: () => void this.pump(),
    };
  }
}
