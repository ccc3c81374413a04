/**
 * The buckets that all replicas share, in Redis; and the replica's own share of them, for as long as Redis does not
 * give slots.
 *
 * Each call brings what the replica knows of the bucket as a floor. So a bucket that Redis has lost (restarted empty,
 * flushed, failed over to a server that lagged behind) goes on from what the asker knows to be spent, whether the
 * connection stood all the while or not.
 */
import { Cluster, Command } from 'ioredis';
import type { Buckets } from '../../admission/rate/ports.ts';
import type { NarrowQuota, Quota } from '../../admission/rate/quota.ts';
import {
  convertedUs,
  type Demand,
  type Grant,
  grantOf,
  horizonUs,
  intervalUs,
  keepUs,
  leadOf,
  pushMaxUs,
  reserve,
  type Tried,
  tauUs,
} from '../../admission/rate/slots.ts';
import type { Clock } from '../../clock.ts';
import type { Meter } from '../../observe/ports.ts';
import { Breaker } from './breaker.ts';
import { causeOf } from './causes.ts';
import type { RedisConnection } from './client.ts';
import { RedisNarrowBuckets } from './narrow-buckets.ts';
import { beatMs } from './replicas.ts';
import { script } from './script.ts';
import { type Asked, neverUs, pushBackArguments, readReply, reserveArguments } from './script-arguments.ts';

interface Scripts {
  weirReserve(key: string, ...args: number[]): Promise<unknown>;
  weirPushBack(key: string, ...args: number[]): Promise<unknown>;
}

/** Why the replica goes on alone. */
export interface Alone {
  readonly key: string;
  /** By how many replicas it divides the limit. */
  readonly replicas: number;
  readonly error: unknown;
}

export interface RedisBucketsOptions {
  readonly keyPrefix: string;
  /** How many replicas share the buckets, as last seen; 1 or more. */
  readonly replicas: () => number;
  /** How long Redis may take to answer before the replica goes on alone. */
  readonly callTimeoutMs: number;
  /** Called when the replica begins to go on alone with some bucket, and when it no longer does with any. */
  readonly changed?: (alone: Alone | null) => void;
}

/** What the replica knows of a bucket. */
interface Known {
  readonly key: string;
  /** Of a cluster: which of its parts has the key. */
  readonly slot: number;
  /** The limit by which it was asked for last: what follows is reckoned by that. */
  quota: Quota;
  /**
   * The tat on the replica's own clock, microseconds: as Redis last told, counted from when the call left and so never
   * later than it is; then as the replica's share went on from there, as if the others had used theirs alike.
   */
  tatUs: number;
  /** What Redis's clock showed at that call, less what the replica's did when the call left, microseconds. */
  clockUs: number;
  /** As Redis told it last with slots, and how many the bucket had given by then. */
  toldUs: number;
  given: number;
  /**
   * How many slots the replica has used on its own since, and in all. The reply to a call does not know of later ones.
   */
  apart: number;
  alone: number;
  /** Until when the bucket was pushed back: no slot opens before. Said with each call, in case Redis missed it. */
  pushedUntilUs: number;
  /** The most replicas that anyone had counted who took slots of late. This replica may not have heard of a new one. */
  replicas: number;
  /** When it asked and was told so, microseconds of its own clock. */
  heardUs: number;
  /** Open for as long as something is wrong with this key and no other. */
  own: Breaker | null;
}

export class RedisBuckets implements Buckets {
  readonly #redis: RedisConnection & Scripts;
  readonly #clock: Clock;
  readonly #meter: Meter;
  #options: RedisBucketsOptions;
  readonly #known = new Map<string, Known>();
  /** One for each server: what one of a cluster does not do, another may. */
  readonly #breakers = new Map<string, Breaker>();
  readonly #open = new Set<Breaker>();
  readonly #narrow: RedisNarrowBuckets;
  #tripMs = 0;
  /** When the replica last began to go on alone with some bucket, microseconds. */
  #awayUs = neverUs;

