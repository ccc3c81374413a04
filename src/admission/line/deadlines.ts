/**
 * Finds whose time is over first, of many with times of their own. A calendar with a page for each millisecond: adding
 * and removing cost the same however many there are. Its reader turns the empty pages once, at most one for each
 * millisecond that passes and a few ahead.
 */
import { InRing, joinRing, leaveRing, ringFrom } from './ring.ts';

/** Pages that are looked at ahead of now, milliseconds: where they are empty the next look is after as many. */
const lookAheadMs = 250;

/** Something with a deadline, in one calendar at a time. */
export abstract class Due<Self> extends InRing<Self> {
  /** `Clock.now()`, fractions included. */
  readonly until: number;

  constructor(until: number) {
    super();
    this.until = until;
  }
}

/** Something else that has a deadline. */
export class DueOf<T> extends Due<DueOf<T>> {
  readonly what: T;

  constructor(what: T, until: number) {
    super(until);
    this.what = what;
  }
}

/** The page of a moment. It is over when it begins, less than a millisecond early: never served after its time. */
const pageOf = (moment: number): number => Math.floor(moment);

export class Deadlines<D extends Due<D>> {
  /** The first of each page that is not empty; a page is a ring. */
  readonly #pages = new Map<number, D>();
  /** Every page before this one is empty. */
  #from = Number.POSITIVE_INFINITY;

  add(item: D): void {
    const page = pageOf(item.until);
    const first = this.#pages.get(page);
    joinRing(first ?? null, item);
    if (first !== undefined) return;
    this.#pages.set(page, item);
    if (page < this.#from) this.#from = page;
  }

  remove(item: D): void {
    const next = leaveRing(item);
    const page = pageOf(item.until);
    if (next === null) this.#pages.delete(page);
    else if (this.#pages.get(page) === item) this.#pages.set(page, next);
  }

  /** Somebody whose time is over, the earliest first; null: there is none. */
  overdue(now: number): D | null {
    this.#turnPages(now);
    return this.#from <= now ? (this.#pages.get(this.#from) ?? null) : null;
  }

  /** When to look again: the next deadline, or sooner; infinity: there is none. */
  lookAt(now: number): number {
    this.#turnPages(now);
    return this.#from;
  }

  /** All of them. Looks at each: not for each request. */
  *all(): Generator<D> {
    for (const first of this.#pages.values()) yield* ringFrom(first);
  }

  #turnPages(now: number): void {
    if (this.#pages.size === 0) {
      this.#from = Number.POSITIVE_INFINITY;
      return;
    }
    const last = pageOf(now) + lookAheadMs;
    while (this.#from < last && !this.#pages.has(this.#from)) this.#from += 1;
  }
}
