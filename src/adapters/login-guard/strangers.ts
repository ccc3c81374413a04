/**
 * Counts unknown tokens and keys by address. It counts in this process, so that the next request finds the answer
 * without asking. It also counts in Redis, which returns the count over all replicas each time. Its memory is bounded,
 * since a made-up token costs its sender nothing. An address that was pushed out is known again after one more.
 */
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { networkOf } from '../../http/network.ts';
import { WindowCounts } from './window-counts.ts';

export interface Allowance {
  /** How many failures are free. */
  readonly failures: number;
  /** How long they are remembered, seconds. */
  readonly windowS: number;
}

const addressesMax = 10_000;

export class Strangers {
  readonly #shared: RateLimiterAbstract | null;
  readonly #keyOf: (network: string) => string;
  readonly #counts: WindowCounts;

  /** @param shared rejects where Redis is away; null: this process counts alone */
  constructor(shared: RateLimiterAbstract | null, keyOf: (network: string) => string, allowance: Allowance) {
    this.#shared = shared;
    this.#keyOf = keyOf;
    this.#counts = new WindowCounts(allowance.failures, allowance.windowS * 1_000, addressesMax);
  }

  waitMs(address: string): number {
    return this.#counts.waitMs(networkOf(address), performance.now());
  }

  async count(address: string): Promise<void> {
    const network = networkOf(address);
    this.#counts.add(network, performance.now());
    if (this.#shared === null) return;
    try {
      const { consumedPoints, msBeforeNext } = await this.#shared.penalty(this.#keyOf(network));
      const now = performance.now();
      this.#counts.learn(network, consumedPoints, now + msBeforeNext, now);
    } catch {
      // Without Redis there is only this process's own count.
    }
  }
}
