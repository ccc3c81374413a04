/**
 * Whom a pause is for. A refusal that asks for one may be about the load that all of a class cause, about one user, or
 * about that one request, and it does not say which. So it counts for no more than what has been seen:
 *
 * - **A request that is refused again** has waited as it was told to, and it did not help. From then on its pauses are
 *   its own, and nobody else waits for them.
 * - **The first refusal of a request** pauses its caller. The requests of others go on, which is how it turns out
 *   whether they are refused as well.
 * - **Two callers** that are paused at a time speak for all: everybody pauses. So does one caller where no other has
 *   been answered of late (`companyMs`), if all replicas are to know: what they share is pushed back then.
 * - **A pause that was wrong** (its request is refused again, while those of others are answered) makes it harder for
 *   the next one: twice as many callers have to be paused at a time, until nothing has been wrong for `distrustMs`.
 *
 * So one request, one user or one path that is always refused holds others up once at most, and never for longer than a
 * pause may last; a Coreapp that refuses everybody pauses everybody after the second refusal.
 */
import type { Steering } from '../exchange/exchange.ts';

/** The requests that wait: that one, its caller's in this replica, all here, or all in all replicas. */
type PauseScope = 'request' | 'caller' | 'replica' | 'fleet';

/** When one caller may pause all: always, as there are no others; if no other has been answered of late; never. */
type OneSpeaks = 'always' | 'alone' | 'never';

const companyMs = 600_000;
const distrustMs = 600_000;
const speakersMax = 1_024;

const never = Number.NEGATIVE_INFINITY;

/** Which callers of a class the Coreapp answers. */
export class Answers {
  #caller = '';
  #sentAt = never;
  /** The latest of any other caller. */
  #otherSentAt = never;

  /** A request was answered, and not refused. */
  add(caller: string, sentAt: number): void {
    if (caller !== this.#caller) {
      this.#otherSentAt = this.#sentAt;
      this.#caller = caller;
    }
    this.#sentAt = Math.max(this.#sentAt, sentAt);
  }

  /** When the latest was sent that has been answered. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** The same of all but one caller. */
  sentAtByOthers(caller: string): number {
    return caller === this.#caller ? this.#otherSentAt : this.#sentAt;
  }
}

export class Pauses {
  readonly #answers: Answers;
  readonly #oneSpeaks: OneSpeaks;
  /** Until when callers are paused; some of them are over. */
  readonly #until = new Map<string, number>();
  #latest = never;
  /** How many callers have to be paused at a time; fewer than two are enough only where one may speak for all. */
  #speakers = 1;
  /** How many had to be the last time. */
  #spoken = 1;
  #distrustUntil = never;
  /** When everybody was paused, or told to wait longer. */
  #allSince = never;
  #allUntil = never;

  /** @param oneSpeaks when one caller is enough to pause all */
  constructor(answers: Answers, oneSpeaks: OneSpeaks) {
    this.#answers = answers;
    this.#oneSpeaks = oneSpeaks;
  }

  /** False: no caller is paused. */
  any(now: number): boolean {
    return now < this.#latest;
  }

  /** Until when a caller is paused; in the past: it is not. */
  untilOf(caller: string): number {
    return this.#until.get(caller) ?? never;
  }

  /**
   * A request was refused, and told to wait until then. Call it for every refusal, also where nothing was said of a
   * wait. A pause that is for more than the request alone pauses its caller from now on.
   */
  refused(request: Steering, caller: string, now: number, until: number): PauseScope {
    const { refusedAt } = request;
    request.refusedAt = now;
    if (refusedAt >= 0) {
      if (request.pausedOthers && this.#answers.sentAt > refusedAt) {
        request.pausedOthers = false;
        this.#distrust(now);
      }
      return 'request';
    }
    if (until <= now) return 'request';
    this.#pause(caller, now, until);
    // Requests that were in flight together are refused together: they say the same.
    const together = now < this.#allUntil && request.sentAt <= this.#allSince;
    if (!together && !this.#speaksForAll(caller, now)) return 'caller';
    // Nothing has been answered since the last one: all that is known by now is known of this replica.
    const news = together || this.#allSince === never || this.#answers.sentAt > this.#allSince;
    request.pausedOthers = true;
    this.#allSince = now;
    this.#allUntil = Math.max(this.#allUntil, until);
    return news ? 'fleet' : 'replica';
  }

  #pause(caller: string, now: number, until: number): void {
    if (!this.any(now)) this.#until.clear();
    if (this.#until.size >= speakersMax) {
      for (const [name, over] of this.#until) if (over <= now) this.#until.delete(name);
    }
    this.#until.set(caller, Math.max(this.untilOf(caller), until));
    this.#latest = Math.max(this.#latest, until);
  }

  #speaksForAll(caller: string, now: number): boolean {
    if (now >= this.#distrustUntil) this.#speakers = 1;
    const speakers = Math.max(this.#speakers, this.#isAlone(caller, now) ? 1 : 2);
    let missing = speakers;
    for (const until of this.#until.values()) {
      if (until > now) missing -= 1;
      if (missing > 0) continue;
      this.#spoken = speakers;
      return true;
    }
    return false;
  }

  #isAlone(caller: string, now: number): boolean {
    if (this.#oneSpeaks === 'always') return true;
    return this.#oneSpeaks === 'alone' && this.#answers.sentAtByOthers(caller) < now - companyMs;
  }

  #distrust(now: number): void {
    this.#speakers = Math.min(speakersMax, 2 * this.#spoken);
    this.#distrustUntil = now + distrustMs;
  }
}
