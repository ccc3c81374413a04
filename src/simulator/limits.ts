/**
 * The referee's own count of the limits: a token bucket as the textbooks have it, on purpose not the arithmetic of
 * `admission/rate/slots.ts` and without its tolerance. A refused request costs nothing.
 */
import { type Class, classes, forEach } from './classes.ts';
import type { Limit } from './settings.ts';

/** How much too early a request may seem by a clock in whole milliseconds, the floating point included. */
export const wholeMs = 1 + 1e-6;

export class TokenBucket {
  #limit: Limit;
  readonly #earlyMs: number;
  #tokens: number;
  #filledAtMs: number;

  /** @param earlyMs how much too early is in time */
  constructor(limit: Limit, nowMs: number, earlyMs = 0) {
    this.#limit = limit;
    this.#earlyMs = earlyMs;
    this.#tokens = limit.burst;
    this.#filledAtMs = nowMs;
  }

  get burst(): number {
    return this.#limit.burst;
  }

  /** Takes so many tokens, or none: then how long until there are as many, milliseconds; 0: taken. */
  take(nowMs: number, count = 1): number {
    const waitMs = this.waitMs(nowMs, count);
    if (waitMs === 0) this.#tokens -= count;
    return waitMs;
  }

  /** How long until there are so many, milliseconds; 0: now. */
  waitMs(nowMs: number, count: number): number {
    this.#fill(nowMs);
    const waitMs = (count - this.#tokens) * (1_000 / this.#limit.ratePerS);
    return waitMs > this.#earlyMs ? waitMs : 0;
  }

  /** How many there are now, whole ones; what the floating point leaves below one counts as that. */
  left(nowMs: number): number {
    this.#fill(nowMs);
    return Math.max(0, Math.floor(this.#tokens + 1e-9));
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
    return this.#buckets[name].take(nowMs) === 0;
  }

  change(limits: Readonly<Record<Class, Limit>>, nowMs: number): void {
    for (const name of classes) this.#buckets[name].change(limits[name], nowMs);
  }
}
