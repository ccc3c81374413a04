/** How soon a worker is started again that has ended. */

/** At most one start in this time, however often it ends. Milliseconds. */
const startsApartMs = 1_000;
/** A worker that ended before it served is likely to do so again: each time it is waited for twice as long, up to this. */
const waitMaxMs = 30_000;

/** The starts of one worker after another in the same place. */
export class Restarts {
  #failures = 0;
  #startedAt: number;

  /** @param now when the first one is started, milliseconds since some moment */
  constructor(now: number) {
    this.#startedAt = now;
  }

  /** A worker has ended: how long to wait before the next one is started, milliseconds. */
  ended(now: number, hasServed: boolean): number {
    this.#failures = hasServed ? 0 : this.#failures + 1;
    const apartMs = Math.min(waitMaxMs, startsApartMs * 2 ** Math.max(0, this.#failures - 1));
    const waitMs = Math.max(0, this.#startedAt + apartMs - now);
    this.#startedAt = now + waitMs;
    return waitMs;
  }
}
