/**
 * One endpoint class in one replica: a gate for each bucket in use, and what they share. With the scope `fleet` that is
 * one gate for all; with another, one for each value that requests bring, as long as there is something to remember.
 */
import { BodyBudget } from '../bodies/body-budget.ts';
import type { Alarm } from '../clock.ts';
import type { Collected } from '../exchange/exchange.ts';
import type { Admission, Replay } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import { refuse } from '../exchange/refusals.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { BucketSnapshot, LineSnapshot } from '../observe/snapshot.ts';
import { Shares } from '../shares/shares.ts';
import { type BucketPause, ClassPauses } from './class-pauses.ts';
import type { ConcurrencyLimiter } from './concurrency/limiter.ts';
import { Gate } from './gate.ts';
import type { GateClass, GateDeps } from './gate-parts.ts';
import { Lanes, sameLanes } from './lanes/lanes.ts';
import { type ClassLimits, lineMax } from './limits.ts';
import { bucketName, sameScope, scopeValue } from './rate/scope.ts';
import { convertedUs, intervalUs } from './rate/slots.ts';
import type { Stander, Waiter } from './stay.ts';
import { againMax, type PauseNotice } from './telling.ts';
import type { Moving } from './waiting.ts';

export interface GatesDeps extends GateDeps {
  /** A one-way digest. */
  readonly digest: (text: string) => string;
  /** Whether the Coreapp tells paths apart that differ in case only. Not there: it does not. */
  readonly caseSensitivePaths?: boolean;
}

/** How often idle gates are looked for while there is room, milliseconds. */
const sweepMs = 10_000;
/**
 * How long to wait after a look that found none, milliseconds: otherwise newcomers without end would look without end.
 */
const lookAgainMs = 100;
/** Up to this length values are told apart as they are, longer ones by their digest, which is longer than this. */
const plainMaxChars = 63;
/**
 * How long a request of a class that is not held may wait for its turn, milliseconds. Such a class has a line only
 * while its callers ask for more than its rate. Then the others’ turns come before long, and the caller that floods it
 * is refused.
 */
const turnMaxMs = 1_000;
/** Stands for "no value": no value is empty. */
const none = '';
/** The owner of the one gate of the scope `fleet`. */
const nobody = '';

export class Gates implements GateClass {
  readonly name: EndpointClass;
  limits: ClassLimits;
  readonly limiter: ConcurrencyLimiter;
  /** What the bodies of the class take: those being read, those in line and those in flight. */
  readonly bodies: BodyBudget;
  /** Who has how many requests in line. */
  readonly headcount: Shares;
  /** Null: the class has no narrow limits. */
  lanes: Lanes | null;
  readonly pauses: ClassPauses;
  #refusing: RefusalName | null = null;
  readonly #deps: GatesDeps;
  /** The one gate of the scope `fleet`. */
  #only: Gate | null;
  /** By the value that requests bring. */
  readonly #gates = new Map<string, Gate>();
  /** Those of an earlier scope, as long as something of theirs is under way. */
  readonly #former = new Set<Gate>();
  /** What was spent of the buckets whose place new ones take has flowed back by then, `Clock.now()`. */
  #spentUntil = Number.NEGATIVE_INFINITY;
  /** How many of them each caller has brought: values can be invented without end. */
  readonly #opened: Shares;
  #lookNotBefore = Number.NEGATIVE_INFINITY;
  #sweep: Alarm | null = null;

  constructor(name: EndpointClass, limits: ClassLimits, deps: GatesDeps) {
    this.name = name;
    this.limits = asHeld(limits);
    this.limiter = deps.limiters.add(limits);
    this.bodies = new BodyBudget(limits, () => deps.clock.now());
    this.headcount = new Shares(limits.lineMaxRequests, limits.callerShareMax);
    this.#opened = new Shares(limits.scopesMax, limits.callerShareMax);
    this.#deps = deps;
    this.pauses = new ClassPauses(name, deps);
    this.lanes = this.#lanesBy(limits);
    this.#only = limits.scope.by === 'fleet' ? new Gate(name, nobody, this, deps) : null;
  }

