/** Of its greatest age: whoever asks once in that time, by a timer that is late now and early then, gets a new one each time. */
const renewedAfter = 0.9;

/**
 * A value that costs something to make and may be a little old: it is made once in a while, for everybody who asks
 * meanwhile. So many askers cost no more than one. After a failure it is made anew for the next asker.
 */
export class Shared<T> {
  readonly #make: () => Promise<T>;
  readonly #maxAgeMs: () => number;
  readonly #now: () => number;
  #made: Promise<T> | null = null;
  #madeAt = 0;
  #making = false;

  /** @param maxAgeMs as it is configured now; 0: made for each who asks */
  constructor(make: () => Promise<T>, maxAgeMs: () => number, now: () => number) {
    this.#make = make;
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
  }

  get(): Promise<T> {
    const maxAgeMs = this.#maxAgeMs();
    if (maxAgeMs === 0) return this.#make();
    const isNew = this.#now() - this.#madeAt < renewedAfter * maxAgeMs;
    if (this.#made !== null && (this.#making || isNew)) return this.#made;
    this.#madeAt = this.#now();
    this.#making = true;
    this.#made = this.#make();
    void this.#made.then(
      () => {
        this.#making = false;
      },
      () => {
        this.#making = false;
        this.#made = null;
      },
    );
    return this.#made;
  }
}
