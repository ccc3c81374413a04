/**
 * The referee's own count of the limits: a token bucket as the textbooks have it, on purpose not the arithmetic of
 * `admission/rate/slots.ts` and without its tolerance. A refused request costs nothing.
 */
import { type Class, classes, forEach } from './classes.ts';
import type { Limit } from './settings.ts';

export class TokenBucket {
  #limit: Limit;
  #tokens: number;
  #filledAtMs: number;

  constructor(limit: Limit, nowMs: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes a token; false: there is none. */
  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** A new limit holds from now on; a raised burst is not given as a present, it has to flow in. */
  change(limit: Limit, nowMs: number): void {
    this.#fill(nowMs);
    this.#limit = limit;
    this.#tokens = Math.min(this.#tokens, limit.burst);
  }

  #fill(nowMs: number): void {
    const tokens = this.#tokens + ((nowMs - this.#filledAtMs) * this.#limit.ratePerS) / 1_000;
    this.#tokens = Math.min(tokens, this.#limit.burst);
    this.#filledAtMs = nowMs;
  }
}

export class Limits {
  readonly #buckets: Readonly<Record<Class, TokenBucket>>;

  constructor(limits: Readonly<Record<Class, Limit>>, nowMs: number) {
    this.#buckets = forEach(classes, (name) => new TokenBucket(limits[name], nowMs));
  }

  take(name: Class, nowMs: number): boolean {
    return this.#buckets[name].take(nowMs);
  }

  change(limits: Readonly<Record<Class, Limit>>, nowMs: number): void {
    for (const name of classes) this.#buckets[name].change(limits[name], nowMs);
  }
}
