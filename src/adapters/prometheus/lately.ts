/** How long a token is remembered after it was seen last: this long at least, twice as long at most. */
const periodMs = 600_000;

/**
 * The soonest expiry of the tokens that were seen lately. A scraper that has a new token no longer sends the old one,
 * which is then forgotten. It takes two numbers, however many tokens come.
 */
export class Lately {
  readonly #now: () => number;
  #period = 0;
  #soonestMs = Number.POSITIVE_INFINITY;
  #soonestBeforeMs = Number.POSITIVE_INFINITY;

  /** @param now milliseconds that never go back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @param expiresAtMs milliseconds since 1970-01-01 UTC */
  saw(expiresAtMs: number): void {
    this.#turn();
    this.#soonestMs = Math.min(this.#soonestMs, expiresAtMs);
  }

  /** Null: none was seen. */
  soonestMs(): number | null {
    this.#turn();
    const soonestMs = Math.min(this.#soonestMs, this.#soonestBeforeMs);
    return Number.isFinite(soonestMs) ? soonestMs : null;
  }

  #turn(): void {
    const period = Math.floor(this.#now() / periodMs);
    if (period === this.#period) return;
    this.#soonestBeforeMs = period === this.#period + 1 ? this.#soonestMs : Number.POSITIVE_INFINITY;
    this.#soonestMs = Number.POSITIVE_INFINITY;
    this.#period = period;
  }
}
