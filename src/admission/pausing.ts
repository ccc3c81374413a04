/**
 * When the requests of one bucket may go again: what the Coreapp asked for, and for whom that counts (`pauses.ts`).
 * A limit of rate is what the bucket stands for; a limit of load is reached by all of the class together.
 */
import type { Replay } from '../exchange/outcome.ts';
import type { KeptAnswer } from '../exchange/refusals.ts';
import type { Signal } from '../exchange/signal.ts';
import type { GateClass, GateDeps } from './gate-parts.ts';
import { bulkUrgency } from './line/urgency.ts';
import { Pauses } from './pauses.ts';
import { horizonMs, pushMaxUs, tauUs } from './rate/slots.ts';
import type { Supply } from './rate/supply.ts';
import type { Stay } from './stay.ts';
import { type PauseNotice, Telling } from './telling.ts';

export class Pausing {
  readonly #bucket: string;
  readonly #class: GateClass;
  readonly #supply: Supply;
  readonly #deps: GateDeps;
  /** When the bucket's pause is over; in the past: there is none. */
  #until = Number.NEGATIVE_INFINITY;
  /** Those that refusals for the rate ask for; made for the first of them. */
  #pauses: Pauses | null = null;
  /** What the upstream said when it asked for the bucket's pause. */
  #said: KeptAnswer | null = null;
  /** What other replicas are told of it; made for the first. */
  #telling: Telling | null = null;
  #certainUntil = Number.NEGATIVE_INFINITY;

  constructor(bucket: string, ofClass: GateClass, supply: Supply, deps: GateDeps) {
    this.#bucket = bucket;
    this.#class = ofClass;
    this.#supply = supply;
    this.#deps = deps;
  }

