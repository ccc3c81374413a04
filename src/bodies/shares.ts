/**
 * Something scarce, counted for each caller: one may have at most a part of what the others leave. So a caller that is
 * alone leaves the rest to newcomers, and the more callers take their part, the less each has.
 */
export class Shares {
  readonly max: number;
  readonly #callerShareMax: number;
  readonly #of = new Map<string, number>();
  #total = 0;

  /** @param callerShareMax above 0 and up to 1 */
  constructor(max: number, callerShareMax: number) {
    this.max = max;
    this.#callerShareMax = callerShareMax;
  }

  /** What all have. */
  get total(): number {
    return this.#total;
  }

  /** What a caller has. */
  of(caller: string): number {
    return this.#of.get(caller) ?? 0;
  }

  /** Whether a caller may have so much more. */
  fits(caller: string, amount: number): boolean {
    if (this.#total + amount > this.max) return false;
    const own = this.of(caller);
    return own + amount <= this.#callerShareMax * (this.max - this.#total + own);
  }

  /** For what is there already, whether it fits or not. */
  take(caller: string, amount: number): void {
    this.#total += amount;
    this.#of.set(caller, this.of(caller) + amount);
  }

  give(caller: string, amount: number): void {
    const left = this.of(caller) - amount;
    if (left < 0) throw new Error(`${caller} gave back what it did not have.`);
    this.#total -= amount;
    if (left === 0) this.#of.delete(caller);
    else this.#of.set(caller, left);
  }
}
