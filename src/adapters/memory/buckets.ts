/** Buckets in the process: the default without Redis. */

import { NarrowBuckets } from '../../admission/rate/narrow-buckets.ts';
import type { Buckets } from '../../admission/rate/ports.ts';
import type { NarrowQuota, Quota } from '../../admission/rate/quota.ts';
import {
  convertedUs,
  type Grant,
  horizonUs,
  intervalUs,
  keepUs,
  leadOf,
  pushMaxUs,
  reserveFrom,
  type Tried,
  tauUs,
} from '../../admission/rate/slots.ts';
import type { Clock } from '../../clock.ts';
import type { Meter } from '../../observe/ports.ts';

interface Bucket {
  tat: number;
  /** Between the slots by which that was reckoned, microseconds. */
  intervalUs: number;
}

export class MemoryBuckets implements Buckets {
  readonly sharers = 1;
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #buckets = new Map<string, Bucket>();
  readonly #narrow = new NarrowBuckets();

  constructor(clock: Clock, meter: Meter) {
    this.#clock = clock;
    this.#meter = meter;
  }

  reserve(bucket: string, quota: Quota, want: number): Grant {
    const nowUs = this.#clock.now() * 1_000;
    const known = this.#bucketOf(bucket, quota, nowUs);
    // This clock never jumps: however far ahead the tat is, it has been spent.
    const { tat, grant } = reserveFrom(known.tat - nowUs, nowUs, quota, {
      want,
      leadUs: leadOf(quota, keepUs, 0),
      horizonUs,
      replicas: 1,
      floorUs: Number.NEGATIVE_INFINITY,
    });
    known.tat = tat;
    this.#meter.reserved(bucket, 'memory', grant.count);
    return grant;
  }

  configure(bucket: string, quota: Quota): void {
    if (this.#buckets.has(bucket)) this.#bucketOf(bucket, quota, this.#clock.now() * 1_000);
  }

  spent(bucket: string, quota: Quota, slots: number): void {
    const nowUs = this.#clock.now() * 1_000;
    const known = this.#bucketOf(bucket, quota, nowUs);
    known.tat = Math.max(known.tat, nowUs + slots * intervalUs(quota));
  }

  pushBack(bucket: string, quota: Quota, ms: number): void {
    const nowUs = this.#clock.now() * 1_000;
    const known = this.#bucketOf(bucket, quota, nowUs);
    known.tat = Math.max(known.tat, nowUs + tauUs(quota) + Math.min(ms * 1_000, pushMaxUs));
  }

  tryTake(bucket: string, quota: NarrowQuota, count: number): Tried {
    return this.#narrow.tryTake(bucket, this.#clock.now() * 1_000, quota, leadOf(quota, keepUs, 0), count);
  }

  configureNarrow(beginning: string, from: NarrowQuota, to: NarrowQuota): void {
    this.#narrow.configure(beginning, this.#clock.now() * 1_000, from, to);
  }

  settle(bucket: string, quota: NarrowQuota, count: number, mark: number): void {
    this.#narrow.settle(bucket, this.#clock.now() * 1_000, quota, count, mark);
  }

  pushBackNarrow(bucket: string, quota: NarrowQuota, ms: number): void {
    this.#narrow.pushBack(bucket, this.#clock.now() * 1_000, quota, ms * 1_000);
  }

  forget(bucket: string): void {
    const known = this.#buckets.get(bucket);
    if (known !== undefined && known.tat <= this.#clock.now() * 1_000) this.#buckets.delete(bucket);
  }

  /** As it is by that quota. */
  #bucketOf(bucket: string, quota: Quota, nowUs: number): Bucket {
    const interval = intervalUs(quota);
    let known = this.#buckets.get(bucket);
    if (known === undefined) {
      known = { tat: nowUs, intervalUs: interval };
      this.#buckets.set(bucket, known);
    } else if (known.intervalUs !== interval) {
      known.tat = nowUs + convertedUs(known.tat - nowUs, known.intervalUs, interval);
      known.intervalUs = interval;
    }
    return known;
  }
}
