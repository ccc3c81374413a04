/**
 * Narrow buckets in this process: a number each, for as long as it says more than that the bucket is full. There may be
 * a hundred thousand of them.
 */
import type { Quota } from './quota.ts';
import { intervalUs, type Tried, tryTake } from './slots.ts';

/** After so many calls those that are full are let go, or after as many as there are. */
const sweepMin = 1_000;

export class NarrowBuckets {
  /** Their tats, microseconds of this process's clock. */
  readonly #tats = new Map<string, number>();
  #calls = 0;

  get size(): number {
    return this.#tats.size;
  }

  tryTake(bucket: string, nowUs: number, quota: Quota, leadUs: number): Tried {
    this.#sweep(nowUs);
    const { tat, tried } = tryTake(this.tat(bucket), nowUs, quota, leadUs);
    if (tried.taken) this.#tats.set(bucket, tat);
    return tried;
  }

  giveBack(bucket: string, quota: Quota): void {
    const tat = this.#tats.get(bucket);
    if (tat !== undefined) this.#tats.set(bucket, tat - intervalUs(quota));
  }

  /** What is known of a bucket that others have, too; negative infinity: nothing. */
  tat(bucket: string): number {
    return this.#tats.get(bucket) ?? Number.NEGATIVE_INFINITY;
  }

  /** Others have told where it stands. */
  told(bucket: string, tat: number, nowUs: number): void {
    this.#sweep(nowUs);
    this.#tats.set(bucket, tat);
  }

  #sweep(nowUs: number): void {
    this.#calls += 1;
    if (this.#calls < Math.max(sweepMin, this.#tats.size)) return;
    this.#calls = 0;
    for (const [bucket, tat] of this.#tats) if (tat <= nowUs) this.#tats.delete(bucket);
  }
}
