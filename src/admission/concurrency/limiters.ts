/**
 * The limiters of all classes, what they share, and who waits for a permit. Classes take turns, and within a class the
 * owners of what waits: all buckets of one caller share its turns, however many values it invents.
 */
import { type Clock, Earliest } from '../../clock.ts';
import { type ConcurrencyBounds, InFlightBudget, ReservedInFlightBudget } from './in-flight-budget.ts';
import { ConcurrencyLimiter } from './limiter.ts';
import { type Owned, Rotation } from './rotation.ts';

/** Something that waits for permits. */
export interface PermitWaiter extends Owned {
  /** Takes the permits that it can use, and waits anew if it needs more. Returns how many it took. */
  pump(): number;
}

/** What configuration says of the permits of one class. */
interface PermitRules {
  /** False: the class has some permits of its own (`ReservedInFlightBudget`). */
  readonly hold: boolean;
  /** What one caller may have of what others leave, above 0 and up to 1. */
  readonly callerShareMax: number;
}

/**
 * How many waiters are asked in vain for one permit: every caller there has its share. The next permit goes on from
 * there.
 */
const vainMax = 64;

export class ConcurrencyLimiters {
  /** The budget of all requests in flight. Once its bounds have changed, each class's own limiter has to be configured. */
  readonly budget: InFlightBudget;
  readonly #clock: Clock;
  /** Uniform in [0, 1). */
  readonly #random: () => number;
  /** By class, in the order in which they get a permit. */
  readonly #waiting = new Map<ConcurrencyLimiter, Rotation<PermitWaiter>>();
  readonly #look: Earliest;

  constructor(bounds: ConcurrencyBounds, clock: Clock, random: () => number) {
    this.budget = new InFlightBudget(bounds);
    this.#clock = clock;
    this.#random = random;
    this.#look = new Earliest(clock, () => this.freed());
  }

  /** Other rules for one class. */
  reconfigure(limiter: ConcurrencyLimiter, { hold, callerShareMax }: PermitRules): void {
    const isReserved = limiter.budget instanceof ReservedInFlightBudget;
    limiter.configure(isReserved === !hold ? limiter.budget : this.#budgetOf(hold), callerShareMax);
  }

  /** For one more class. */
  add({ hold, callerShareMax }: PermitRules): ConcurrencyLimiter {
    const now = (): number => this.#clock.now();
    return new ConcurrencyLimiter(this.#budgetOf(hold), now, this.#random, () => this.freed(), callerShareMax);
  }

  #budgetOf(hold: boolean): InFlightBudget {
    return hold ? this.budget : new ReservedInFlightBudget(this.budget);
  }

  /**
   * Pumps a waiter once there may be a permit for it.
   * @param now the time at which none was found: a pause that has ended since then is still to be noticed
   */
  wait(limiter: ConcurrencyLimiter, waiter: PermitWaiter, now: number): void {
    let waiters = this.#waiting.get(limiter);
    if (waiters === undefined) {
      waiters = new Rotation();
      this.#waiting.set(limiter, waiters);
    }
    waiters.add(waiter);
    this.#awaitChange(now);
  }

  leave(limiter: ConcurrencyLimiter, waiter: PermitWaiter): void {
    this.#waiting.get(limiter)?.delete(waiter);
  }

  /** There may be permits for those who wait: some are free again, or the bounds have changed. */
  freed(): void {
    if (this.#waiting.size === 0) return;
    const now = this.#clock.now();
    for (const [limiter, waiters] of [...this.#waiting]) {
      if (!limiter.available(now)) continue;
      // A class that still waits after its turn is behind the others.
      this.#waiting.delete(limiter);
      this.#waiting.set(limiter, waiters);
      this.#serve(limiter, waiters, now);
      if (waiters.isEmpty) this.#waiting.delete(limiter);
    }
    this.#awaitChange(now);
  }

  /** A waiter that took nothing is not asked again in this round, though it waits on. */
  #serve(limiter: ConcurrencyLimiter, waiters: Rotation<PermitWaiter>, now: number): void {
    const inVain = new Set<PermitWaiter>();
    const again: PermitWaiter[] = [];
    while (inVain.size < vainMax && limiter.available(now)) {
      const waiter = waiters.take();
      if (waiter === undefined) break;
      if (inVain.has(waiter)) again.push(waiter);
      else if (waiter.pump() === 0) inVain.add(waiter);
    }
    for (const waiter of again) waiters.add(waiter);
  }

  /** The end of a pause between probes frees a permit, too. So does a permit in use that begins to last. */
  #awaitChange(now: number): void {
    let due = Number.POSITIVE_INFINITY;
    for (const limiter of this.#waiting.keys()) due = Math.min(due, limiter.changesAt(now));
    this.#look.at(due, now);
  }
}
