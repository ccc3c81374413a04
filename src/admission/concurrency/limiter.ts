/**
 * How many requests of a class may be in flight at the Coreapp: additive increase, multiplicative decrease (AIMD), by
 * refusals alone (`PermitEnd`). The time that an answer takes says nothing: a slow one may be a media upload.
 *
 * - **A refusal takes its permit with it.** The Coreapp has taken what is left in flight, so that many are allowed. One
 *   request too many costs one permit. If all are refused, the number is down to `min` after one flight, however large
 *   it was.
 * - **Trouble** lasts from a refusal until something that was sent since is answered. If that is refused as well, one
 *   probe at a time goes out, with pauses that grow; the jitter keeps replicas apart. A request from before the
 *   trouble, such as a long upload, keeps no probe back, and its end is no news.
 * - **Back at once.** Up to `ceiling`, the most that was good before, each answer adds one: twice as many with each
 * flight.
 * - **Further with care.** Beyond the ceiling one more is tried after `calmFlights` full flights without a refusal,
 * then twice as many after each `tryFlights` that went well: others who share the Coreapp get the time to object. A
 * try that is refused falls to `decrease` for a flight, which leaves them room.
 *
 * One caller has a share of the permits (`permit-shares.ts`). Permits that last count only as far as they leave others
 * their share, so a few more are given out beside them. If one of these is refused, the next one waits; the number
 * stays.
 *
 * Each class has a number of its own, so that one endpoint that always refuses does not hold up the others.
 * docs/decisions/0011-permits.md has the measurements behind the constants.
 */
import type { Permit, PermitEnd } from '../../exchange/exchange.ts';
import type { InFlightBudget } from './in-flight-budget.ts';
import { PermitShares, Use } from './permit-shares.ts';

const calmFlights = 32;
const tryFlights = 4;
const decrease = 0.8;
const pauseMinMs = 20;
const pauseMaxMs = 1_000;
/** A probe beside older requests may simply be one too many, so it is not hurried. */
const besideMinMs = 2_000;
const besideMaxMs = 5_000;
/** A probe that is neither answered nor refused for so long does not keep the next one back. */
const patienceMs = 2_000;

export class ConcurrencyLimiter {
  #budget: InFlightBudget;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #freed: () => void;
  readonly #shares: PermitShares;
  #limit: number;
  #inUse = 0;
  /** A caller that has its share wants more, though the limit is not reached: the flight is full all the same. */
  #shareReached = false;
  /** How many in a row of those beside permits that last were refused, and when the next one may go. */
  #extraVain = 0;
  #extraPausedUntil = Number.NEGATIVE_INFINITY;
  /** Infinity before the first refusal. */
  #ceiling = Number.POSITIVE_INFINITY;
  /**
   * The ceiling was kept for as long as it takes: the next refusal below it is trouble of another kind, and leaves it.
   */
  #proven = false;
  /** How many full flights have to go well before more is tried … */
  #flights = calmFlights;
  /** … and the answers towards that. */
  #calm = 0;
  /** How many more were tried last. */
  #step = 1;
  #trouble = false;
  /** How often trouble has begun: tells older requests from those sent since. */
  #troubles = 0;
  /** How many are in flight of those sent before the latest trouble began. */
  #older = 0;
  /** How many in a row were sent in vain since. */
  #vain = 0;
  /** How many requests have been refused since something was answered. */
  #requests = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /**
   * @param budget shared with the other classes
   * @param random uniform in [0, 1), for the jitter of the pauses
   * @param freed called when a permit may have become available
   * @param callerShareMax what one caller may have of what others leave, above 0 and up to 1
   */
  constructor(budget: InFlightBudget, now: () => number, random: () => number, freed: () => void, callerShareMax = 1) {
    this.#budget = budget;
    this.#shares = new PermitShares(budget.shares, callerShareMax);
    this.#limit = budget.bounds.initial;
    this.#now = now;
    this.#random = random;
    this.#freed = freed;
  }

