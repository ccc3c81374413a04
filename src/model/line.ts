/**
 * The line of one bucket in one replica: who waits, in which order. First come, first served.
 *
 * A doubly linked list in order of age, so that joining, leaving and hanging up cost the same at one place as at
 * 100,000, and the head is always the one whose time is over first. A request that the Coreapp sent back rejoins with
 * its age kept: it goes in front of everybody younger.
 */

/** A place in line. One object serves a request for all its stays. */
export abstract class Place<Self> {
  /** Whom the line is fair to: `nameOf(principal)`. */
  readonly caller: string;
  /** When the request first joined, `Clock.now()`; kept over replays. */
  readonly since: number;
  /** When its hold time is over, `Clock.now()`. */
  readonly until: number;
  next: Self | null = null;
  previous: Self | null = null;
  waiting = false;

  constructor(caller: string, since: number, until: number) {
    this.caller = caller;
    this.since = since;
    this.until = until;
  }
}

export class Line<P extends Place<P>> {
  #head: P | null = null;
  #tail: P | null = null;
  #requests = 0;

  get requests(): number {
    return this.#requests;
  }

  /** Who is next. */
  get head(): P | null {
    return this.#head;
  }

  /** Takes a place behind everybody older. The bounds are the caller's to check, so that a replay always gets back in. */
  join(place: P): void {
    const after = this.#firstYoungerThan(place.since);
    const before = after === null ? this.#tail : after.previous;
    place.previous = before;
    place.next = after;
    if (before === null) this.#head = place;
    else before.next = place;
    if (after === null) this.#tail = place;
    else after.previous = place;
    place.waiting = true;
    this.#requests += 1;
  }

  /** Leaves from anywhere in line. Leaving twice does nothing. */
  leave(place: P): void {
    if (!place.waiting) return;
    const { previous: before, next: after } = place;
    if (before === null) this.#head = after;
    else before.next = after;
    if (after === null) this.#tail = before;
    else after.previous = before;
    place.previous = null;
    place.next = null;
    place.waiting = false;
    this.#requests -= 1;
  }

  /** Newcomers are younger than all; those sent back are among the oldest, so the search starts at the head. */
  #firstYoungerThan(since: number): P | null {
    if (this.#tail === null || this.#tail.since <= since) return null;
    let place = this.#head;
    while (place !== null && place.since <= since) place = place.next;
    return place;
  }
}