  constructor(redis: RedisConnection, clock: Clock, meter: Meter, options: RedisBucketsOptions) {
    redis.defineCommand('weirReserve', script('reserve.lua', 1));
    redis.defineCommand('weirPushBack', script('push-back.lua', 1));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#meter = meter;
    this.#options = options;
    this.#narrow = new RedisNarrowBuckets(redis, clock, meter, { ...options, away: () => this.away });
    redis.on('ready', () => {
      for (const breaker of this.#open) breaker.hurry();
    });
    redis.on('end', () => {
      for (const breaker of this.#open) breaker.stop();
    });
  }

  get sharers(): number {
    return this.#options.replicas();
  }

  /** How long Redis may take to answer, from now on. */
  set callTimeoutMs(callTimeoutMs: number) {
    this.#options = { ...this.#options, callTimeoutMs };
    this.#narrow.callTimeoutMs = callTimeoutMs;
  }

  /** True while the replica goes on alone with some bucket. */
  get away(): boolean {
    return this.#open.size > 0;
  }

  reserve(bucket: string, quota: Quota, want: number): Grant | Promise<Grant> {
    const known = this.#knownOf(bucket, quota);
    if (this.#open.size > 0 && this.#breakerOf(known).open) return this.#alone(bucket, known, quota, want);
    return this.#shared(bucket, known, quota, want);
  }

  configure(bucket: string, quota: Quota): void {
    if (!this.#known.has(bucket)) return;
    const known = this.#knownOf(bucket, quota);
    // If Redis can't be told, it has the new limit from the next call for slots on.
    if (!this.#breakerOf(known).open) this.#ask(known, quota, 0).catch(() => {});
  }

  spent(bucket: string, quota: Quota, slots: number): void {
    const known = this.#knownOf(bucket, quota);
    // Told with the next call, as whatever is known.
    known.tatUs = Math.max(known.tatUs, 1_000 * this.#clock.now() + slots * intervalUs(quota));
  }

  async pushBack(bucket: string, quota: Quota, ms: number): Promise<void> {
    const sentAt = this.#clock.now();
    const byUs = Math.min(1_000 * ms, pushMaxUs);
    const known = this.#knownOf(bucket, quota);
    known.pushedUntilUs = Math.max(known.pushedUntilUs, 1_000 * sentAt + byUs);
    if (this.#breakerOf(known).open) return;
    const sharing = { horizonUs, replicas: this.#options.replicas() };
    const outcome = await this.#redis.weirPushBack(known.key, ...pushBackArguments(quota, sharing, byUs)).then(
      () => 'ok' as const,
      () => 'error' as const, // The next call for slots says it again.
    );
    this.#meter.storeCalled('pushBack', outcome, this.#clock.now() - sentAt);
  }

  tryTake(bucket: string, quota: NarrowQuota, count: number): Tried | Promise<Tried> {
    return this.#narrow.tryTake(bucket, quota, count);
  }

  configureNarrow(beginning: string, from: NarrowQuota, to: NarrowQuota): void {
    this.#narrow.configure(beginning, from, to);
  }

  settle(bucket: string, quota: NarrowQuota, count: number, mark: number): void {
    this.#narrow.settle(bucket, quota, count, mark);
  }

  pushBackNarrow(bucket: string, quota: NarrowQuota, ms: number): void {
    this.#narrow.pushBack(bucket, quota, ms);
  }

  forget(bucket: string): void {
    const known = this.#known.get(bucket);
    if (known === undefined || known.own?.open === true) return;
    if (spentUntilUs(known) <= 1_000 * this.#clock.now()) this.#known.delete(bucket);
  }

  #shared(bucket: string, known: Known, quota: Quota, want: number): Promise<Grant> {
    const { callTimeoutMs } = this.#options;
    const sentAt = this.#clock.now();
    return new Promise((resolve, reject) => {
      let late = false;
      const goAlone = (error: unknown): void => {
        late = true;
        this.#meter.storeCalled('reserve', 'error', this.#clock.now() - sentAt);
        this.#trip(known, error);
        // It was asked by a limit that there is no more: whoever asks again gets its share of the new one.
        if (known.quota === quota) resolve(this.#alone(bucket, known, quota, want));
        else reject(error instanceof Error ? error : new Error(String(error)));
      };
      // One more turn of the event loop: a replica that was itself stalled finds the reply there.
      let alarm = this.#clock.after(callTimeoutMs, () => {
        alarm = this.#clock.after(1, () => goAlone(new Error(`no answer within ${callTimeoutMs} ms`)));
      });
      this.#ask(known, quota, want).then(
        (grant) => {
          alarm.cancel();
          const ms = this.#clock.now() - sentAt;
          this.#tripMs += 0.25 * (ms - this.#tripMs);
          this.#meter.storeCalled('reserve', 'ok', ms);
          this.#meter.reserved(bucket, 'store', grant.count);
          resolve(grant); // An asker that has gone on alone does not get this grant: too slow is as good as away.
        },
        (error: unknown) => {
          alarm.cancel();
          if (!late) goAlone(error);
        },
      );
    });
  }

  async #ask(known: Known, quota: Quota, want: number): Promise<Grant> {
    const slackUs = this.#options.callTimeoutMs * 1_000;
    const sentUs = this.#clock.now() * 1_000;
    const { alone } = known;
    // A probe may go unheard and be made again: it tells of no slots.
    const apart = want === 0 ? 0 : known.apart;
    const asked: Asked = {
      want,
      leadUs: want === 0 ? 0 : leadOf(quota, keepUs, 2_000 * this.#tripMs),
      horizonUs,
      replicas: this.#options.replicas(),
      floorUs: spentUntilUs(known) - sentUs,
      expected: { nowUs: sentUs + known.clockUs, slackUs },
    };
    const told = { slots: apart, toldInUs: known.toldUs - sentUs, toldGiven: known.given };
    const reply = await this.#redis.weirReserve(known.key, ...reserveArguments(quota, asked, told));
    const { count, delayUs, nowUs, given, replicas } = readReply(reply, want);
    const toldTatUs = sentUs + delayUs + count * intervalUs(quota);
    // Another limit may have taken the place of the one that was asked by.
    const tatUs = known.quota === quota ? toldTatUs : this.#converted(toldTatUs, quota, known.quota);
    known.tatUs = known.alone === alone ? tatUs : Math.max(known.tatUs, tatUs);
    if (want > 0) {
      known.toldUs = tatUs;
      known.given = given;
      known.replicas = replicas;
      known.heardUs = sentUs;
      known.apart -= apart;
    }
    // A call that was longer on its way says too little about when it arrived.
    if (this.#clock.now() * 1_000 - sentUs <= slackUs) known.clockUs = nowUs - sentUs;
    return grantOf(delayUs, count, quota);
  }

  /** Another limit is asked by from now on: what was spent stays spent. */
  #convert(known: Known, quota: Quota): void {
    known.tatUs = this.#converted(known.tatUs, known.quota, quota);
    known.toldUs = this.#converted(known.toldUs, known.quota, quota);
    known.quota = quota;
  }

  #converted(tatUs: number, from: Quota, to: Quota): number {
    const nowUs = this.#clock.now() * 1_000;
    return nowUs + convertedUs(tatUs - nowUs, intervalUs(from), intervalUs(to));
  }

  /** What is known of it, by that limit. */
  #knownOf(bucket: string, quota: Quota): Known {
    let known = this.#known.get(bucket);
    if (known === undefined) {
      const key = `${this.#options.keyPrefix}{bucket:${bucket}}`;
      const slot = this.#redis instanceof Cluster ? new Command('get', [key]).getSlot() : 0;
      known = {
        key,
        slot,
        quota,
        tatUs: neverUs,
        clockUs: neverUs,
        toldUs: neverUs,
        given: 0,
        apart: 0,
        alone: 0,
        pushedUntilUs: neverUs,
        replicas: 1,
        heardUs: neverUs,
        own: null,
      };
      this.#known.set(bucket, known);
    }
    if (known.quota !== quota) this.#convert(known, quota);
    return known;
  }

  #breakerOf({ slot, own }: Known): Breaker {
    if (own?.open === true) return own;
    const server = this.#redis instanceof Cluster ? (this.#redis.slots[slot]?.[0] ?? '') : '';
    let breaker = this.#breakers.get(server);
    if (breaker === undefined) {
      breaker = this.#newBreaker();
      this.#breakers.set(server, breaker);
    }
    return breaker;
  }

  #newBreaker(): Breaker {
    const breaker: Breaker = new Breaker(this.#clock, () => {
      this.#open.delete(breaker);
      if (this.#open.size === 0) this.#options.changed?.(null);
    });
    return breaker;
  }

  /**
   * Keeps away until Redis would give slots for this bucket again. Only the script itself can tell: a server may answer
   * and be a replica, be full, or have a key of another type.
   */
  #trip(known: Known, error: unknown): void {
    if (causeOf(error).ofKey === true) known.own ??= this.#newBreaker();
    const breaker = causeOf(error).ofKey === true ? (known.own as Breaker) : this.#breakerOf(known);
    breaker.trip(() => this.#serves(known));
    const first = this.#open.size === 0;
    this.#open.add(breaker);
    if (!first) return;
    this.#awayUs = this.#clock.now() * 1_000;
    this.#options.changed?.({ key: known.key, replicas: this.#replicasOf(known), error });
  }

  /**
   * Whether Redis would give slots in time. Takes none: slots that a stalled Redis gives when it wakes up would be
   * lost.
   */
  async #serves(known: Known): Promise<boolean> {
    const sentAt = this.#clock.now();
    try {
      await this.#ask(known, known.quota, 0);
      const ms = this.#clock.now() - sentAt;
      this.#meter.storeCalled('probe', 'ok', ms);
      return ms <= this.#options.callTimeoutMs;
    } catch {
      this.#meter.storeCalled('probe', 'error', this.#clock.now() - sentAt);
      return false;
    }
  }

