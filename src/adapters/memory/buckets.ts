/** Buckets in the process: the default without Redis, and what a replica falls back to when Redis is away. */
import type { Quota } from '../../model/quota.ts';
import type { Grant } from '../../model/slots.ts';
import { reserve } from '../../model/slots.ts';
import type { Buckets, Clock, Meter } from '../../ports.ts';

/** A grant is used in the same turn of the event loop, or soon after: this much a slot of an idle bucket is kept. */
const leadUs = 10_000;
const horizonUs = 100_000;

export class MemoryBuckets implements Buckets {
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #tats = new Map<string, number>();

  constructor(clock: Clock, meter: Meter) {
    this.#clock = clock;
    this.#meter = meter;
  }

  reserve(bucket: string, quota: Quota, want: number): Grant {
    const nowUs = this.#clock.now() * 1_000;
    const tat = this.#tats.get(bucket) ?? nowUs;
    const reserved = reserve(tat, nowUs, quota, { want, leadUs, horizonUs, replicas: 1 });
    this.#tats.set(bucket, reserved.tat);
    this.#meter.reserved(bucket, 'memory', reserved.grant.count);
    return reserved.grant;
  }
}
