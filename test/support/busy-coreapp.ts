/**
 * A Coreapp that takes so many requests at once and refuses the next, and replicas that have more to send than it can
 * take, in virtual time: what a number of permits comes to.
 */
import {
  type ConcurrencyBounds,
  concurrencyBounds,
  InFlightBudget,
} from '../../src/admission/concurrency/in-flight-budget.ts';
import { ConcurrencyLimiter } from '../../src/admission/concurrency/limiter.ts';
import type { Permit } from '../../src/exchange/exchange.ts';
import { dice } from './dice.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface BusyOptions {
  /** How many it works on at once, at that time; a function, so that it may change. */
  readonly capacity: (atMs: number) => number;
  /** How many more it lets wait. */
  readonly queueMax?: number;
  readonly replicas?: number;
  /** How long it takes for one, and by which part of that this varies. */
  readonly serviceMs: number;
  readonly jitter?: number;
  /** The way of a request or an answer, on average. */
  readonly oneWayMs?: number;
  /** Requests a second, over all replicas, at random moments. Default: more than can ever be sent. */
  readonly offeredPerS?: number;
  readonly bounds?: ConcurrencyBounds;
  readonly seed?: number;
}

/** One attempt as the Coreapp saw it. */
interface Attempt {
  readonly at: number;
  readonly replica: number;
  readonly taken: boolean;
}

interface Flow {
  /** The share of what it could have taken in this time, with every place filled again as fast as the way allows. */
  readonly used: number;
  /** The share of attempts that it refused. */
  readonly refused: number;
  /** Jain's index of what the replicas got: 1 is even, 1 / replicas is one that has it all. */
  readonly fairness: number;
}

export class BusyCoreapp {
  readonly clock = new VirtualClock();
  readonly limiters: readonly ConcurrencyLimiter[];
  readonly attempts: Attempt[] = [];
  readonly #options: Required<Omit<BusyOptions, 'offeredPerS' | 'bounds' | 'seed'>>;
  readonly #random: () => number;
  readonly #queue: (() => void)[] = [];
  #busy = 0;

  constructor({ offeredPerS, bounds = concurrencyBounds(1, 256), seed = 1, ...options }: BusyOptions) {
    this.#options = { queueMax: 0, replicas: 1, jitter: 0.1, oneWayMs: 0.3, ...options };
    this.#random = dice(seed);
    const { replicas } = this.#options;
    const perReplica = offeredPerS === undefined ? Number.POSITIVE_INFINITY : offeredPerS / replicas;
    this.limiters = Array.from({ length: replicas }, (_, replica) => this.#replica(replica, perReplica, bounds));
  }

  run(untilMs: number): void {
    this.clock.runSync(untilMs);
  }

  flow(fromMs: number, toMs: number): Flow {
    const { replicas, serviceMs, oneWayMs, capacity } = this.#options;
    const here = this.attempts.filter(({ at }) => at >= fromMs && at < toMs);
    const shares = Array.from({ length: replicas }, () => 0);
    for (const { replica, taken } of here) if (taken) shares[replica] = (shares[replica] as number) + 1;
    const taken = shares.reduce((sum, share) => sum + share, 0);
    const possible = ((toMs - fromMs) / (serviceMs + 2 * oneWayMs)) * capacity(fromMs);
    const squares = shares.reduce((sum, share) => sum + share * share, 0);
    return { used: taken / possible, refused: 1 - taken / here.length, fairness: taken ** 2 / (replicas * squares) };
  }

  /** How many milliseconds after `fromMs` a window begins in which at least this share is used; infinity: none does. */
  backAfterMs(fromMs: number, share: number, windowMs: number): number {
    const last = this.clock.now() - windowMs;
    for (let at = fromMs; at <= last; at += 10) if (this.flow(at, at + windowMs).used >= share) return at - fromMs;
    return Number.POSITIVE_INFINITY;
  }

  #replica(replica: number, offeredPerS: number, bounds: ConcurrencyBounds): ConcurrencyLimiter {
    const { clock } = this;
    let waiting = Number.isFinite(offeredPerS) ? 0 : Number.POSITIVE_INFINITY;
    const send = (): void => {
      while (waiting > 0 && limiter.available(clock.now())) {
        waiting -= 1;
        const permit = limiter.take(clock.now());
        this.#travel(() =>
          this.#arrive(replica, permit, () => {
            waiting += 1;
          }),
        );
      }
      // No sender waits on a timer that it has set already: an early one finds nothing and sets the next.
      if (limiter.pausedUntil > clock.now()) clock.after(limiter.pausedUntil - clock.now(), sendAfterPause);
    };
    const sendAfterPause = (): void => {
      if (waiting > 0 && limiter.available(clock.now())) send();
    };
    const limiter = new ConcurrencyLimiter(new InFlightBudget(bounds), () => clock.now(), this.#random, send);
    const next = (): void => {
      waiting += 1;
      send();
      clock.after((-Math.log(1 - this.#random()) * 1_000) / offeredPerS, next);
    };
    clock.after(5 * this.#random(), waiting === 0 ? next : send);
    return limiter;
  }

  #arrive(replica: number, permit: Permit, putBack: () => void): void {
    const at = this.clock.now();
    const capacity = this.#options.capacity(at);
    const idle = this.#busy < capacity && this.#queue.length === 0;
    const taken = idle || (capacity > 0 && this.#queue.length < this.#options.queueMax);
    this.attempts.push({ at, replica, taken });
    if (idle) this.#work(permit);
    else if (taken) this.#queue.push(() => this.#work(permit));
    else
      this.#travel(() => {
        putBack();
        permit.end('refused');
      });
  }

  #work(permit: Permit): void {
    const { serviceMs, jitter } = this.#options;
    this.#busy += 1;
    this.clock.after(serviceMs * (1 + jitter * (2 * this.#random() - 1)), () => {
      this.#busy -= 1;
      this.#queue.shift()?.();
      this.#travel(() => permit.end('answered'));
    });
  }

  #travel(arrive: () => void): void {
    this.clock.after(this.#options.oneWayMs * (0.5 + this.#random()), arrive);
  }
}
