/**
 * The buckets that all replicas share, in Redis; and the replica's own, for as long as Redis does not answer.
 */
import type { Redis } from 'ioredis';
import type { Quota } from '../../model/quota.ts';
import type { Demand, Grant } from '../../model/slots.ts';
import { aheadMaxUs, grantOf, intervalUs, reserve, tauUs } from '../../model/slots.ts';
import type { Buckets, Clock, Meter } from '../../ports.ts';
import { script } from './script.ts';

/** The shortest time that is allowed for a reply to travel, microseconds. */
const leadMinUs = 10_000;
const horizonUs = 100_000;
/** How long to leave Redis alone after a call that failed: the fallback answers at once meanwhile. */
const restMs = 250;

interface Scripts {
  weirReserve(key: string, ...args: number[]): Promise<[count: number, firstInUs: string]>;
}

export interface RedisBucketsOptions {
  readonly keyPrefix: string;
  /** How many replicas share the buckets, as last seen; 1 or more. */
  readonly replicas: () => number;
}

export class RedisBuckets implements Buckets {
  readonly #redis: Redis & Scripts;
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #options: RedisBucketsOptions;
  /** Each bucket's tat on this replica's clock, as far as it knows: what the fallback starts from. */
  readonly #tats = new Map<string, number>();
  #tripMs = 0;
  #restUntil = Number.NEGATIVE_INFINITY;
  #away = false;

  constructor(redis: Redis, clock: Clock, meter: Meter, options: RedisBucketsOptions) {
    redis.defineCommand('weirReserve', script('reserve.lua', 1));
    this.#redis = redis as Redis & Scripts;
    this.#clock = clock;
    this.#meter = meter;
    this.#options = options;
  }

  /** True while the replica goes on alone. */
  get away(): boolean {
    return this.#away;
  }

  reserve(bucket: string, quota: Quota, want: number): Grant | Promise<Grant> {
    const sentAt = this.#clock.now();
    if (sentAt < this.#restUntil) return this.#alone(bucket, quota, want);
    return this.#shared(bucket, quota, want, sentAt);
  }

  async #shared(bucket: string, quota: Quota, want: number, sentAt: number): Promise<Grant> {
    const leadUs = Math.max(leadMinUs, 2_000 * this.#tripMs);
    try {
      const key = `${this.#options.keyPrefix}{bucket:${bucket}}`;
      const args = reserveArguments(quota, { want, leadUs, horizonUs, replicas: this.#options.replicas() });
      const [count, delay] = await this.#redis.weirReserve(key, ...args);
      const now = this.#clock.now();
      const firstInUs = Number(delay);
      this.#tripMs += 0.25 * (now - sentAt - this.#tripMs);
      this.#tats.set(bucket, now * 1_000 + firstInUs + count * intervalUs(quota));
      this.#away = false;
      this.#meter.storeCalled('reserve', 'ok', now - sentAt);
      this.#meter.reserved(bucket, 'store', count);
      return grantOf(firstInUs, count, quota);
    } catch {
      const now = this.#clock.now();
      this.#restUntil = now + restMs;
      this.#away = true;
      this.#meter.storeCalled('reserve', 'error', now - sentAt);
      return this.#alone(bucket, quota, want);
    }
  }

  /** This replica's share of the limit, starting from what it knows to be spent. */
  #alone(bucket: string, quota: Quota, want: number): Grant {
    const replicas = this.#options.replicas();
    const share = { rate: quota.rate / replicas, burst: Math.max(1, Math.floor(quota.burst / replicas)) };
    const nowUs = this.#clock.now() * 1_000;
    const demand: Demand = { want, leadUs: leadMinUs, horizonUs, replicas: 1 };
    const reserved = reserve(this.#tats.get(bucket) ?? nowUs, nowUs, share, demand);
    this.#tats.set(bucket, reserved.tat);
    this.#meter.reserved(bucket, 'fallback', reserved.grant.count);
    return reserved.grant;
  }
}

/** ARGV of `reserve.lua`, up to the optional now. */
export function reserveArguments(quota: Quota, demand: Demand): number[] {
  const { want, leadUs, horizonUs: horizon, replicas } = demand;
  return [intervalUs(quota), tauUs(quota), want, leadUs, horizon, replicas, aheadMaxUs];
}
