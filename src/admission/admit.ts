/**
 * Stand in line: a request leaves this stage with a slot used and a permit in hand, refused, or because its caller has
 * gone. `line/line.ts` knows the order, `rate/lease.ts` the slots, `concurrency/limiters.ts` how many may be in flight
 * and who waits for that; `gate.ts` brings them together for one bucket, `gates.ts` for one class, this file for all.
 */
import type { Clock } from '../clock.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { Meter } from '../observe/ports.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import type { ConcurrencyBounds, InFlightBudget } from './concurrency/in-flight-budget.ts';
import { ConcurrencyLimiters } from './concurrency/limiters.ts';
import { Gates } from './gates.ts';
import type { ClassLimits } from './limits.ts';
import type { Buckets } from './rate/ports.ts';
import type { Order } from './stay.ts';
import type { PauseNotice, TellPause } from './telling.ts';

export interface AdmitDeps extends Order {
  readonly clock: Clock;
  readonly buckets: Buckets;
  readonly meter: Meter;
  readonly limits: Readonly<Record<EndpointClass, ClassLimits>>;
  /** What bounds the requests in flight at the Coreapp. */
  readonly concurrency: ConcurrencyBounds;
  /** The longest pause that a refusal of the Coreapp may impose, milliseconds. */
  readonly pauseMaxMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A one-way digest. */
  readonly digest: (text: string) => string;
  /** Whether the Coreapp tells paths apart that differ in case only. */
  readonly caseSensitivePaths?: boolean;
  /** Tells other replicas of a pause. Not there: there are none. */
  readonly tellPause?: TellPause;
}

export class Admit {
  /** What is in flight, and may be. */
  readonly budget: InFlightBudget;
  readonly #classes: ReadonlyMap<EndpointClass, Gates>;
  readonly #clock: Clock;

  constructor(deps: AdmitDeps) {
    const { clock, limits } = deps;
    this.#clock = clock;
    const limiters = new ConcurrencyLimiters(deps.concurrency, clock, deps.random);
    this.budget = limiters.budget;
    const classes = Object.entries(limits);
    this.#classes = new Map(classes.map(([name, limit]) => [name, new Gates(name, limit, { ...deps, limiters })]));
  }

  /** Where requests of an endpoint class stand in line. */
  gates(name: EndpointClass): Gates {
    const gates = this.#classes.get(name);
    if (gates === undefined) throw new Error(`no limits for the endpoint class ${name}`);
    return gates;
  }

  /** What another replica says of a pause. It may have classes that this one has not. */
  heard(notice: PauseNotice): void {
    this.#classes.get(notice.class)?.heard(notice);
  }

  /** Another replica asks what pauses. */
  tellAgain(): void {
    for (const gates of this.#classes.values()) gates.tellAgain();
  }

  /** Refuses all that wait: the grace time of a stop is over. */
  refuseAll(name: RefusalName): void {
    for (const gates of this.#classes.values()) gates.refuseAll(name);
  }

  /** What waits, which slots are left, what is in flight. */
  snapshot(): Pick<Snapshot, 'lines' | 'buckets' | 'permits'> {
    const now = this.#clock.now();
    const classes = [...this.#classes.values()];
    return {
      lines: classes.map((gates) => gates.lineSnapshot(now)),
      buckets: classes.map((gates) => gates.bucketSnapshot(now)),
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
