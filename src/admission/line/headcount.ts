/** How many wait in the lines of an endpoint class, and how many of them are one caller's. */
export interface HeadcountBounds {
  /** How many may wait. */
  readonly lineMaxRequests: number;
  /**
   * What one caller may have of the places that others leave, above 0 and up to 1. So a caller that is alone has nearly
   * the whole line, each further one leaves the others less, and a caller with nothing in line finds a place: k callers
   * with as much as they may have leave (1 − s) / (1 + (k − 1) × s) of the line free.
   */
  readonly callerShareMax: number;
}

export class Headcount {
  readonly #bounds: HeadcountBounds;
  readonly #of = new Map<string, number>();
  #total = 0;

  constructor(bounds: HeadcountBounds) {
    this.#bounds = bounds;
  }

  get total(): number {
    return this.#total;
  }

  /** How many callers wait. */
  get callers(): number {
    return this.#of.size;
  }

  hasRoomFor(caller: string): boolean {
    const { lineMaxRequests, callerShareMax } = this.#bounds;
    if (this.#total >= lineMaxRequests) return false;
    const own = this.#of.get(caller) ?? 0;
    return own === 0 || own + 1 <= callerShareMax * (lineMaxRequests - this.#total + own);
  }

  add(caller: string): void {
    this.#of.set(caller, (this.#of.get(caller) ?? 0) + 1);
    this.#total += 1;
  }

  remove(caller: string): void {
    const own = this.#of.get(caller) ?? 0;
    if (own === 0) throw new Error(`${caller} left a line that it was not in.`);
    if (own === 1) this.#of.delete(caller);
    else this.#of.set(caller, own - 1);
    this.#total -= 1;
  }
}
