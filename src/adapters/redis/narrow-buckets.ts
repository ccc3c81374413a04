/**
 * Narrow buckets that all replicas share, in Redis: one call for each try, one small key for each that is not full. For
 * as long as Redis does not answer, this replica has its share of them, from what it knows to be spent.
 */
import { NarrowBuckets } from '../../admission/rate/narrow-buckets.ts';
import type { Quota } from '../../admission/rate/quota.ts';
import { intervalUs, jumpMinUs, keepUs, leadOf, type Tried, tauUs, tryTakeFrom } from '../../admission/rate/slots.ts';
import type { Clock } from '../../clock.ts';
import type { Meter } from '../../observe/ports.ts';
import type { RedisConnection } from './client.ts';
import { script } from './script.ts';
import { neverUs } from './script-arguments.ts';

interface Scripts {
  weirTryTake(key: string, ...args: number[]): Promise<unknown>;
  weirGiveBack(key: string, interval: number): Promise<unknown>;
}

export interface RedisNarrowOptions {
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
  readonly #options: RedisNarrowOptions;
  /** As Redis told last, on this replica's clock; and what it took on its own since. */
  readonly #known = new NarrowBuckets();
  #tripMs = 0;

  constructor(redis: RedisConnection, clock: Clock, meter: Meter, options: RedisNarrowOptions) {
    redis.defineCommand('weirTryTake', script('try-take.lua', 1));
    redis.defineCommand('weirGiveBack', script('give-back.lua', 1));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#meter = meter;
    this.#options = options;
  }

  tryTake(bucket: string, quota: Quota): Tried | Promise<Tried> {
    return this.#options.away() ? this.#alone(bucket, quota) : this.#shared(bucket, quota);
  }

  giveBack(bucket: string, quota: Quota): void {
    this.#known.giveBack(bucket, quota);
    if (this.#options.away()) return;
    // A token that can't be given back is lost, and never one too many.
    this.#redis.weirGiveBack(this.#keyOf(bucket), intervalUs(quota)).catch(() => {});
  }

  #shared(bucket: string, quota: Quota): Promise<Tried> {
    const { callTimeoutMs } = this.#options;
    const sentAt = this.#clock.now();
    return new Promise((resolve) => {
      let late = false;
      const goAlone = (): void => {
        late = true;
        this.#meter.storeCalled('tryTake', 'error', this.#clock.now() - sentAt);
        resolve(this.#alone(bucket, quota));
      };
      // As for slots: a replica that was itself stalled finds the reply one turn later.
      let alarm = this.#clock.after(callTimeoutMs, () => {
        alarm = this.#clock.after(1, goAlone);
      });
      this.#ask(bucket, quota, sentAt).then(
        (tried) => {
          alarm.cancel();
          if (late) {
            if (tried.taken) this.giveBack(bucket, quota);
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

  async #ask(bucket: string, quota: Quota, sentAt: number): Promise<Tried> {
    const tau = tauUs(quota);
    const leadUs = leadOf(quota, keepUs, 2_000 * this.#tripMs);
    const floorUs = Math.max(neverUs, this.#known.tat(bucket) - 1_000 * sentAt);
    const reply = await this.#redis.weirTryTake(
      this.#keyOf(bucket),
      intervalUs(quota),
      tau,
      leadUs,
      floorUs,
      jumpMinUs,
    );
    const { taken, firstInUs } = readReply(reply);
    const now = this.#clock.now();
    const tripMs = now - sentAt;
    this.#tripMs += 0.25 * (tripMs - this.#tripMs);
    this.#known.told(bucket, 1_000 * sentAt + firstInUs + (taken ? intervalUs(quota) : 0), 1_000 * now);
    if (!taken) return { taken, opensInUs: firstInUs - tau };
    // The reply has used up some of the time in which the token can be used.
    const { tried } = tryTakeFrom(firstInUs, 0, quota, 0);
    return tried.taken ? { ...tried, closesInUs: tried.closesInUs - 1_000 * tripMs } : tried;
  }

  #alone(bucket: string, quota: Quota): Tried {
    const replicas = this.#options.replicas();
    const share = { rate: quota.rate / replicas, burst: Math.max(1, Math.floor(quota.burst / replicas)) };
    // What is spent of the whole bucket is spent of the share.
    return this.#known.tryTake(bucket, 1_000 * this.#clock.now(), share, leadOf(share, keepUs, 0));
  }

  #keyOf(bucket: string): string {
    return `${this.#options.keyPrefix}{narrow:${bucket}}`;
  }
}

function readReply(reply: unknown): { readonly taken: boolean; readonly firstInUs: number } {
  const [taken, first] = Array.isArray(reply) ? (reply as unknown[]) : [];
  const firstInUs = Number(first);
  if ((taken !== 0 && taken !== 1) || typeof first !== 'string' || !Number.isFinite(firstInUs)) {
    throw new Error('Redis did not answer as the script does.');
  }
  return { taken: taken === 1, firstInUs };
}
