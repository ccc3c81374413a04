/**
 * The buckets that all replicas share, in Redis; and the replica's own, for as long as Redis does not answer.
 */
import type { Redis } from 'ioredis';
import type { Quota } from '../../model/quota.ts';
import type { Demand, Grant, Sharing } from '../../model/slots.ts';
import { grantOf, intervalUs, jumpMinUs, leadOf, pushMaxUs, reserve, tauUs } from '../../model/slots.ts';
import type { Buckets, Clock, Meter } from '../../ports.ts';
import { script } from './script.ts';

/** How long a slot of an idle bucket is kept, microseconds; as with buckets in memory. */
const keepUs = 20_000;
const horizonUs = 100_000;
/** How long to leave Redis alone after a call that failed. */
const restMs = 250;
/** Stands for "never" where Lua reads a number. */
const neverUs = -1e18;

interface Scripts {
  weirReserve(key: string, ...args: number[]): Promise<[count: number, firstInUs: string]>;
  weirPushBack(key: string, ...args: number[]): Promise<null>;
}

export interface RedisBucketsOptions {
  readonly keyPrefix: string;
  /** How many replicas share the buckets, as last seen; 1 or more. */
  readonly replicas: () => number;
  /** How long Redis may take to answer before the replica goes on alone. */
  readonly callTimeoutMs: number;
  /** Called when the replica begins to go on alone, and when it no longer does. */
  readonly changed?: (away: boolean) => void;
}

/** What the replica knows of a bucket. Instants are microseconds of its own clock. */
interface Known {
  /** The tat: as Redis last told, then as the replica's share went on from there. */
  tatUs: number;
  /**
   * Above 0 after an outage, each sign of it counted: Redis is then told the tat. It counts as everybody's, as if the others had used their shares alike:
   * Redis may have lost the bucket, and who comes back first must not find the shares of the others.
   */
  doubts: number;
  /** Where the bucket was pushed back to: its tat at least. Said with each call, in case Redis missed it. */
  pushedTatUs: number;
}

export class RedisBuckets implements Buckets {
  readonly #redis: Redis & Scripts;
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #options: RedisBucketsOptions;
  readonly #known = new Map<string, Known>();
  #tripMs = 0;
  #away = false;
  #probing = false;
  #probeNotBefore = Number.NEGATIVE_INFINITY;

