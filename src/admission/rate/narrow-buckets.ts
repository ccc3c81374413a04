/**
 * Narrow buckets in this process: a number each, for as long as it says more than that the bucket is full. There may be
 * a hundred thousand of them.
 */
import { givenBack, type Low, lowered, lowestSince } from './lows.ts';
import type { NarrowQuota } from './quota.ts';
import { intervalUs, narrowPushMaxUs, overdrawn, type Tried, tauUs, tryTake } from './slots.ts';

/** After so many calls those that are full are let go, or after as many as there are. */
const sweepMin = 1_000;

export class NarrowBuckets {
  /** Their tats, microseconds of this process's clock. */
  readonly #tats = new Map<string, number>();
  /** Of those whose tokens are settled. */
  readonly #lows = new Map<string, readonly Low[]>();
  #calls = 0;

  get size(): number {
    return this.#tats.size;
  }

  tryTake(bucket: string, nowUs: number, quota: NarrowQuota, leadUs: number, count: number): Tried {
    this.sweep(nowUs);
    const { tat, tried, lowUs } = tryTake(this.tat(bucket), nowUs, quota, leadUs, count);
    if (!tried.taken) return tried;
    this.#tats.set(bucket, tat);
    if (quota.settled === null) return tried;
    const lows = lowered(this.#lows.get(bucket) ?? [], lowUs, nowUs);
    this.#lows.set(bucket, lows);
    return { ...tried, mark: (lows.at(-1) as Low).mark };
  }

  /** As `Buckets.settle`. */
  settle(bucket: string, nowUs: number, quota: NarrowQuota, count: number, mark: number): void {
    if (count > 0) {
      this.#tats.set(bucket, overdrawn(this.tat(bucket), nowUs, quota, count));
      return;
    }
    const aheadUs = this.tat(bucket) - nowUs;
    const lows = this.#lows.get(bucket) ?? [];
    const backUs = Math.min(-count * intervalUs(quota), aheadUs, lowestSince(lows, mark));
    if (backUs <= 0) return;
    this.#tats.set(bucket, nowUs + aheadUs - backUs);
    if (lows.length > 0) this.#lows.set(bucket, givenBack(lows, backUs));
  }

  /** It gives nothing before `byUs` from now are over, a minute at most. */
  pushBack(bucket: string, nowUs: number, quota: NarrowQuota, byUs: number): void {
    this.#tats.set(bucket, Math.max(this.tat(bucket), nowUs + tauUs(quota) + Math.min(byUs, narrowPushMaxUs)));
  }

  /** What is known of a bucket; negative infinity: nothing. */
  tat(bucket: string): number {
    return this.#tats.get(bucket) ?? Number.NEGATIVE_INFINITY;
  }

  /** Others have told where it stands. */
  told(bucket: string, tat: number): void {
    this.#tats.set(bucket, tat);
  }

  /** Lets go of those that are full, now and then. Returns whether it did. */
  sweep(nowUs: number): boolean {
    this.#calls += 1;
    if (this.#calls < Math.max(sweepMin, this.#tats.size)) return false;
    this.#calls = 0;
    for (const [bucket, tat] of this.#tats) {
      if (tat > nowUs) continue;
      this.#tats.delete(bucket);
      this.#lows.delete(bucket);
    }
    return true;
  }
}
