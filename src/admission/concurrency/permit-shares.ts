/**
 * Who has the permits, and what one caller may have of them. Requests that are short give their permits back by
 * themselves: there it is enough that callers take turns. Those that last (a large upload, an answer that is taken
 * slowly beyond what Weir can keep of it) do not. So:
 *
 * - **A share.** A caller takes no further permit once its requests that last are `callerShareMax` of what others
 *   leave. Beside other callers it also takes none of the last permits. These are for callers with less than their
 *   part: equal parts for all that have such requests, and one part more. The very last are for callers with nothing
 *   that lasts. A caller that gets no permit keeps its place in line, and others go before it. A caller that has been
 *   alone for a minute may have all.
 * - **A few more.** Permits that were taken before anybody could know, such as for sixteen long requests at once, count
 *   for all but these last ones. So a caller with less than its part finds a permit, whatever others have in flight.
 * - **The bound over all classes** is hard, so there the share counts for whatever is in flight.
 *
 * docs/decisions/0016-slow-takers.md says why.
 */

import { Callers } from '../../shares/callers.ts';
import { partOf } from '../../shares/part.ts';

/** A permit that is in use for so long is one that lasts, milliseconds. */
export const lastingMs = 250;

/** No caller counts as alone for so long after another one has asked, milliseconds. */
const aloneAfterMs = 60_000;

/** If there are so many permits or more, the last ones are at least two. */
const manyPermits = 4;

/** What one caller has in flight of one class. */
interface OfClass {
  inUse: number;
  lasting: number;
}

/** What one caller has in flight. */
interface OfCaller {
  inUse: number;
  /** By class, in the order in which they joined. */
  readonly classes: OfClass[];
}

/** Who has what of all that is in flight. */
export class InFlightShares {
  max: number;
  #inUse = 0;
  #joined = 0;
  readonly #callers = new Callers<OfCaller>(
    () => ({ inUse: 0, classes: [] }),
    ({ inUse }) => inUse === 0,
  );

  constructor(max: number) {
    this.max = max;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** One more class. Returns its place. */
  join(): number {
    return this.#joined++;
  }

  /** What a caller has. One with nothing may be forgotten: ask anew before it takes something. */
  of(name: string): OfCaller {
    return this.#callers.of(name);
  }

  count(caller: OfCaller, by: 1 | -1): void {
    caller.inUse += by;
    this.#inUse += by;
  }
}

/** One permit in use. */
export abstract class Use {
  readonly caller: OfCaller;
  readonly ofClass: OfClass;
  readonly since: number;
  lasts = false;
  /** The neighbours among those that do not last yet, in the order of their coming. */
  next: Use | null = null;
  previous: Use | null = null;

  constructor(caller: OfCaller, ofClass: OfClass, since: number) {
    this.caller = caller;
    this.ofClass = ofClass;
    this.since = since;
  }
}

/** The same for one class. */
export class PermitShares {
  readonly #inFlight: InFlightShares;
  readonly #place: number;
  /** What one caller may have of what others leave, above 0 and up to 1. */
  callerShareMax: number;
  #lasting = 0;
  /** How many callers have something that lasts. */
  #lastingCallers = 0;
  /** Who asked last, and when that last changed. */
  #asker: string | null = null;
  #othersAt = Number.NEGATIVE_INFINITY;
  #oldest: Use | null = null;
  #latest: Use | null = null;

  constructor(inFlight: InFlightShares, callerShareMax: number) {
    this.#inFlight = inFlight;
    this.#place = inFlight.join();
    this.callerShareMax = callerShareMax;
  }

  /**
   * Whether a caller has what it may have.
   * @param ofAll whether its share of what all classes have in flight counts as well
   */
  hasShare(name: string, limit: number, inUse: number, ofAll: boolean, now: number): boolean {
    if (this.callerShareMax === 1) return false;
    this.#asks(name, now);
    const caller = this.#inFlight.of(name);
    if (caller.inUse === 0) return false;
    if (ofAll && caller.inUse + 1 > this.#mayHave(this.#inFlight.max - this.#inFlight.inUse + caller.inUse))
      return true;
    this.#age(now);
    const { lasting, inUse: own } = this.#ofClass(caller);
    if (lasting === 0) return false;
    if (now - this.#othersAt >= aloneAfterMs) return lasting + 1 > limit;
    const part = Math.floor(limit / (this.#lastingCallers + 1));
    if (lasting < part) return inUse + 1 - this.uncounted(limit, now) >= limit;
    if (inUse + 1 > limit - this.#lastOnes(limit)) return true;
    return lasting + 1 > this.#mayHave(limit - inUse + own);
  }

  /** How many of the permits in use do not count, since they last and leave others less than a share of the limit. */
  uncounted(limit: number, now: number): number {
    if (this.callerShareMax === 1) return 0;
    this.#age(now);
    return Math.min(limit, Math.max(0, this.#lasting - (limit - this.#lastOnes(limit))));
  }

  /** When one more lasts; infinity: none will. */
  lastsAt(now: number): number {
    if (this.callerShareMax === 1) return Number.POSITIVE_INFINITY;
    this.#age(now);
    return this.#oldest === null ? Number.POSITIVE_INFINITY : this.#oldest.since + lastingMs;
  }

  /** For the permit that a caller is about to take. */
  of(name: string): { readonly caller: OfCaller; readonly ofClass: OfClass } {
    const caller = this.#inFlight.of(name);
    return { caller, ofClass: this.#ofClass(caller) };
  }

  began(use: Use): void {
    this.#inFlight.count(use.caller, 1);
    use.ofClass.inUse += 1;
    use.previous = this.#latest;
    if (this.#latest === null) this.#oldest = use;
    else this.#latest.next = use;
    this.#latest = use;
  }

  ended(use: Use): void {
    this.#inFlight.count(use.caller, -1);
    use.ofClass.inUse -= 1;
    if (use.lasts) {
      use.ofClass.lasting -= 1;
      this.#lasting -= 1;
      if (use.ofClass.lasting === 0) this.#lastingCallers -= 1;
    } else {
      this.#unlink(use);
    }
  }

  #asks(name: string, now: number): void {
    if (name === this.#asker) return;
    if (this.#asker !== null) this.#othersAt = now;
    this.#asker = name;
  }

  /** How many of the permits are left to callers with less than their part. */
  #lastOnes(limit: number): number {
    return Math.max(limit < manyPermits ? 1 : 2, limit - this.#mayHave(limit));
  }

  /**
   * What one caller may have if others leave so much. What it has to leave is rounded down, so that a caller that is
   * alone may have all of a small limit.
   */
  #mayHave(left: number): number {
    return left - partOf(1 - this.callerShareMax, left);
  }

  #ofClass({ classes }: OfCaller): OfClass {
    let ofClass = classes[this.#place];
    if (ofClass === undefined) {
      ofClass = { inUse: 0, lasting: 0 };
      classes[this.#place] = ofClass;
    }
    return ofClass;
  }

  #age(now: number): void {
    for (let use = this.#oldest; use !== null && use.since + lastingMs <= now; use = this.#oldest) {
      this.#unlink(use);
      use.lasts = true;
      if (use.ofClass.lasting === 0) this.#lastingCallers += 1;
      use.ofClass.lasting += 1;
      this.#lasting += 1;
    }
  }

  #unlink(use: Use): void {
    if (use.previous === null) this.#oldest = use.next;
    else use.previous.next = use.next;
    if (use.next === null) this.#latest = use.previous;
    else use.next.previous = use.previous;
    use.next = null;
    use.previous = null;
  }
}
