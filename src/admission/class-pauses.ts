/** The pauses of one endpoint class in one replica, and those that other replicas have told of its buckets. */
import type { Clock } from '../clock.ts';
import type { KeptAnswer } from '../exchange/refusals.ts';
import type { EndpointClass } from '../exchange/route.ts';
import { Answers, Pauses } from './pauses.ts';
import { horizonMs } from './rate/slots.ts';
import { type PauseNotice, Telling, type TellPause } from './telling.ts';

interface ClassPausesDeps {
  readonly clock: Clock;
  /** Not there: there are no other replicas. */
  readonly tellPause?: TellPause;
}

/** A pause of a bucket by a rule of the configuration: its end, `Clock.now()`, and the words of the upstream. */
export interface BucketPause {
  readonly until: number;
  readonly answer: KeptAnswer | null;
}

export class ClassPauses {
  /** Whom the Coreapp answers. */
  readonly answers = new Answers();
  /**
   * Those that refusals for load ask for. One caller never speaks for all: nobody else need know, and others find out by
   * themselves.
   */
  readonly ofLoad = new Pauses(this.answers, 'never');
  /** What other replicas have said of buckets that are not in use here. */
  readonly #heard = new Map<string, BucketPause>();
  readonly #name: EndpointClass;
  readonly #telling: Telling;
  readonly #bulkTelling: Telling;
  #until = Number.NEGATIVE_INFINITY;
  #certainUntil = Number.NEGATIVE_INFINITY;
  #bulkUntil = Number.NEGATIVE_INFINITY;
  #said: KeptAnswer | null = null;

  constructor(name: EndpointClass, { clock, tellPause }: ClassPausesDeps) {
    this.#name = name;
    this.#telling = new Telling(clock, (ms) => tellPause?.(this.#noticeOf(false, ms)));
    this.#bulkTelling = new Telling(clock, (ms) => tellPause?.(this.#noticeOf(true, ms)));
  }

  /** None of the class is sent before, `Clock.now()`. */
  get until(): number {
    return this.#until;
  }

  /** The same by a rule of the configuration: nobody need wait in vain for the end of it. */
  get certainUntil(): number {
    return this.#certainUntil;
  }

  /** None of its least urgent requests is sent before, `Clock.now()`. */
  get bulkUntil(): number {
    return this.#bulkUntil;
  }

  /** What the upstream said when it asked for the pause; null: nothing that can be told. */
  get said(): KeptAnswer | null {
    return this.#said;
  }

  /** All of the class pause until then. */
  pause(until: number): void {
    this.#until = Math.max(this.#until, until);
  }

  /** A rule of the configuration says so. False: it is no news. */
  signalled(until: number, answer: KeptAnswer | null, now: number): boolean {
    if (until <= this.#certainUntil) return false;
    this.#certain(until, answer);
    this.#telling.until(now, until);
    return true;
  }

  /** A rule of the configuration says that its least urgent requests pause. */
  bulkSignalled(until: number, now: number): void {
    this.#bulkUntil = Math.max(this.#bulkUntil, until);
    this.#bulkTelling.until(now, until);
  }

  /** Another replica says so. */
  heard({ bulk, answer }: PauseNotice, until: number): void {
    if (bulk) this.#bulkUntil = Math.max(this.#bulkUntil, until);
    else if (until - this.#certainUntil >= horizonMs) this.#certain(until, answer);
  }

  /** Another replica speaks of a bucket that is not in use here. @param most how many are remembered */
  heardOf(bucket: string, pause: BucketPause, most: number): void {
    this.#heard.delete(bucket);
    // What was heard first is forgotten first: its replica says it again while it lasts.
    for (const first of this.#heard.keys()) {
      if (this.#heard.size < most) break;
      this.#heard.delete(first);
    }
    this.#heard.set(bucket, pause);
  }

  /** What was said of a bucket that is in use here from now on; null: nothing. */
  takeHeard(bucket: string): BucketPause | null {
    const heard = this.#heard.get(bucket) ?? null;
    this.#heard.delete(bucket);
    return heard;
  }

  /** What one that asks is to know of the class. */
  *notices(now: number): Iterable<PauseNotice> {
    if (this.#certainUntil > now) yield this.#noticeOf(false, this.#certainUntil - now);
    if (this.#bulkUntil > now) yield this.#noticeOf(true, this.#bulkUntil - now);
  }

  #noticeOf(bulk: boolean, ms: number): PauseNotice {
    return { class: this.#name, bucket: null, bulk, ms, answer: bulk ? null : this.#said };
  }

  /** The same of buckets that are not in use here. */
  *heardNotices(now: number): Iterable<PauseNotice> {
    for (const [bucket, { until, answer }] of this.#heard) {
      if (until > now) yield { class: this.#name, bucket, bulk: false, ms: until - now, answer };
    }
  }

  /** Lets go of the timers. */
  close(): void {
    this.#telling.close();
    this.#bulkTelling.close();
  }

  #certain(until: number, answer: KeptAnswer | null): void {
    this.pause(until);
    this.#certainUntil = until;
    this.#said = answer;
  }
}