  /** When everybody's requests may go again; in the past: now. */
  get until(): number {
    return Math.max(this.#until, this.#class.pauses.until);
  }

  /** When a request of that caller and urgency may go again; in the past: now. */
  untilFor(caller: string, urgency: number): number {
    return Math.max(this.untilOf(caller), urgency < bulkUrgency ? this.until : this.#class.pauses.bulkUntil);
  }

  /** What the upstream said of the pause that there is; null: nothing that can be told. */
  said(now: number): KeptAnswer | null {
    if (this.#certainUntil > now) return this.#said;
    const { pauses } = this.#class;
    return pauses.certainUntil > now ? pauses.said : null;
  }

  /** When the pause of all is over of which a rule of the configuration speaks; in the past: there is none. */
  get certainUntil(): number {
    return Math.max(this.#certainUntil, this.#class.pauses.certainUntil);
  }

  /** False: no caller is paused besides. */
  pausesCallers(now: number): boolean {
    return this.#class.pauses.ofLoad.any(now) || this.#pauses?.any(now) === true;
  }

  /** When one caller's requests may go again; in the past: now. */
  readonly untilOf = (caller: string): number =>
    Math.max(this.until, this.#class.pauses.ofLoad.untilOf(caller), this.#pauses?.untilOf(caller) ?? this.until);

  /** True: nothing is lost with it. */
  isOver(now: number): boolean {
    return this.#until <= now && this.#pauses?.any(now) !== true;
  }

  /** The Coreapp sent a request back. Returns when it may stand in line again; now or earlier: at once. */
  restAfter(stay: Stay, replay: Replay, now: number): number {
    const { caller, exchange } = stay;
    const { reason, pauseMs, signal, answer } = replay;
    const { random, pauseMaxMs } = this.#deps;
    if (reason === 'unsent' || reason === 'late') return now;
    if (reason === 'broken') {
      exchange.brokenRepeats += 1;
      return now + restBeforeReplay(exchange.brokenRepeats, random());
    }
    exchange.refusals += 1;
    if (signal !== undefined && signal.pauseMs > 0) {
      if (signal.of === 'request' || typeof signal.of === 'number') return now + signal.pauseMs;
      this.signalled(signal, answer ?? null, now);
      return now;
    }
    const until = now + Math.min(pauseMs, pauseMaxMs);
    const pauses = reason === 'throttled' ? this.#own() : this.#class.pauses.ofLoad;
    const scope = pauses.refused(exchange, caller, now, until);
    if (scope === 'request') {
      if (exchange.refusals === 1 || until > now) return until;
      return now + restAfterRefusals(exchange.refusals, random());
    }
    if (scope !== 'caller') {
      if (reason === 'throttled') this.#pauseBucket(now, until, scope === 'fleet');
      else this.#class.pauses.pause(until);
    }
    return now;
  }

  /** What a rule of the configuration says that an answer means counts for all, at once and in all replicas. */
  signalled({ of, pauseMs, bulk }: Signal, answer: KeptAnswer | null, now: number): void {
    const until = now + pauseMs;
    const { pauses, limits } = this.#class;
    if (bulk) pauses.bulkSignalled(until, now);
    else if (of === 'class') {
      // A bucket for all of the class stands for the class in the other replicas, too.
      if (pauses.signalled(until, answer, now) && limits.scope.by === 'fleet') this.#pauseBucket(now, until, true);
    } else if (of === 'bucket' && until > this.#certainUntil) {
      this.#certain(answer, now, until, true);
    }
  }

  /** The same by what another replica says of the bucket. */
  heard(answer: KeptAnswer | null, now: number, until: number): void {
    if (until - this.#certainUntil >= horizonMs) this.#certain(answer, now, until, false);
  }

  #certain(answer: KeptAnswer | null, now: number, until: number, tell: boolean): void {
    this.#said = answer;
    this.#certainUntil = until;
    this.#pauseBucket(now, until, tell);
  }

  /** What one that asks is to know of the bucket; null: nothing. */
  notice(now: number): PauseNotice | null {
    return this.#certainUntil <= now ? null : this.#noticeOf(this.#certainUntil - now);
  }

  #noticeOf(ms: number): PauseNotice {
    return { class: this.#class.name, bucket: this.#bucket, bulk: false, ms, answer: this.#said };
  }

  /** Lets go of the timer. */
  close(): void {
    this.#telling?.close();
  }

  /**
   * The bucket is empty then, like the Coreapp's own, which has just refused. Requests that were in flight together are
   * refused together, so less than a horizon more is no news to other replicas: one of them says it for all.
   */
  #pauseBucket(now: number, until: number, tell: boolean): void {
    if (until <= this.#until) return;
    this.#until = until;
    this.#supply.drop(until + tauUs(this.#class.limits) / 1_000, now);
    if (!tell) return;
    this.#telling ??= new Telling(this.#deps.clock, (ms) => this.#tell(ms));
    this.#telling.until(now, until);
  }

  /** Those that go on with a bucket that has been pushed back do not know for how long, and what was said. */
  #tell(ms: number): void {
    void this.#deps.buckets.pushBack(this.#bucket, this.#class.limits, Math.min(ms, pushMaxUs / 1_000));
    if (this.#certainUntil >= this.#until) this.#deps.tellPause?.(this.#noticeOf(ms));
  }

  #own(): Pauses {
    const { pauses, limits } = this.#class;
    this.#pauses ??= new Pauses(pauses.answers, limits.scope.by === 'principal' ? 'always' : 'alone');
    return this.#pauses;
  }
}

const againRestMs = 10;
const againRestMaxMs = 1_000;

/**
 * How long a request rests that was refused again and not told for how long, milliseconds: the pace of the probes where
 * everything is refused (`admission/concurrency/limiter.ts`).
 * @param refusals how many there were, 2 or more
 * @param random uniform in [0, 1)
 */
function restAfterRefusals(refusals: number, random: number): number {
  return Math.min(againRestMaxMs, againRestMs * 2 ** (refusals - 1)) * (0.5 + 0.5 * random);
}

const brokenRestMs = 100;
const brokenRestGrows = 5;
const brokenRestMaxMs = 10_000;

/**
 * How long a request rests before it goes again after a broken exchange, milliseconds: it may be what breaks the
 * Coreapp, which needs the time to come back. Callers whose exchanges broke together come back apart.
 * @param repeat the first is 1
 * @param random uniform in [0, 1)
 */
export function restBeforeReplay(repeat: number, random: number): number {
  const longestMs = Math.min(brokenRestMaxMs, brokenRestMs * brokenRestGrows ** (repeat - 1));
  return longestMs * (0.5 + 0.5 * random);
}