  /** What was heard longer than a beat before Redis went away, the replica's own count knows better. */
  #replicasOf({ replicas, heardUs }: Known): number {
    const own = this.#options.replicas();
    return heardUs + 1_000 * (beatMs + this.#options.callTimeoutMs) < this.#awayUs ? own : Math.max(own, replicas);
  }

  /** This replica's share of the limit, starting from what it knows to be spent. */
  #alone(bucket: string, known: Known, quota: Quota, want: number): Grant {
    const replicas = this.#replicasOf(known);
    const share = { rate: quota.rate / replicas, burst: Math.max(1, Math.floor(quota.burst / replicas)) };
    const nowUs = this.#clock.now() * 1_000;
    const demand: Demand = { want, leadUs: leadOf(share, keepUs, 0), horizonUs, replicas: 1, floorUs: neverUs };
    const before = Math.max(known.tatUs, known.pushedUntilUs + tauUs(share));
    const { tat, grant } = reserve(before, nowUs, share, demand);
    known.tatUs = tat;
    known.apart += grant.count;
    known.alone += grant.count;
    this.#meter.reserved(bucket, 'fallback', grant.count);
    return grant;
  }
}

/** The least that the tat can be, by what the replica knows. */
function spentUntilUs({ tatUs, pushedUntilUs, quota }: Known): number {
  return Math.max(tatUs, pushedUntilUs + tauUs(quota));
}
