/** How many requests are to be expected at one bucket, by those that have come of late. */
import { horizonMs } from './slots.ts';

/** Arrivals are counted for so long at a time. */
const sampleMs = 20;
/** After so long without any, nothing is expected: the next may come one by one. */
const silenceMs = 4 * horizonMs;

export class Arrivals {
  #count = 0;
  #countingSince = Number.NEGATIVE_INFINITY;
  /** Arrivals a millisecond, over about the last horizon. */
  #demand = 0;
  /** How much of that horizon has been counted, milliseconds. */
  #countedMs = 0;

  /** Arrivals a millisecond. */
  get demand(): number {
    return this.#demand;
  }

  /** A request has come. */
  add(now: number): void {
    const elapsed = now - this.#countingSince;
    if (elapsed >= sampleMs) {
      if (elapsed <= silenceMs) this.#learn(elapsed);
      else this.#countedMs = 0;
      this.#count = 0;
      this.#countingSince = now;
    }
    this.#count += 1;
  }

  /** How many are to be expected within so many milliseconds. */
  within(ms: number, now: number): number {
    return this.#countedMs === 0 || now - this.#countingSince > silenceMs ? 0 : this.#demand * ms;
  }

  /** The mean over time, so that one burst counts for no more than the time that it took. */
  #learn(elapsed: number): void {
    this.#demand = (this.#demand * this.#countedMs + this.#count) / (this.#countedMs + elapsed);
    this.#countedMs = Math.min(horizonMs, this.#countedMs + elapsed);
  }
}
