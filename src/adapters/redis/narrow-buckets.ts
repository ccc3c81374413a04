/**
 * Narrow buckets that all replicas share, in Redis: one call for each try, one small key for each that is not full. For
 * as long as Redis does not answer, this replica has its share of them, from what it knows to be spent.
 */
import { NarrowBuckets } from '../../admission/rate/narrow-buckets.ts';
import type { NarrowQuota } from '../../admission/rate/quota.ts';
import {
  furthestUs,
  intervalUs,
  jumpMinUs,
  keepUs,
  leadOf,
  narrowPushMaxUs,
  type Tried,
  takenFrom,
  tauUs,
} from '../../admission/rate/slots.ts';
import type { Clock } from '../../clock.ts';
import type { Meter } from '../../observe/ports.ts';
import type { RedisConnection } from './client.ts';
import { script } from './script.ts';
import { neverUs } from './script-arguments.ts';

interface Scripts {
  weirTryTake(key: string, ...args: number[]): Promise<unknown>;
  weirSettle(key: string, ...args: number[]): Promise<unknown>;
  weirPushBackNarrow(key: string, ...args: number[]): Promise<unknown>;
}

interface RedisNarrowOptions {
  readonly keyPrefix: string;
  readonly replicas: () => number;
  readonly callTimeoutMs: number;
  /** True: Redis is known not to answer. */
  readonly away: () => boolean;
}

export class RedisNarrowBuckets {
  readonly #redis: RedisConnection & Scripts;
  readonly #clock: Clock;
  readonly #meter: Meter;
  #options: RedisNarrowOptions;
  /** As Redis told last, on this replica's clock; and what it took on its own since. */
  readonly #known = new NarrowBuckets();
  /** How much had been given back of those by then, where some was, microseconds of their rate. */
  readonly #givenBack = new Map<string, number>();
  #tripMs = 0;

  constructor(redis: RedisConnection, clock: Clock, meter: Meter, options: RedisNarrowOptions) {
    redis.defineCommand('weirTryTake', script('try-take.lua', 1));
    redis.defineCommand('weirSettle', script('settle.lua', 1));
    redis.defineCommand('weirPushBackNarrow', script('push-back-narrow.lua', 1));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#meter = meter;
    this.#options = options;
  }

  /** How long Redis may take to answer, from now on. */
  set callTimeoutMs(callTimeoutMs: number) {
    this.#options = { ...this.#options, callTimeoutMs };
  }

  tryTake(bucket: string, quota: NarrowQuota, count: number): Tried | Promise<Tried> {
    return this.#options.away() ? this.#alone(bucket, quota, count) : this.#shared(bucket, quota, count);
  }

  /** Redis knows by which limit a key is meant; this has what the replica knows follow. */
  configure(beginning: string, from: NarrowQuota, to: NarrowQuota): void {
    this.#known.configure(beginning, 1_000 * this.#clock.now(), from, to);
    for (const [bucket, backUs] of this.#givenBack) {
      if (bucket.startsWith(beginning)) this.#givenBack.set(bucket, (backUs * intervalUs(to)) / intervalUs(from));
    }
  }

  settle(bucket: string, quota: NarrowQuota, count: number, mark: number): void {
    if (this.#options.away()) {
      this.#settleAlone(bucket, quota, count);
      return;
    }
    const sentAt = this.#clock.now();
    const by = count * intervalUs(quota);
    const args = [by, mark, intervalUs(quota), ...this.#knownArguments(bucket, quota, sentAt)];
    this.#redis.weirSettle(this.#keyOf(bucket), ...args).then(
      (reply) => {
        const [ahead, back] = numbersIn(reply);
        this.#told(bucket, 1_000 * sentAt + ahead, back);
        this.#meter.storeCalled('settle', 'ok', this.#clock.now() - sentAt);
      },
      () => {
        this.#settleAlone(bucket, quota, count);
        this.#meter.storeCalled('settle', 'error', this.#clock.now() - sentAt);
      },
    );
  }

