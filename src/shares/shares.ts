import { mayHaveOneMore, partOf } from './part.ts';

/** Something scarce, counted for each caller. */
export class Shares {
  #max: number;
  #callerShareMax: number;
  readonly #of = new Map<string, number>();
  #total = 0;

  /** @param callerShareMax above 0 and up to 1 */
  constructor(max: number, callerShareMax: number) {
    this.#max = max;
    this.#callerShareMax = callerShareMax;
  }

  /** Other bounds, from the next on. Nobody has to give back what is more. */
  configure(max: number, callerShareMax: number): void {
    this.#max = max;
    this.#callerShareMax = callerShareMax;
  }

  get max(): number {
    return this.#max;
  }

  /** What all have. */
  get total(): number {
    return this.#total;
  }

  /** How many callers have something. */
  get callers(): number {
    return this.#of.size;
  }

  /** Whether a caller may have so much more. */
  fits(caller: string, amount: number): boolean {
    if (this.#total + amount > this.#max) return false;
    const own = this.#of.get(caller) ?? 0;
    return own + amount <= partOf(this.#callerShareMax, this.#max - this.#total + own);
  }

  /** Whether a caller may have one more. One that has none may have the last. */
  hasRoomFor(caller: string): boolean {
    const left = this.#max - this.#total;
    return left > 0 && mayHaveOneMore(this.#callerShareMax, this.#of.get(caller) ?? 0, left);
  }

  /** For what is there already, whether it fits or not. */
  take(caller: string, amount = 1): void {
    this.#total += amount;
    this.#of.set(caller, (this.#of.get(caller) ?? 0) + amount);
  }

  give(caller: string, amount = 1): void {
    const left = (this.#of.get(caller) ?? 0) - amount;
    if (left < 0) throw new Error(`${caller} gave back what it did not have.`);
    this.#total -= amount;
    if (left === 0) this.#of.delete(caller);
    else this.#of.set(caller, left);
  }
}
