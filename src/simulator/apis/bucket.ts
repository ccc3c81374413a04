/** A limit of a simulated API, kept as one number (GCRA): the referee's own, which shares no code with Weir. */
export class Bucket {
  readonly burst: number;
  readonly #intervalMs: number;
  readonly #tauMs: number;
  #tat = Number.NEGATIVE_INFINITY;

  /** @param rate a second */
  constructor(rate: number, burst: number) {
    this.burst = burst;
    this.#intervalMs = 1_000 / rate;
    this.#tauMs = (burst - 1) * this.#intervalMs;
  }

  /** Takes so many, or none: then how long until there are as many, milliseconds; 0: taken. */
  take(now: number, count = 1): number {
    const waitMs = this.waitMs(now, count);
    if (waitMs > 0) return waitMs;
    this.#tat = Math.max(this.#tat, now) + count * this.#intervalMs;
    return 0;
  }

  /** How long until so many could be taken, milliseconds; 0: now. */
  waitMs(now: number, count: number): number {
    const waitMs = Math.max(this.#tat, now) + (count - 1) * this.#intervalMs - this.#tauMs - now;
    // A clock in whole milliseconds is no finer than that.
    return waitMs > 1 ? waitMs : 0;
  }

  /** How many could be taken now. */
  left(now: number): number {
    const ahead = Math.max(0, this.#tat - now);
    return Math.max(0, Math.floor((this.#tauMs - ahead) / this.#intervalMs + 1));
  }

  /** When it is full again, milliseconds from now. */
  fullInMs(now: number): number {
    return Math.max(0, this.#tat - now);
  }
}
