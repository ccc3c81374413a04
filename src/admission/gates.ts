/** One endpoint class in one replica: its gates (`gates-in-use.ts`), and what they share. */
import { BodyBudget } from '../bodies/body-budget.ts';
import type { Collected } from '../exchange/exchange.ts';
import type { Admission, Replay } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import { type RefusalName, refuse } from '../exchange/refusals.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { BucketSnapshot, LineSnapshot } from '../observe/snapshot.ts';
import { Shares } from '../shares/shares.ts';
import { type BucketPause, ClassPauses } from './class-pauses.ts';
import type { ConcurrencyLimiter } from './concurrency/limiter.ts';
import type { Gate } from './gate.ts';
import type { GateClass, GateDeps } from './gate-parts.ts';
import { GatesInUse } from './gates-in-use.ts';
import { Lanes, sameLanes } from './lanes/lanes.ts';
import { type ClassLimits, lineMax } from './limits.ts';
import { sameScope } from './rate/scope.ts';
import type { Stander, Waiter } from './stay.ts';
import { againMax, type PauseNotice } from './telling.ts';
import type { Moving } from './waiting.ts';

/**
 * How long a request of a class that is not held may wait for its turn, milliseconds. Such a class has a line only
 * while its callers ask for more than its rate. Then the others’ turns come before long, and the caller that floods it
 * is refused.
 */
const turnMaxMs = 1_000;

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
  refusing: RefusalName | null = null;
  readonly #deps: GateDeps;
  readonly #gates: GatesInUse;

  constructor(name: EndpointClass, limits: ClassLimits, deps: GateDeps) {
    this.name = name;
    this.limits = asHeld(limits);
    this.limiter = deps.limiters.add(limits);
    this.bodies = new BodyBudget(limits, () => deps.clock.now());
    this.headcount = new Shares(limits.lineMaxRequests, limits.callerShareMax);
    this.#deps = deps;
    this.pauses = new ClassPauses(name, deps);
    this.lanes = this.#lanesBy(limits);
    this.#gates = new GatesInUse(this, deps);
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
    this.#gates.configure(before);
    const same = sameLanes(before.also, limits.also);
    if (same) this.lanes?.configure(limits.also, this.#deps.buckets);
    if (same && sameScope(before.scope, limits.scope)) return;
    const now = this.#deps.clock.now();
    const moving = this.#gates.vacate(now);
    if (!same) this.#otherLanes(moving);
    this.#gates.adopt(moving, now);
  }

  #lanesBy({ also }: ClassLimits): Lanes | null {
    return also.length === 0 ? null : new Lanes(this.name, also, this.#deps);
  }

  pump(): void {
    for (const gate of this.#gates.current) gate.pump();
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

  /** True: nothing of the class is under way. */
  isIdle(): boolean {
    return this.headcount.total === 0 && this.limiter.inUse === 0;
  }

  /** Lets go of all timers: nobody comes here any more. */
  close(): void {
    this.#gates.stopSweeping();
    this.pauses.close();
    for (const gate of this.inUse) gate.close();
  }

  get bodyMaxBytes(): number {
    return this.limits.bodyMaxBytes;
  }

  leftLane(waiter: Waiter): void {
    const { parkedIn, releasedBy } = waiter;
    parkedIn?.unpark(waiter);
    waiter.releasedBy = null;
    if (releasedBy?.released === waiter) releasedBy.released = null;
    for (const lane of [parkedIn, releasedBy]) lane?.settle();
  }

  pumpOthers(gate: object): void {
    for (const other of this.#gates.current) if (other !== gate) other.pump();
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
    for (const gate of this.#gates.current) gate.pump();
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
    for (const gate of this.#gates.current) {
      const notice = gate.pausing.notice(now);
      if (notice !== null) yield notice;
    }
    yield* this.pauses.heardNotices(now);
    for (const { bucket, pausedUntil, said: answer } of this.lanes?.pausing(now) ?? []) {
      yield { class: this.name, bulk: false, bucket, ms: pausedUntil - now, answer };
    }
  }

  #heardOf(bucket: string, pause: BucketPause): void {
    if (this.lanes?.heard(bucket, pause.until, pause.answer, this.#deps.clock.now()) === true) return;
    for (const gate of this.#gates.current) {
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
    return this.#gates.all;
  }

  /** How many buckets are in use here. */
  get live(): number {
    return this.#gates.live;
  }

  /** When a request should come back for whose body there is no room. */
  retryAfterMs(): number {
    return Math.max(1_000, ((this.headcount.total + 1) / (this.limits.rate * Math.max(1, this.live))) * 1_000);
  }

  /** For a newcomer. Null: it waits, and is told later. */
  admit(exchange: Collected, downstream: Downstream, stander: Stander): Admission | null {
    const gate = this.#gates.forNewcomer(exchange);
    return gate === null ? refuse('scopesFull', null, 1_000) : gate.admit(exchange, downstream, stander);
  }

  /**
   * For a request that the Coreapp sent back: it gets in whatever the bounds, though its gate may have gone meanwhile.
   */
  readmit(exchange: Collected, downstream: Downstream, replay: Replay, stander: Stander): Admission | null {
    return this.#gates.gateFor(exchange).readmit(exchange, downstream, replay, stander);
  }

  /** The Coreapp has answered a request, and has not refused it. */
  passed({ principal, sentAt }: Collected): void {
    this.pauses.answers.add(nameOf(principal), sentAt);
  }

  /** Refuses all that wait, and all that the Coreapp sends back from now on. */
  refuseAll(name: RefusalName): void {
    this.refusing = name;
    this.#gates.stopSweeping();
    for (const gate of this.#gates.all) gate.refuseAll(name);
  }

  lineSnapshot(now: number): LineSnapshot {
    let oldestMs = 0;
    let callers = 0;
    for (const { line } of this.#gates.current) {
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
    for (const gate of this.#gates.current) {
      level = Math.min(level, gate.level(now));
      slotsHeld += gate.supply.lease.left(now);
      pausedUntil = Math.max(pausedUntil, gate.pausing.until);
    }
    const bulkPausedMs = Math.ceil(Math.max(0, this.pauses.bulkUntil - now));
    const pausedMs = Math.ceil(pausedUntil - now);
    return { class: this.name, rate, burst, live: this.live, level, slotsHeld, pausedMs, bulkPausedMs };
  }
}

function asHeld(limits: ClassLimits): ClassLimits {
  return limits.hold ? limits : { ...limits, holdMaxMs: Math.min(limits.holdMaxMs, turnMaxMs) };
}
