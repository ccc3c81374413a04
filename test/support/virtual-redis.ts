/**
 * As much of Redis as buckets ask for, in virtual time: it can stall, break off, lose what it had, come back with an older
 * state, and have its clock set.
 */
import type { Redis } from 'ioredis';
import { RedisBuckets } from '../../src/adapters/redis/buckets.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import type { Clock } from '../../src/clock.ts';
import { deafMeter } from './deaf-meter.ts';
import { pushBackInRedis, reserveInRedis, type Stored, unused } from './redis-bucket.ts';

/** Buckets of so many replicas on one Redis that is 0.4 ms away, for a `Fleet`. */
export class OneRedis {
  readonly #replicas: number;
  #redis: VirtualRedis | null = null;

  constructor(replicas: number) {
    this.#replicas = replicas;
  }

  /** Once there is a replica. */
  get redis(): VirtualRedis {
    if (this.#redis === null) throw new Error('Nobody has asked for buckets yet.');
    return this.#redis;
  }

  readonly bucketsOf = (clock: Clock): RedisBuckets => {
    this.#redis ??= new VirtualRedis(clock, () => 0.2);
    const options = { keyPrefix: '', replicas: () => this.#replicas, callTimeoutMs: 50 };
    return new RedisBuckets(this.#redis.connection(), clock, deafMeter, options);
  };
}

export class VirtualRedis {
  readonly #clock: Clock;
  readonly #oneWayMs: () => number;
  #buckets = new Map<string, Stored>();
  readonly #stalled: (() => void)[] = [];
  #up = true;
  #clockAheadUs = 1_000_000_000;

  /** @param oneWayMs how long a call travels, each way */
  constructor(clock: Clock, oneWayMs: () => number) {
    this.#clock = clock;
    this.#oneWayMs = oneWayMs;
  }

  /** Answers nobody until `comeBack`, then everybody who still waits. */
  stall(): void {
    this.#up = false;
  }

  comeBack({ empty }: { readonly empty: boolean }): void {
    this.#up = true;
    if (empty) this.flush();
    for (const go of this.#stalled.splice(0)) go();
  }

  /** Loses everything, while connections stand. */
  flush(): void {
    this.#buckets.clear();
  }

  /** Another server takes over that has what this one had `lagMs` ago, counted from now on. */
  failOverLater(lagMs: number): void {
    const before = new Map(this.#buckets);
    this.#clock.after(lagMs, () => {
      this.#buckets = before;
    });
  }

  setClock(aheadMs: number): void {
    this.#clockAheadUs += aheadMs * 1_000;
  }

  /** A replica's connection, with a way of its own if need be. Commands give up after a second, as the real ones do. */
  connection(oneWayMs = this.#oneWayMs): Redis {
    const connection = {
      defineCommand() {},
      on() {},
      weirPushBack: (key: string, ...args: number[]) => this.#answer(() => this.#pushBack(key, args), oneWayMs),
      weirReserve: (key: string, ...args: number[]) => this.#answer(() => this.#reserve(key, args), oneWayMs),
    };
    return connection as unknown as Redis;
  }

  #reserve(key: string, args: number[]) {
    const [, , want = 1, leadUs = 0, horizonUs = 0, replicas = 1, , floorUs = 0, expectedUs = 0, slackUs = 0] = args;
    const nowUs = this.#clock.now() * 1_000 + this.#clockAheadUs;
    const [slots = 0, toldInUs = 0, toldGiven = 0] = args.slice(10);
    const asked = { want, leadUs, horizonUs, replicas, floorUs, expected: { nowUs: expectedUs, slackUs } };
    const apart = { slots, toldInUs, toldGiven };
    const stored = this.#buckets.get(key) ?? unused;
    const { grant, ...after } = reserveInRedis(stored, nowUs, quotaOf(args), asked, apart);
    this.#buckets.set(key, after);
    const { tat, given, most } = after;
    return [grant.count, String(tat - grant.count * grant.intervalUs - nowUs), String(nowUs), String(given), most];
  }

  #pushBack(key: string, args: number[]) {
    const [, , byUs = 0, horizonUs = 0, replicas = 1] = args;
    const nowUs = this.#clock.now() * 1_000 + this.#clockAheadUs;
    const stored = this.#buckets.get(key) ?? unused;
    this.#buckets.set(key, pushBackInRedis(stored, nowUs, quotaOf(args), { horizonUs, replicas }, byUs));
    return null;
  }

  async #answer<T>(act: () => T, oneWayMs: () => number): Promise<T> {
    await this.#after(oneWayMs());
    if (!this.#up) await this.#whenUp();
    const answer = act();
    await this.#after(oneWayMs());
    return answer;
  }

  #whenUp(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stalled.push(resolve);
      this.#clock.after(1_000, () => reject(new Error('Command timed out')));
    });
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}

/** The limit that a replica asks by, of the interval and the tau that it says. */
function quotaOf([intervalUs = 1, tauUs = 0]: readonly number[]): Quota {
  return { rate: 1_000_000 / intervalUs, burst: Math.round(tauUs / intervalUs) + 1 };
}
