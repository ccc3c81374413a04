/** The places of one caller's requests in a line, those of one urgency in one queue. */
import { Burden } from './backlog.ts';
import { Due } from './deadlines.ts';
import { Member } from './rounds.ts';

/** A place in line, for one stay. */
export abstract class Place<Self> extends Due<Self> {
  /** Whom the line is fair to: `nameOf(principal)`. */
  readonly caller: string;
  readonly urgency: number;
  /** When the request first joined, `Clock.now()`; kept over replays. */
  readonly since: number;
  /** How many more slots it needs. */
  owed: number;
  next: Self | null = null;
  previous: Self | null = null;
  waiting = false;
  /** An operator lets it go first: its caller's next turns are for it. */
  rushed = false;

  constructor(caller: string, urgency: number, cost: number, since: number, until: number) {
    super(until);
    this.caller = caller;
    this.urgency = urgency;
    this.since = since;
    this.owed = cost;
  }
}

/** The requests of one caller with one urgency, the oldest first. */
export class Queue<P extends Place<P>> extends Member<Queue<P>> {
  head: P | null = null;
  tail: P | null = null;
  /**
   * The last of those that the Coreapp sent back, which are all at the head: they were served before the others came.
   */
  returned: P | null = null;
  slots = 0;
  readonly burden = new Burden();

  append(place: P): void {
    this.#insert(place, this.tail);
  }

  /** Several come back in any order. */
  putBack(place: P): void {
    let older = this.returned;
    while (older !== null && older.since > place.since) older = older.previous;
    if (older === this.returned) this.returned = place;
    this.#insert(place, older);
  }

  remove(place: P): void {
    const { previous, next } = place;
    if (this.returned === place) this.returned = previous;
    if (previous === null) this.head = next;
    else previous.next = next;
    if (next === null) this.tail = previous;
    else next.previous = previous;
    place.previous = null;
    place.next = null;
    this.slots -= place.owed;
  }

  /** Those that the Coreapp sent back stay behind it in their order. */
  moveToHead(place: P): void {
    this.remove(place);
    this.#insert(place, null);
    if (this.returned === null) this.returned = place;
  }

  #insert(place: P, previous: P | null): void {
    const next = previous === null ? this.head : previous.next;
    place.previous = previous;
    place.next = next;
    if (previous === null) this.head = place;
    else previous.next = place;
    if (next === null) this.tail = place;
    else next.previous = place;
    this.slots += place.owed;
  }
}
