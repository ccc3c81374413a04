/** Time. `now()` never goes back; only `wallMs()` knows the date. */
export interface Clock {
  /** Milliseconds since some moment, fractions included. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC. */
  wallMs(): number;
  /** Calls back once, never early by `now()`, unless it was cancelled before. */
  after(ms: number, call: () => void): Alarm;
}

export interface Alarm {
  cancel(): void;
}

/** One timer for the earliest of several moments. */
export class Earliest {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #call: () => void;
  #alarm: Alarm | null = null;
  #at = Number.POSITIVE_INFINITY;

  /** @param call told once at the moment for which it is set; it is set for none then */
  constructor(clock: Pick<Clock, 'after'>, call: () => void) {
    this.#clock = clock;
    this.#call = call;
  }

  /** Where it is set for later, or for none, it is set for that moment; infinity: there is none. */
  at(due: number, now: number): void {
    if (due >= this.#at) return;
    this.#alarm?.cancel();
    this.#at = due;
    this.#alarm = this.#clock.after(Math.max(0, due - now), () => {
      this.#alarm = null;
      this.#at = Number.POSITIVE_INFINITY;
      this.#call();
    });
  }

  cancel(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    this.#at = Number.POSITIVE_INFINITY;
  }
}