  /**
   * Other bounds. What has been learned of the Coreapp stays, unless the class was held and is so no longer, or the
   * other way round: then its number begins anew.
   * @param budget the one that there was, or another from the next permit on
   */
  configure(budget: InFlightBudget, callerShareMax: number): void {
    const { initial, min, max } = budget.bounds;
    this.#shares.callerShareMax = callerShareMax;
    this.#limit = Math.max(min, Math.min(max, budget === this.#budget ? this.#limit : initial));
    this.#budget = budget;
  }

  /** What has bounded it of late. */
  get budget(): InFlightBudget {
    return this.#budget;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Everything that is sent is refused; one at a time finds out whether it still is. */
  get probing(): boolean {
    return this.#vain > 0;
  }

  /** When the next probe may go; in the past: at once, or there is no need for any. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** When there may be one more by the passing of time alone; infinity: never. */
  changesAt(now: number): number {
    let at = Number.POSITIVE_INFINITY;
    if (this.#pausedUntil > now) at = this.#pausedUntil;
    if (this.#extraPausedUntil > now) at = Math.min(at, this.#extraPausedUntil);
    return Math.min(at, this.#shares.lastsAt(now));
  }

  /** For a caller that does not have its share yet. */
  available(now: number): boolean {
    if (this.#budget.isFull) return false;
    if (this.#inUse < this.#limit && !this.probing) return true;
    if (this.#trouble) return (this.probing || this.#inUse === this.#older) && now >= this.#pausedUntil;
    return now >= this.#extraPausedUntil && this.#inUse - this.#shares.uncounted(this.#limit, now) < this.#limit;
  }

  availableTo(caller: string, now: number): boolean {
    if (!this.available(now)) return false;
    if (!this.#shares.hasShare(caller, this.#limit, this.#inUse, this.#budget.isShared, now)) return true;
    this.#shareReached = true;
    return false;
  }

  /** Call only where it is `availableTo` the caller. */
  take(now: number, caller = ''): Permit {
    const isExtra = this.#inUse >= this.#limit && !this.#trouble;
    this.#inUse += 1;
    this.#budget.enter();
    if (this.#trouble && (this.probing || this.#inUse > this.#limit)) this.#pause(now, patienceMs);
    const permit = new TakenPermit(this, this.#budget, this.#shares.of(caller), now, this.#troubles, isExtra);
    this.#shares.began(permit);
    return permit;
  }

  /** For `TakenPermit` alone. */
  returned(permit: TakenPermit, how: PermitEnd): void {
    const wasFull = this.#inUse >= this.#limit || this.#shareReached;
    this.#shareReached = false;
    const isOlder = permit.troubles < this.#troubles;
    this.#inUse -= 1;
    this.#shares.ended(permit);
    permit.budget.leave();
    if (isOlder) this.#older -= 1;
    if (permit.isExtra && !isOlder && this.#extraRefused(how)) {
      this.#freed();
      return;
    }
    if (how === 'refused') {
      this.#requests += 1;
      this.#refused(isOlder);
    } else if (how === 'again') this.#refusedAgain(isOlder);
    else if (how === 'answered' && !isOlder) this.#answered(wasFull);
    // A place is free, and no probe is out: the next one may take it.
    else if (this.probing && this.#inUse === this.#older) this.#pausedUntil = Number.NEGATIVE_INFINITY;
    this.#freed();
  }

  /** One beside permits that last. True: it was refused, which only says that there is no room for it. */
  #extraRefused(how: PermitEnd): boolean {
    if (how === 'answered') this.#extraVain = 0;
    if (how !== 'refused' && how !== 'again') return false;
    const ms = Math.min(besideMaxMs, besideMinMs * 2 ** this.#extraVain);
    this.#extraVain += 1;
    this.#extraPausedUntil = this.#now() + this.#jittered(ms);
    return true;
  }

  #answered(wasFull: boolean): void {
    // Much may have changed while everything was refused.
    if (this.probing) this.#flights = 1;
    this.#trouble = false;
    this.#vain = 0;
    this.#requests = 0;
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
    if (!wasFull) return;
    // A probe beside others went well: so many are good.
    const beside = this.#inUse + 1 - this.#limit;
    if (beside > 0) this.#raise(beside);
    else if (this.#limit < this.#ceiling) this.#raise(1);
    else this.#wentWell();
  }

  /** One more answer at the ceiling, or beyond it. */
  #wentWell(): void {
    this.#calm += 1;
    if (this.#calm < this.#limit * this.#flights) return;
    this.#step = this.#limit > this.#ceiling ? this.#step * 2 : 1;
    this.#ceiling = this.#limit;
    this.#proven = true;
    this.#flights = tryFlights;
    this.#calm = 0;
    this.#raise(this.#step);
  }

  #raise(by: number): void {
    this.#limit = Math.min(this.#budget.bounds.max, this.#limit + by);
  }

  #refused(isOlder: boolean): void {
    if (this.#trouble) {
      if (!isOlder) this.#vain += 1;
    } else {
      if (isOlder) return;
      this.#begin();
    }
    this.#limit = Math.max(this.#budget.bounds.min, Math.min(this.#limit, this.#inUse));
    this.#calm = 0;
    if (this.#older === 0) this.#vain = Math.max(1, this.#vain);
    this.#pauseBetweenProbes();
  }

  /**
   * If no other request has been refused, the refusal may be about that one, so it is no news. But nothing has got
   * better, either: the next probe waits as long.
   */
  #refusedAgain(isOlder: boolean): void {
    if (this.#requests > 1) this.#refused(isOlder);
    else if (this.#trouble && (this.probing || this.#older > 0)) this.#pauseBetweenProbes();
  }

  #pauseBetweenProbes(): void {
    const ms = this.#older > 0 ? besideMinMs : pauseMinMs;
    const maxMs = this.#older > 0 ? besideMaxMs : pauseMaxMs;
    this.#pause(this.#now(), Math.min(maxMs, ms * 2 ** this.#vain));
  }

  /** Trouble begins: the number in flight is the most that is good, unless a higher one has been good for long. */
  #begin(): void {
    this.#trouble = true;
    this.#troubles += 1;
    this.#older = this.#inUse;
    this.#flights = calmFlights;
    const tooMany = this.#inUse >= this.#ceiling;
    if (tooMany && this.#proven) this.#limit = Math.floor(this.#inUse * decrease);
    if (tooMany || !this.#proven) this.#ceiling = Math.max(this.#budget.bounds.min, this.#inUse);
    this.#proven &&= tooMany;
  }

  #pause(now: number, ms: number): void {
    this.#pausedUntil = now + this.#jittered(ms);
  }

  #jittered(ms: number): number {
    return ms * (0.5 + 0.5 * this.#random());
  }
}

class TakenPermit extends Use implements Permit {
  readonly troubles: number;
  /** Beyond the limit, beside permits that last. */
  readonly isExtra: boolean;
  /** The one that it was taken of. */
  readonly budget: InFlightBudget;
  #limiter: ConcurrencyLimiter | null;

  constructor(
    limiter: ConcurrencyLimiter,
    budget: InFlightBudget,
    of: ReturnType<PermitShares['of']>,
    now: number,
    troubles: number,
    isExtra: boolean,
  ) {
    super(of.caller, of.ofClass, now);
    this.#limiter = limiter;
    this.budget = budget;
    this.troubles = troubles;
    this.isExtra = isExtra;
  }

  end(how: PermitEnd): void {
    const limiter = this.#limiter;
    this.#limiter = null;
    limiter?.returned(this, how);
  }

  [Symbol.dispose](): void {
    this.end('unused');
  }
}