  pushBack(bucket: string, quota: NarrowQuota, ms: number): void {
    const sentAt = this.#clock.now();
    const byUs = Math.min(1_000 * ms, narrowPushMaxUs);
    this.#known.pushBack(bucket, 1_000 * sentAt, quota, byUs);
    if (this.#options.away()) return;
    const args = [intervalUs(quota), tauUs(quota), byUs, furthestUs(quota), jumpMinUs];
    // The next try of this replica says it again.
    this.#redis.weirPushBackNarrow(this.#keyOf(bucket), ...args).catch(() => {});
  }

  #shared(bucket: string, quota: NarrowQuota, count: number): Promise<Tried> {
    const { callTimeoutMs } = this.#options;
    const sentAt = this.#clock.now();
    return new Promise((resolve) => {
      let late = false;
      const goAlone = (): void => {
        late = true;
        this.#meter.storeCalled('tryTake', 'error', this.#clock.now() - sentAt);
        resolve(this.#alone(bucket, quota, count));
      };
      // As for slots: a replica that was itself stalled finds the reply one turn later.
      let alarm = this.#clock.after(callTimeoutMs, () => {
        alarm = this.#clock.after(1, goAlone);
      });
      this.#ask(bucket, quota, count, sentAt).then(
        (tried) => {
          alarm.cancel();
          if (late) {
            if (tried.taken) this.settle(bucket, quota, -count, tried.mark);
            return;
          }
          this.#meter.storeCalled('tryTake', 'ok', this.#clock.now() - sentAt);
          resolve(tried);
        },
        () => {
          alarm.cancel();
          if (!late) goAlone();
        },
      );
    });
  }

  async #ask(bucket: string, quota: NarrowQuota, count: number, sentAt: number): Promise<Tried> {
    const interval = intervalUs(quota);
    const leadUs = leadOf(quota, keepUs, 2_000 * this.#tripMs);
    const reply = await this.#redis.weirTryTake(
      this.#keyOf(bucket),
      interval,
      tauUs(quota),
      count,
      leadUs,
      Number(quota.settled !== null),
      ...this.#knownArguments(bucket, quota, sentAt),
    );
    const [taken, firstInUs, back, mark] = numbersIn(reply);
    if ((taken !== 0 && taken !== 1) || back === undefined || mark === undefined)
      throw new Error('Redis did not answer as the script does.');
    const now = this.#clock.now();
    const tripMs = now - sentAt;
    this.#tripMs += 0.25 * (tripMs - this.#tripMs);
    this.#told(bucket, 1_000 * sentAt + firstInUs + taken * count * interval, back);
    if (this.#known.sweep(1_000 * now)) this.#sweepGivenBack();
    if (taken === 0) return { taken: false, opensInUs: firstInUs + (count - 1) * interval - tauUs(quota) };
    const tried = takenFrom(firstInUs, quota, leadUs, count, mark);
    // The reply has used up some of the time in which the tokens can be used.
    return { ...tried, closesInUs: tried.closesInUs - 1_000 * tripMs };
  }

  #alone(bucket: string, quota: NarrowQuota, count: number): Tried {
    const share = this.#shareOf(quota);
    const nowUs = 1_000 * this.#clock.now();
    const most = Math.min(count, share.burst);
    // What is spent of the whole bucket is spent of the share.
    const tried = this.#known.tryTake(bucket, nowUs, share, leadOf(share, keepUs, 0), most);
    if (tried.taken && most < count) {
      this.#known.settle(bucket, nowUs, share, count - most, tried.mark);
    }
    return tried;
  }

  /** What was taken by an estimate is not given back to a share: it may have been of the whole bucket. */
  #settleAlone(bucket: string, quota: NarrowQuota, count: number): void {
    if (count < 0 && quota.settled !== null) return;
    this.#known.settle(bucket, 1_000 * this.#clock.now(), count < 0 ? quota : this.#shareOf(quota), count, 0);
  }

  #shareOf({ rate, burst, settled }: NarrowQuota): NarrowQuota {
    const replicas = this.#options.replicas();
    const share = { rate: rate / replicas, burst: Math.max(1, Math.floor(burst / replicas)), settled: null };
    if (settled === null) return share;
    return { ...share, settled: { debtMaxUs: replicas * settled.debtMaxUs + burst * intervalUs(share) } };
  }

  #knownArguments(bucket: string, quota: NarrowQuota, sentAt: number): number[] {
    const floorUs = Math.max(neverUs, this.#known.tat(bucket) - 1_000 * sentAt);
    return [floorUs, this.#givenBack.get(bucket) ?? 0, furthestUs(quota), jumpMinUs];
  }

  #told(bucket: string, tat: number, back: number): void {
    this.#known.told(bucket, tat);
    if (back > 0) this.#givenBack.set(bucket, back);
    else this.#givenBack.delete(bucket);
  }

  #sweepGivenBack(): void {
    for (const bucket of this.#givenBack.keys()) {
      if (this.#known.tat(bucket) === Number.NEGATIVE_INFINITY) this.#givenBack.delete(bucket);
    }
  }

  #keyOf(bucket: string): string {
    return `${this.#options.keyPrefix}{narrow:${bucket}}`;
  }
}

function numbersIn(reply: unknown): readonly [number, number, ...number[]] {
  const numbers = Array.isArray(reply)
    ? (reply as unknown[]).map((item) => (item === null ? Number.NaN : Number(item)))
    : [];
  if (numbers.length < 2 || !numbers.every(Number.isFinite)) {
    throw new Error('Redis did not answer as the script does.');
  }
  return numbers as unknown as [number, number, ...number[]];
}
