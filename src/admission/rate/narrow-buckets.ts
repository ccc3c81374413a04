/**
 * Narrow buckets in this process: a number each, for as long as it says more than that the bucket is full. There may be
 * a hundred thousand of them.
 */
import { givenBack, type Low, lowered, lowestSince, stretched } from './lows.ts';
import type { NarrowQuota } from './quota.ts';
import { furthestUs, intervalUs, narrowPushMaxUs, overdrawn, type Tried, tauUs, tryTake } from './slots.ts';

/** After so many calls those that are full are let go, or after as many as there are. */
const sweepMin = 1_000;

export class NarrowBuckets {
  /** Their tats, microseconds of this process's clock. */
  readonly #tats = new Map<string, number>();
  /** How far ahead of now those may be that are more spent than their limit allows, since there was a larger one. */
  readonly #reaches = new Map<string, number>();
  /** Of those whose tokens are settled. */
  readonly #lows = new Map<string, readonly Low[]>();
  #calls = 0;

  tryTake(bucket: string, nowUs: number, quota: NarrowQuota, leadUs: number, count: number): Tried {
    this.sweep(nowUs);
    const { tat, tried, lowUs } = tryTake(this.tat(bucket) - nowUs, nowUs, quota, leadUs, count);
    if (!tried.taken) return tried;
    this.#tats.set(bucket, tat);
    // Low points of a time when answers settled: some may have yet to do so.
    const before = this.#lows.size === 0 ? undefined : this.#lows.get(bucket);
    if (quota.settled === null && before === undefined) return tried;
    const lows = lowered(before ?? [], lowUs, nowUs);
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

  /** All buckets whose names begin so have another limit: what was spent stays spent, and flows back at the new rate. */
  configure(beginning: string, nowUs: number, from: NarrowQuota, to: NarrowQuota): void {
    const stretch = intervalUs(to) / intervalUs(from);
    for (const [bucket, tat] of this.#tats) {
      const aheadUs = tat - nowUs;
      if (!bucket.startsWith(beginning) || aheadUs <= 0) continue;
      const reachUs = Math.max(furthestUs(from), this.#reaches.get(bucket) ?? 0);
      const spentUs = Math.min(aheadUs, reachUs) * stretch;
      // What lies beyond the reach is no spending but a pause, whose length is not the rate's.
      this.#tats.set(bucket, nowUs + spentUs + Math.max(0, aheadUs - reachUs));
      if (spentUs > furthestUs(to)) this.#reaches.set(bucket, spentUs);
      else this.#reaches.delete(bucket);
      const lows = this.#lows.get(bucket);
      if (lows !== undefined) this.#lows.set(bucket, stretched(lows, stretch));
    }
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
      this.#reaches.delete(bucket);
      this.#lows.delete(bucket);
    }
    return true;
  }
}
