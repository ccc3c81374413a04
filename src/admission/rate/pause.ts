/** How long a bucket rests because the Coreapp answered 429, and what the other replicas have been told of it. */
import { horizonMs } from './lease.ts';

export class Pause {
  #until = Number.NEGATIVE_INFINITY;
  #since = Number.NEGATIVE_INFINITY;
  #toldUntil = Number.NEGATIVE_INFINITY;

  /** When it is over; in the past: there is none. */
  get until(): number {
    return this.#until;
  }

  /** When it was prolonged last: no slot that was asked for before that is for use. */
  get since(): number {
    return this.#since;
  }

  /** False: it is as long already. */
  prolong(now: number, until: number): boolean {
    if (until <= this.#until) return false;
    this.#until = until;
    this.#since = now;
    return true;
  }

  /**
   * True: the others should be told. Requests that were in flight together are refused together, so that less than a
   * horizon more is no news: one of them says it for all.
   */
  tell(): boolean {
    if (this.#until - this.#toldUntil < horizonMs) return false;
    this.#toldUntil = this.#until;
    return true;
  }
}
