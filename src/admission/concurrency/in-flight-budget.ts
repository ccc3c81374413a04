/** What bounds all that is in flight at the Coreapp, whatever each class's number is. */
import { InFlightShares } from './permit-shares.ts';

/** The bounds of each class's number. */
export interface ConcurrencyBounds {
  readonly min: number;
  /** Where it starts, before anything is known. */
  readonly initial: number;
  /** Also what all classes together may have in flight. */
  readonly max: number;
}

/** Enough to learn quickly, and no burst to a Coreapp that nobody knows yet. */
const initial = 16;

export function concurrencyBounds(min: number, max: number): ConcurrencyBounds {
  return { min, initial: Math.max(min, Math.min(initial, max)), max };
}

/** What all classes together have in flight. */
export class InFlightBudget {
  #bounds: ConcurrencyBounds;
  /** What each caller has of it. */
  readonly shares: InFlightShares;
  #inUse = 0;

  constructor(bounds: ConcurrencyBounds, shares = new InFlightShares(bounds.max)) {
    this.#bounds = bounds;
    this.shares = shares;
  }

  get bounds(): ConcurrencyBounds {
    return this.#bounds;
  }

  /** Other bounds. What is in flight beyond them ends by itself. */
  configure(bounds: ConcurrencyBounds): void {
    this.#bounds = bounds;
    this.shares.max = bounds.max;
  }

  /** Whether one caller may have only its share of it. */
  get isShared(): boolean {
    return true;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get isFull(): boolean {
    return this.#inUse >= this.bounds.max;
  }

  enter(): void {
    this.#inUse += 1;
  }

  leave(): void {
    this.#inUse -= 1;
  }
}

/** How many of a class that is not held may be in flight, whatever the others have. */
export const reserved = 16;

/**
 * The budget of a class that is not held: some places of its own, then those of all. Its bounds leave nothing to learn,
 * so a check of the health goes out while everything else is refused, slow or full.
 */
export class ReservedInFlightBudget extends InFlightBudget {
  readonly #shared: InFlightBudget;
  #own: ConcurrencyBounds;

  constructor(shared: InFlightBudget) {
    const own = withReserved(shared.bounds);
    super(own, shared.shares);
    this.#own = own;
    this.#shared = shared;
  }

  override get bounds(): ConcurrencyBounds {
    const { max } = this.#shared.bounds;
    if (this.#own.max !== reserved + max) this.#own = withReserved(this.#shared.bounds);
    return this.#own;
  }

  override get isShared(): boolean {
    return this.inUse >= reserved;
  }

  override get isFull(): boolean {
    return this.inUse >= reserved && this.#shared.isFull;
  }

  override enter(): void {
    if (this.inUse >= reserved) this.#shared.enter();
    super.enter();
  }

  override leave(): void {
    super.leave();
    if (this.inUse >= reserved) this.#shared.leave();
  }
}

function withReserved(shared: ConcurrencyBounds): ConcurrencyBounds {
  const max = reserved + shared.max;
  return { min: max, initial: max, max };
}
