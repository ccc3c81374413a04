import type { Alarm, Clock } from '../../src/clock.ts';

interface Drift {
  /** By how much it is ahead at the beginning, milliseconds. */
  readonly offsetMs: number;
  /** How much too fast it runs: 0.001 is a millisecond a second. */
  readonly drift: number;
}

const roundingMs = 1e-6;

/** A clock that shows another time than the true one, and passes it a little faster or slower. */
export class DriftingClock implements Clock {
  readonly #true: Clock;
  readonly #drift: Drift;

  constructor(clock: Clock, drift: Drift) {
    this.#true = clock;
    this.#drift = drift;
  }

  now(): number {
    return this.#drift.offsetMs + this.#true.now() * (1 + this.#drift.drift);
  }

  wallMs(): number {
    return this.#drift.offsetMs + this.#true.wallMs();
  }

  after(ms: number, call: () => void): Alarm {
    const due = this.now() + ms;
    let alarm = this.#true.after(ms / (1 + this.#drift.drift), () => check());
    // Rounded, a true moment may lie a little before the one that was meant; never early is the law.
    const check = (): void => {
      const left = due - this.now();
      if (left <= 0) call();
      else alarm = this.#true.after(Math.max(roundingMs, left / (1 + this.#drift.drift)), check);
    };
    return { cancel: () => alarm.cancel() };
  }
}
