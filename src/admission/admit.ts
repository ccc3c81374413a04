/**
 * Stand in line: a request leaves this stage with a slot used and a permit in hand, refused, or because its caller has
 * gone. `line/line.ts` knows the order, `rate/lease.ts` the slots, `concurrency/limiters.ts` how many may be in flight
 * and who waits for that; `gate.ts` brings them together for one bucket, `gates.ts` for one class, this file for all.
 */
import type { Alarm } from '../clock.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import { defaultClass, type EndpointClass } from '../exchange/route.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import type { OnceOrder } from '../observe/steering.ts';
import type { CallersView, WaitView } from '../observe/views.ts';
import type { ConcurrencyBounds, InFlightBudget } from './concurrency/in-flight-budget.ts';
import { ConcurrencyLimiters } from './concurrency/limiters.ts';
import type { GateDeps } from './gate-parts.ts';
import { Gates } from './gates.ts';
import type { ClassLimits } from './limits.ts';
import { callersOf, findWaiter, waitersOf, waitOf } from './looking.ts';
import { OperatorPauses } from './operator-pauses.ts';
import { horizonMs } from './rate/slots.ts';
import type { Order } from './stay.ts';
import type { PauseNotice } from './telling.ts';

/** What follows from one configuration, and may change. */
export interface AdmitSettings extends Order, Pick<GateDeps, 'pauseMaxMs' | 'caseSensitivePaths'> {
  readonly limits: Readonly<Record<EndpointClass, ClassLimits>>;
  /** What bounds the requests in flight at the Coreapp. */
  readonly concurrency: ConcurrencyBounds;
}

type AdmitDeps = AdmitSettings & Omit<GateDeps, 'limiters' | 'operatorPauses'>;

export class Admit {
  /** What an operator has paused. Call `pump` once it has changed. */
  readonly operatorPauses = new OperatorPauses();
  /** What is in flight, and may be. */
  readonly budget: InFlightBudget;
  #classes: ReadonlyMap<EndpointClass, Gates>;
  /** Classes that are configured no longer, as long as something of theirs is under way. */
  readonly #former = new Map<EndpointClass, Gates>();
  /** What all gates are handed. They look when they need it, so a change reaches all of them. */
  readonly #deps: { -readonly [Name in keyof GateDeps]: GateDeps[Name] };
  #refusing: RefusalName | null = null;
  /** When those that asked have been told what pauses, and when others will be. */
  #toldAt = Number.NEGATIVE_INFINITY;
  #toTell: Alarm | null = null;

  constructor(deps: AdmitDeps) {
    const { clock, concurrency, limits, random } = deps;
    const limiters = new ConcurrencyLimiters(concurrency, clock, random);
    this.budget = limiters.budget;
    this.#deps = { ...deps, limiters, operatorPauses: this.operatorPauses };
    const classes = Object.entries(limits);
    this.#classes = new Map(classes.map(([name, limit]) => [name, new Gates(name, limit, this.#deps)]));
  }

