/**
 * How many requests may be in flight at the Coreapp: additive increase, multiplicative decrease (AIMD, as TCP does).
 * Only refusals and failures to connect lower it: a slow answer may be a media upload, not trouble.
 *
 * While everything is refused, one probe at a time goes out, with growing pauses; the jitter keeps replicas apart.
 */
import type { Permit, PermitEnd } from './exchange.ts';

const decrease = 0.7;
const pauseMinMs = 20;
const pauseMaxMs = 1_000;

export class Permits {
  readonly #max: number;
  readonly #random: () => number;
  readonly #freed: () => void;
  readonly #now: () => number;
  #limit: number;
  #inUse = 0;
  #refusedInARow = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #decreasedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param freed called when a permit may have become available
   * @param random uniform in [0, 1), for the jitter of the pauses
   */
  constructor(max: number, now: () => number, random: () => number, freed: () => void) {
    this.#max = max;
    this.#limit = max;
    this.#now = now;
    this.#random = random;
    this.#freed = freed;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** The number of permits, rounded down. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** When a pause between probes ends; in the past: there is none. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  available(now: number): boolean {
    return this.#inUse < this.limit && now >= this.#pausedUntil;
  }

  /** Call only where `available`. */
  take(now: number): Permit {
    this.#inUse += 1;
    return new TakenPermit(this, now);
  }

  /** For `TakenPermit` alone. */
  returned(how: PermitEnd, takenAt: number): void {
    const wasFull = this.#inUse >= this.limit;
    this.#inUse -= 1;
    if (how === 'answered') this.#answered(wasFull);
    else if (how === 'refused') this.#refused(takenAt);
    this.#freed();
  }

  #answered(wasFull: boolean): void {
    this.#refusedInARow = 0;
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
    if (wasFull) this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
  }

  #refused(takenAt: number): void {
    const now = this.#now();
    this.#refusedInARow += 1;
    // Those that were in flight at the last decrease say nothing new.
    if (takenAt > this.#decreasedAt) {
      this.#limit = Math.max(1, Math.min(this.#limit, this.#inUse + 1) * decrease);
      this.#decreasedAt = now;
    }
    if (this.limit > 1) return;
    const pauseMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(this.#refusedInARow, 10));
    this.#pausedUntil = now + pauseMs * (0.5 + 0.5 * this.#random());
  }
}

class TakenPermit implements Permit {
  #pool: Permits | null;
  readonly #takenAt: number;

  constructor(pool: Permits, takenAt: number) {
    this.#pool = pool;
    this.#takenAt = takenAt;
  }

  end(how: PermitEnd): void {
    const pool = this.#pool;
    this.#pool = null;
    pool?.returned(how, this.#takenAt);
  }

  [Symbol.dispose](): void {
    this.end('unused');
  }
}