  constructor(redis: Redis, clock: Clock, meter: Meter, options: RedisBucketsOptions) {
    redis.defineCommand('weirReserve', script('reserve.lua', 1));
    redis.defineCommand('weirPushBack', script('push-back.lua', 1));
    this.#redis = redis as Redis & Scripts;
    this.#clock = clock;
    this.#meter = meter;
    this.#options = options;
    redis.on('ready', () => {
      for (const known of this.#known.values()) known.doubts += 1;
      this.#probeNotBefore = Number.NEGATIVE_INFINITY;
      if (this.#away) this.#probe();
    });
  }

  /** True while the replica goes on alone. */
  get away(): boolean {
    return this.#away;
  }

  reserve(bucket: string, quota: Quota, want: number): Grant | Promise<Grant> {
    if (!this.#away) return this.#shared(bucket, quota, want);
    this.#probe();
    return this.#alone(bucket, quota, want);
  }

  async pushBack(bucket: string, quota: Quota, ms: number): Promise<void> {
    const sentAt = this.#clock.now();
    const byUs = Math.min(1_000 * ms, pushMaxUs);
    const known = this.#knownOf(bucket);
    known.pushedTatUs = Math.max(known.pushedTatUs, 1_000 * sentAt + byUs + tauUs(quota));
    if (this.#away) return;
    const sharing = { horizonUs, replicas: this.#options.replicas() };
    const outcome = await this.#redis
      .weirPushBack(this.#keyOf(bucket), ...pushBackArguments(quota, sharing, byUs))
      .then(
        () => 'ok' as const,
        () => 'error' as const, // The next call for slots says it again.
      );
    this.#meter.storeCalled('pushBack', outcome, this.#clock.now() - sentAt);
  }

  forget(bucket: string): void {
    const known = this.#known.get(bucket);
    const fullUs = known === undefined ? neverUs : Math.max(known.tatUs, known.pushedTatUs);
    if (fullUs <= 1_000 * this.#clock.now()) this.#known.delete(bucket);
  }

  #keyOf(bucket: string): string {
    return `${this.#options.keyPrefix}{bucket:${bucket}}`;
  }

  #shared(bucket: string, quota: Quota, want: number): Promise<Grant> {
    const { callTimeoutMs } = this.#options;
    const sentAt = this.#clock.now();
    return new Promise((resolve) => {
      let late = false;
      const goAlone = (): void => {
        late = true;
        this.#failed(sentAt);
        resolve(this.#alone(bucket, quota, want));
      };
      // One more turn of the event loop: a replica that was itself stalled finds the reply there.
      let alarm = this.#clock.after(callTimeoutMs, () => {
        alarm = this.#clock.after(1, goAlone);
      });
      this.#ask(bucket, quota, want).then(
        (grant) => {
          alarm.cancel();
          this.#answered(bucket, grant.count, sentAt);
          if (late) return this.#probeAgain(); // Too slow is as good as away, until a probe is in time.
          this.#setAway(false);
          resolve(grant);
        },
        () => {
          alarm.cancel();
          if (!late) goAlone();
        },
      );
    });
  }

  async #ask(bucket: string, quota: Quota, want: number): Promise<Grant> {
    const known = this.#knownOf(bucket);
    const sentUs = this.#clock.now() * 1_000;
    const { doubts } = known;
    const pushedInUs = known.pushedTatUs - sentUs;
    const demand: Demand = {
      want,
      leadUs: leadOf(quota, keepUs, 2_000 * this.#tripMs),
      horizonUs,
      replicas: this.#options.replicas(),
      floorUs: doubts > 0 ? Math.max(known.tatUs - sentUs, pushedInUs) : pushedInUs,
    };
    const [count, delay] = await this.#redis.weirReserve(this.#keyOf(bucket), ...reserveArguments(quota, demand));
    // The reply to a call that left before the latest doubt does not end it.
    if (known.doubts === doubts) {
      known.doubts = 0;
      known.tatUs = sentUs + Number(delay) + count * intervalUs(quota);
    }
    return grantOf(Number(delay), count, quota);
  }

  #knownOf(bucket: string): Known {
    let known = this.#known.get(bucket);
    if (known === undefined) {
      known = { tatUs: neverUs, doubts: 0, pushedTatUs: neverUs };
      this.#known.set(bucket, known);
    }
    return known;
  }

  #answered(bucket: string, slots: number, sentAt: number): void {
    const ms = this.#clock.now() - sentAt;
    this.#tripMs += 0.25 * (ms - this.#tripMs);
    this.#meter.storeCalled('reserve', 'ok', ms);
    this.#meter.reserved(bucket, 'store', slots);
  }

  #failed(sentAt: number): void {
    const now = this.#clock.now();
    this.#probeNotBefore = now + restMs;
    // Once an outage: each bucket may have a call under way that fails.
    if (!this.#away) for (const known of this.#known.values()) known.doubts += 1;
    this.#setAway(true);
    this.#meter.storeCalled('reserve', 'error', now - sentAt);
  }

  /** It answers again, if late: whether it is in time now is worth a look, though nobody may ask for slots. */
  #probeAgain(): void {
    this.#clock.after(restMs, () => {
      if (this.#away) this.#probe();
    });
  }

  #setAway(away: boolean): void {
    if (away === this.#away) return;
    this.#away = away;
    this.#options.changed?.(away);
  }

  /**
   * Looks whether Redis is back while the fallback serves. Reservations would tell as well; but those that a stalled
   * Redis finds when it wakes up are spent, and nobody uses them.
   */
  #probe(): void {
    const sentAt = this.#clock.now();
    if (this.#probing || sentAt < this.#probeNotBefore) return;
    this.#probing = true;
    const over = (back: boolean): void => {
      const now = this.#clock.now();
      this.#probing = false;
      this.#probeNotBefore = now + restMs;
      this.#meter.storeCalled('ping', back ? 'ok' : 'error', now - sentAt);
      if (back && now - sentAt <= this.#options.callTimeoutMs) this.#setAway(false);
      else if (back) this.#probeAgain();
    };
    this.#redis.ping().then(
      () => over(true),
      () => over(false),
    );
  }

  /** This replica's share of the limit, starting from what it knows to be spent. */
  #alone(bucket: string, quota: Quota, want: number): Grant {
    const known = this.#knownOf(bucket);
    const replicas = this.#options.replicas();
    const share = { rate: quota.rate / replicas, burst: Math.max(1, Math.floor(quota.burst / replicas)) };
    const nowUs = this.#clock.now() * 1_000;
    const demand: Demand = { want, leadUs: leadOf(share, keepUs, 0), horizonUs, replicas: 1, floorUs: neverUs };
    const before = Math.max(known.tatUs, known.pushedTatUs - tauUs(quota) + tauUs(share));
    const { tat, grant } = reserve(before, nowUs, share, demand);
    known.tatUs = tat;
    known.doubts += 1;
    this.#meter.reserved(bucket, 'fallback', grant.count);
    return grant;
  }
}

/** ARGV of `push-back.lua`, up to the optional now. */
export function pushBackArguments(quota: Quota, { horizonUs: horizon, replicas }: Sharing, byUs: number): number[] {
  return [intervalUs(quota), tauUs(quota), byUs, horizon, replicas, jumpMinUs];
}

/** ARGV of `reserve.lua`, up to the optional now. */
export function reserveArguments(quota: Quota, demand: Demand): number[] {
  const { want, leadUs, horizonUs: horizon, replicas, floorUs } = demand;
  return [intervalUs(quota), tauUs(quota), want, leadUs, horizon, replicas, jumpMinUs, Math.max(floorUs, neverUs)];
}