  /**
   * Other limits, which count at once, also for those that wait. These keep their places and the time that they were
   * promised, also where there are more than there may be now. Call `pump` once everything has been configured.
   */
  configure(limits: ClassLimits): void {
    const before = this.limits;
    this.limits = asHeld(limits);
    this.#deps.limiters.reconfigure(this.limiter, limits);
    this.bodies.configure(limits);
    this.headcount.configure(limits.lineMaxRequests, limits.callerShareMax);
    this.#opened.configure(limits.scopesMax, limits.callerShareMax);
    const now = this.#deps.clock.now();
    this.#spentUntil = now + convertedUs(this.#spentUntil - now, intervalUs(before), intervalUs(limits));
    for (const gate of [...this.#all(), ...this.#former]) gate.configure();
    const same = sameLanes(before.also, limits.also);
    if (same) this.lanes?.configure(limits.also, this.#deps.buckets);
    if (!same || !sameScope(before.scope, limits.scope)) this.#rescope(now, same);
  }

  #lanesBy({ also }: ClassLimits): Lanes | null {
    return also.length === 0 ? null : new Lanes(this.name, also, this.#deps);
  }

  pump(): void {
    for (const gate of this.#all()) gate.pump();
  }

  /**
   * Requests share other buckets from now on, or other narrow limits bind them: those that wait go to gates of the new.
   * @param sameLanes whether their lanes stay what they are
   */
  #rescope(now: number, sameLanes: boolean): void {
    const former = [...this.#all()];
    // It is not known which spent what: each may have spent all of it.
    const spent = Math.max(0, ...former.map((gate) => gate.supply.spent(now)));
    this.#spentUntil = Math.max(this.#spentUntil, now + (spent * intervalUs(this.limits)) / 1_000);
    // A pause of all of the class is one, whatever its requests share.
    if (this.#only !== null) this.pauses.pause(this.#only.pausedUntil);
    this.#only = null;
    this.#gates.clear();
    const moving = former.flatMap((gate) => gate.vacate()).sort((a, b) => a.waiter.since - b.waiter.since);
    if (!sameLanes) this.#otherLanes(moving);
    for (const gate of former) {
      this.#former.add(gate);
      if (gate.owner !== nobody) this.#opened.give(gate.owner);
    }
    if (this.limits.scope.by === 'fleet') {
      this.#only = new Gate(this.name, nobody, this, this.#deps);
      this.#beginSpent(this.#only, now);
    }
    for (const one of moving) this.#gateFor(one.waiter.exchange).adopt(one, now);
    this.#sweepLater();
  }

  #otherLanes(moving: readonly Moving[]): void {
    const { also } = this.limits;
    if (this.lanes === null || also.length === 0) this.lanes = this.#lanesBy(this.limits);
    else this.lanes.configure(also, this.#deps.buckets);
    for (const { waiter } of moving) {
      const { releasedBy } = waiter;
      if (releasedBy !== null && this.lanes?.has(releasedBy) !== true) waiter.releasedBy = null;
    }
  }

  #beginSpent(gate: Gate, now: number): void {
    const slots = (this.#spentUntil - now) / (intervalUs(this.limits) / 1_000);
    if (slots > 0) gate.supply.beginSpent(slots, now);
  }

  /** The one that a request belongs to that is not a newcomer: it gets in whatever the bounds. */
  #gateFor(exchange: Collected): Gate {
    if (this.#only !== null) return this.#only;
    const key = this.#keyOf(exchange);
    return this.#gates.get(key) ?? this.#open(key, nameOf(exchange.principal));
  }

  /** True: nothing of the class is under way. */
  isIdle(): boolean {
    return this.headcount.total === 0 && this.limiter.inUse === 0;
  }

  /** Lets go of all timers: nobody comes here any more. */
  close(): void {
    this.#sweep?.cancel();
    this.pauses.close();
    for (const gate of this.inUse) gate.close();
  }

  get bodyMaxBytes(): number {
    return this.limits.bodyMaxBytes;
  }

  get refusing(): RefusalName | null {
    return this.#refusing;
  }

  leftLane(waiter: Waiter): void {
    const { parkedIn, releasedBy } = waiter;
    parkedIn?.unpark(waiter);
    waiter.releasedBy = null;
    if (releasedBy?.released === waiter) releasedBy.released = null;
    for (const lane of [parkedIn, releasedBy]) lane?.settle();
  }

  pumpOthers(gate: object): void {
    for (const other of this.#gates.values()) if (other !== gate) other.pump();
  }

  /** What another replica has learned of a pause. */
  heard(notice: PauseNotice): void {
    const { bucket, ms, answer } = notice;
    const until = this.#deps.clock.now() + ms;
    if (bucket !== null) {
      this.#heardOf(bucket, { until, answer });
      return;
    }
    this.pauses.heard(notice, until);
    for (const gate of this.#all()) gate.pump();
  }

  /**
   * Another replica asks what pauses: it has just come, or may have missed something. All that know of a pause say so,
   * since the one that has met it may have gone.
   */
  tellAgain(): void {
    const { clock, tellPause } = this.#deps;
    if (tellPause === undefined) return;
    let left = againMax;
    for (const notice of this.#notices(clock.now())) {
      if (left-- === 0) return;
      tellPause(notice);
    }
  }

  *#notices(now: number): Iterable<PauseNotice> {
    yield* this.pauses.notices(now);
    for (const gate of this.#all()) {
      const notice = gate.notice(now);
      if (notice !== null) yield notice;
    }
    yield* this.pauses.heardNotices(now);
    for (const { bucket, pausedUntil, said: answer } of this.lanes?.pausing(now) ?? []) {
      yield { class: this.name, bulk: false, bucket, ms: pausedUntil - now, answer };
    }
  }

  #heardOf(bucket: string, pause: BucketPause): void {
    if (this.lanes?.heard(bucket, pause.until, pause.answer, this.#deps.clock.now()) === true) return;
    for (const gate of this.#all()) {
      if (gate.bucket !== bucket) continue;
      gate.heard(pause);
      return;
    }
    this.pauses.heardOf(bucket, pause, this.limits.scopesMax);
  }

  pausedByOperator(caller: string): boolean {
    const { operatorPauses } = this.#deps;
    return operatorPauses.any && (operatorPauses.ofClass(this.name) || operatorPauses.ofCaller(caller));
  }

  /** One for each bucket that is in use here, and for those of an earlier scope. */
  get inUse(): Iterable<Gate> {
    return [...this.#all(), ...this.#former];
  }

  /** How many buckets are in use here. */
  get live(): number {
    return this.#only === null ? this.#gates.size : 1;
  }

  /** When a request should come back for whose body there is no room. */
  retryAfterMs(): number {
    return Math.max(1_000, ((this.headcount.total + 1) / (this.limits.rate * Math.max(1, this.live))) * 1_000);
  }

  /** For a newcomer. Null: it waits, and is told later. */
  admit(exchange: Collected, downstream: Downstream, stander: Stander): Admission | null {
    if (this.#only !== null) return this.#only.admit(exchange, downstream, stander);
    const key = this.#keyOf(exchange);
    const gate = this.#gates.get(key) ?? this.#openFor(exchange, key);
    return gate === null ? refuse('scopesFull', null, 1_000) : gate.admit(exchange, downstream, stander);
  }

  /**
   * For a request that the Coreapp sent back: it gets in whatever the bounds, though its gate may have gone meanwhile.
   */
  readmit(exchange: Collected, downstream: Downstream, replay: Replay, stander: Stander): Admission | null {
    return this.#gateFor(exchange).readmit(exchange, downstream, replay, stander);
  }

  /** The Coreapp has answered a request, and has not refused it. */
  passed({ principal, sentAt }: Collected): void {
    this.pauses.answers.add(nameOf(principal), sentAt);
  }

  /** Refuses all that wait, and all that the Coreapp sends back from now on. */
  refuseAll(name: RefusalName): void {
    this.#refusing = name;
    this.#sweep?.cancel();
    for (const gate of [...this.#all(), ...this.#former]) gate.refuseAll(name);
  }

  lineSnapshot(now: number): LineSnapshot {
    let oldestMs = 0;
    let callers = 0;
    for (const { line } of this.#all()) {
      oldestMs = Math.max(oldestMs, now - line.oldestSince);
      callers += line.callers;
    }
    return {
      class: this.name,
      requests: this.headcount.total,
      requestsMax: lineMax(this.limits),
      callers,
      bytes: this.bodies.inUse,
      bytesMax: this.limits.lineMaxBytes,
      bytesOnDisk: this.bodies.onDisk,
      oldestMs,
    };
  }

  bucketSnapshot(now: number): BucketSnapshot {
    const { rate, burst } = this.limits;
    let level = burst;
    let slotsHeld = 0;
    let pausedUntil = Math.max(now, this.pauses.until);
    for (const gate of this.#all()) {
      level = Math.min(level, gate.level(now));
      slotsHeld += gate.supply.lease.left(now);
      pausedUntil = Math.max(pausedUntil, gate.pausedUntil);
    }
    const bulkPausedMs = Math.ceil(Math.max(0, this.pauses.bulkUntil - now));
    const pausedMs = Math.ceil(pausedUntil - now);
    return { class: this.name, rate, burst, live: this.live, level, slotsHeld, pausedMs, bulkPausedMs };
  }

  #all(): Iterable<Gate> {
    return this.#only === null ? this.#gates.values() : [this.#only];
  }

  #keyOf(exchange: Collected): string {
    const value = scopeValue(this.limits.scope, exchange, this.#deps.caseSensitivePaths) ?? none;
    return value.length <= plainMaxChars ? value : this.#deps.digest(value);
  }

  #openFor(exchange: Collected, key: string): Gate | null {
    const caller = nameOf(exchange.principal);
    return this.#opened.hasRoomFor(caller) || this.#makeRoomFor(caller) ? this.#open(key, caller) : null;
  }

  #makeRoomFor(caller: string): boolean {
    const now = this.#deps.clock.now();
    if (now < this.#lookNotBefore) return false;
    this.#lookNotBefore = now + lookAgainMs;
    this.#forgetIdle(now);
    return this.#opened.hasRoomFor(caller);
  }

  #open(key: string, caller: string): Gate {
    const digest = key.length <= plainMaxChars ? this.#deps.digest(key) : key;
    const gate = new Gate(bucketName(this.name, key === none ? null : digest), caller, this, this.#deps);
    this.#gates.set(key, gate);
    this.#beginSpent(gate, this.#deps.clock.now());
    const heard = this.pauses.takeHeard(gate.bucket);
    if (heard !== null) gate.heard(heard);
    this.#opened.take(caller);
    this.#sweepLater();
    return gate;
  }

  #forgetIdle(now: number): void {
    for (const gate of this.#former) if (this.#letGo(gate, now)) this.#former.delete(gate);
    for (const [key, gate] of this.#gates) {
      if (!this.#letGo(gate, now)) continue;
      this.#gates.delete(key);
      this.#opened.give(gate.owner);
    }
  }

  /** False: there is something to remember. */
  #letGo(gate: Gate, now: number): boolean {
    if (!gate.isIdle(now)) return false;
    gate.close();
    this.#deps.buckets.forget(gate.bucket);
    return true;
  }

  #sweepLater(): void {
    if (this.#sweep !== null || this.#refusing !== null) return;
    this.#sweep = this.#deps.clock.after(sweepMs, () => {
      this.#sweep = null;
      this.#forgetIdle(this.#deps.clock.now());
      if (this.#gates.size + this.#former.size > 0) this.#sweepLater();
    });
  }
}

function asHeld(limits: ClassLimits): ClassLimits {
  return limits.hold ? limits : { ...limits, holdMaxMs: Math.min(limits.holdMaxMs, turnMaxMs) };
}
