/** How many callers that have nothing are kept in mind, so that the table need not change with each request. */
const idleMax = 1_000;

/** What each caller has. */
export class Callers<Of> {
  readonly #of = new Map<string, Of>();
  readonly #make: (name: string) => Of;
  readonly #isIdle: (of: Of) => boolean;
  #sweepAt = idleMax;

  /**
   * @param make for a caller that is not known
   * @param isIdle whether a caller has nothing
   */
  constructor(make: (name: string) => Of, isIdle: (of: Of) => boolean) {
    this.#make = make;
    this.#isIdle = isIdle;
  }

  /** How many are known. */
  get size(): number {
    return this.#of.size;
  }

  /** What a caller has. One with nothing may be forgotten: ask anew before it takes something. */
  of(name: string): Of {
    let of = this.#of.get(name);
    if (of === undefined) {
      if (this.#of.size >= this.#sweepAt) this.#forgetIdle();
      of = this.#make(name);
      this.#of.set(name, of);
    }
    return of;
  }

  #forgetIdle(): void {
    for (const [name, of] of this.#of) if (this.#isIdle(of)) this.#of.delete(name);
    this.#sweepAt = idleMax + this.#of.size;
  }
}