  /**
   * Another configuration. Lines keep those who wait, buckets what was spent, limiters what they have learned. Whoever
   * waits in a class that is gone is served by its last limits.
   */
  configure({ limits, concurrency, bestUrgency, costOf, pauseMaxMs, caseSensitivePaths = false }: AdmitSettings): void {
    Object.assign(this.#deps, { bestUrgency, costOf, pauseMaxMs, caseSensitivePaths });
    this.budget.configure(concurrency);
    for (const [name, gates] of this.#classes) if (!Object.hasOwn(limits, name)) this.#former.set(name, gates);
    this.#classes = new Map(Object.entries(limits).map(([name, limit]) => [name, this.#configured(name, limit)]));
    for (const gates of this.#former.values()) gates.configure(gates.limits);
    this.#forgetFormer();
    this.pump();
    this.#deps.limiters.freed();
  }

  /** Serves who can be served now. */
  pump(): void {
    for (const gates of this.#all()) gates.pump();
  }

  #all(): Gates[] {
    return [...this.#classes.values(), ...this.#former.values()];
  }

  #known(name: EndpointClass): Gates | undefined {
    return this.#classes.get(name) ?? this.#former.get(name);
  }

  #configured(name: EndpointClass, limits: ClassLimits): Gates {
    const known = this.#known(name);
    if (known === undefined) {
      const gates = new Gates(name, limits, this.#deps);
      if (this.#refusing !== null) gates.refuseAll(this.#refusing);
      return gates;
    }
    this.#former.delete(name);
    known.configure(limits);
    return known;
  }

  #forgetFormer(): void {
    for (const [name, gates] of this.#former) {
      if (!gates.isIdle()) continue;
      gates.close();
      this.#former.delete(name);
    }
  }

  /** Where requests of an endpoint class stand in line. */
  gates(name: EndpointClass): Gates {
    const gates = this.#known(name);
    if (gates !== undefined) return gates;
    // Its class has gone while it was on its way here. It belongs to no other.
    const byDefault = this.#classes.get(defaultClass);
    if (byDefault === undefined) throw new Error(`no limits for the endpoint class ${name}`);
    return byDefault;
  }

  /** What another replica says of a pause. It may have classes that this one has not. */
  heard(notice: PauseNotice): void {
    this.#classes.get(notice.class)?.heard(notice);
  }

  /** Another replica asks what pauses. Many may ask together, as when Redis is back: they are told together. */
  tellAgain(): void {
    const now = this.#deps.clock.now();
    const at = this.#toldAt + horizonMs;
    if (now < at) {
      this.#toTell ??= this.#deps.clock.after(at - now, () => this.#tellAgain());
      return;
    }
    this.#tellAgain();
  }

  #tellAgain(): void {
    this.#toTell?.cancel();
    this.#toTell = null;
    this.#toldAt = this.#deps.clock.now();
    for (const gates of this.#classes.values()) gates.tellAgain();
  }

  /** Refuses all that wait: the grace time of a stop is over. */
  refuseAll(name: RefusalName): void {
    this.#refusing = name;
    for (const gates of this.#all()) gates.refuseAll(name);
  }

  /** The callers in the line of a class, by place; null: there is no such class. @param max how many are told */
  callers(name: EndpointClass, max: number): CallersView | null {
    const gates = this.#known(name);
    return gates === undefined ? null : callersOf(gates, max, this.#deps.clock.now());
  }

  /** Why a request waits, by its `X-Request-Id`; null: none of that name does. Looks at all that wait. */
  wait(id: string): WaitView | null {
    const found = findWaiter(this.#all(), id);
    return found === null ? null : waitOf(found, this.#deps.clock.now());
  }

  /** Does what an operator orders of those that wait. Returns how many requests it concerned. */
  once(order: OnceOrder): number {
    if (order.kind === 'endCaller') {
      const found = waitersOf(this.#all(), order.caller);
      for (const { gate, waiter } of found) gate.end(waiter);
      return found.length;
    }
    const found = findWaiter(this.#all(), order.request);
    if (found === null) return 0;
    if (order.kind === 'first') return found.gate.rush(found.waiter) ? 1 : 0;
    found.gate.end(found.waiter);
    return 1;
  }

  /** What waits, which slots are left, what is in flight. */
  snapshot(): Pick<Snapshot, 'lines' | 'buckets' | 'lanes' | 'permits'> {
    const now = this.#deps.clock.now();
    this.#forgetFormer();
    const classes = this.#all();
    return {
      lines: classes.map((gates) => gates.lineSnapshot(now)),
      buckets: classes.map((gates) => gates.bucketSnapshot(now)),
      lanes: classes.flatMap((gates) => gates.lanes?.snapshot(now) ?? []),
      permits: classes.map(({ name, limiter }) => ({
        class: name,
        inUse: limiter.inUse,
        limit: limiter.limit,
        probing: limiter.probing,
        pausedMs: limiter.probing ? Math.max(0, limiter.pausedUntil - now) : 0,
      })),
    };
  }
}
