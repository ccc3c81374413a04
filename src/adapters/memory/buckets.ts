/** Buckets in the process: the default without Redis. */

import { NarrowBuckets } from '../../admission/rate/narrow-buckets.ts';
import type { Buckets } from '../../admission/rate/ports.ts';
import type { NarrowQuota, Quota } from '../../admission/rate/quota.ts';
import type { Grant, Tried } from '../../admission/rate/slots.ts';
import { horizonUs, keepUs, leadOf, pushBack, reserve } from '../../admission/rate/slots.ts';
import type { Clock } from '../../clock.ts';
import type { Meter } from '../../observe/ports.ts';

export class MemoryBuckets implements Buckets {
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #tats = new Map<string, number>();
  readonly #narrow = new NarrowBuckets();

  constructor(clock: Clock, meter: Meter) {
    this.#clock = clock;
    this.#meter = meter;
  }

  reserve(bucket: string, quota: Quota, want: number): Grant {
    const nowUs = this.#clock.now() * 1_000;
    const tat = this.#tats.get(bucket) ?? nowUs;
    const reserved = reserve(tat, nowUs, quota, {
      want,
      leadUs: leadOf(quota, keepUs, 0),
      horizonUs,
      replicas: 1,
      floorUs: Number.NEGATIVE_INFINITY,
    });
    this.#tats.set(bucket, reserved.tat);
    this.#meter.reserved(bucket, 'memory', reserved.grant.count);
    return reserved.grant;
  }

  pushBack(bucket: string, quota: Quota, ms: number): void {
    const nowUs = this.#clock.now() * 1_000;
    const tat = this.#tats.get(bucket) ?? nowUs;
    this.#tats.set(bucket, pushBack(tat, nowUs, quota, { horizonUs, replicas: 1 }, ms * 1_000));
  }

  tryTake(bucket: string, quota: NarrowQuota, count: number): Tried {
    return this.#narrow.tryTake(bucket, this.#clock.now() * 1_000, quota, leadOf(quota, keepUs, 0), count);
  }

  settle(bucket: string, quota: NarrowQuota, count: number, mark: number): void {
    this.#narrow.settle(bucket, this.#clock.now() * 1_000, quota, count, mark);
  }

  pushBackNarrow(bucket: string, quota: NarrowQuota, ms: number): void {
    this.#narrow.pushBack(bucket, this.#clock.now() * 1_000, quota, ms * 1_000);
  }

  forget(bucket: string): void {
    const tat = this.#tats.get(bucket);
    if (tat !== undefined && tat <= this.#clock.now() * 1_000) this.#tats.delete(bucket);
  }
}
