/**
 * The line of one bucket in one replica: who waits, and who is next. Callers take turns (`rounds.ts`), and so do the
 * requests of one caller, by their urgency; those of one caller and urgency are served first come, first served. A turn
 * is one slot: a request that costs more pays it in as many turns.
 *
 * A caller's turns come as often as its most urgent request in line is worth, whichever of its requests gets them. So
 * it gains nothing by spreading its requests over several urgencies, and loses nothing by marking some as less urgent.
 *
 * Joining, leaving and hanging up cost the same at one place as at 100,000. A caller that has nothing in line is
 * forgotten: nobody saves turns up, nobody is in debt.
 */
import { Backlog } from './backlog.ts';
import { Deadlines } from './deadlines.ts';
import { type Place, Queue } from './queue.ts';
import { Member, Rounds } from './rounds.ts';

/** A caller that has something in line. */
class Standing<P extends Place<P>> extends Member<Standing<P>> {
  readonly name: string;
  readonly queues = new Rounds<Queue<P>>();
  requests = 0;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

/** One caller of those in line. */
interface Standings {
  readonly caller: string;
  readonly requests: number;
  /** Its part of the turns. */
  readonly share: number;
  /** When the oldest of its requests joined. */
  readonly since: number;
}

/** How many slots go before a place: to its caller's other requests, and to other callers. */
interface InFront {
  readonly own: number;
  readonly others: number;
}

export class Line<P extends Place<P>> {
  readonly #callers = new Map<string, Standing<P>>();
  readonly #rounds = new Rounds<Standing<P>>();
  readonly #deadlines = new Deadlines<P>();
  /** Made for the first who waits: many lines never have one. */
  #counted: Backlog | null = null;
  /** The caller whose turn `take` is for; null: the next one's. */
  #chosen: Standing<P> | null = null;
  #requests = 0;
  #slots = 0;

  get #backlog(): Backlog {
    this.#counted ??= new Backlog();
    return this.#counted;
  }

  get requests(): number {
    return this.#requests;
  }

  /** How many slots those in line need. */
  get slots(): number {
    return this.#slots;
  }

  /** How many callers have something in line. */
  get callers(): number {
    return this.#callers.size;
  }

  /** A newcomer takes its place. Bounds are for others to check. */
  join(place: P): void {
    this.#enter(place, false);
  }

  /** One that the Coreapp sent back goes in front of its queue, behind those that are older. */
  rejoin(place: P): void {
    this.#enter(place, true);
  }

  /** The next turn is for one that stands in line. It keeps its other places: time, and what it needs. */
  rush(place: P): void {
    const caller = this.#callers.get(place.caller) as Standing<P>;
    const queue = caller.queues.first(place.urgency) as Queue<P>;
    this.#chosen = null;
    place.rushed = true;
    queue.moveToHead(place);
    caller.queues.rush(queue);
    this.#rounds.rush(caller);
  }

  /** Leaves from anywhere in line. Leaving twice does nothing. */
  leave(place: P): void {
    if (!place.waiting) return;
    this.#chosen = null;
    const caller = this.#callers.get(place.caller) as Standing<P>;
    const queue = caller.queues.first(place.urgency) as Queue<P>;
    this.#remove(place, caller, queue);
    if (queue.head === null) caller.queues.leave(queue);
    if (caller.requests === 0) this.#forget(caller);
  }

  /**
   * Chooses who is next among the callers that may have a turn: `take` is for it, unless it leaves before. Null:
   * nobody. A caller that is passed over keeps its place.
   */
  choose(may: (caller: string) => boolean): P | null {
    this.#chosen = this.#rounds.firstOf(({ name }) => may(name));
    return this.#chosen?.queues.next?.head ?? null;
  }

  /**
   * Uses a slot. The request that is to be sent with it leaves the line. Null: none is, the slot was a part of what the
   * next one costs.
   */
  take(): P | null {
    const caller = this.#chosen ?? this.#rounds.next;
    this.#chosen = null;
    if (caller === null) return null;
    const queue = caller.queues.next as Queue<P>;
    const place = queue.head as P;
    place.owed -= 1;
    queue.slots -= 1;
    this.#slots -= 1;
    const sent = place.owed === 0;
    if (sent) this.#remove(place, caller, queue);
    else this.#backlog.count(queue.burden, queue.slots, queue.urgency);
    caller.queues.turned();
    if (queue.head === null) caller.queues.leave(queue);
    else caller.queues.requeue(queue, queue.urgency);
    this.#rounds.turned();
    if (caller.requests === 0) this.#forget(caller);
    else this.#rounds.requeue(caller, caller.queues.best);
    if (!sent && place.rushed) this.rush(place);
    return sent ? place : null;
  }

  /** Somebody whose time is over; null: there is none. */
  overdue(now: number): P | null {
    return this.#deadlines.overdue(now);
  }

  /** When to look for those whose time is over: at the latest when the next one's is. Infinity: nobody waits. */
  lookAt(now: number): number {
    return this.#deadlines.lookAt(now);
  }

  /** Somebody who waits, whoever it is; null: nobody does. */
  get anybody(): P | null {
    return this.#rounds.next?.queues.next?.head ?? null;
  }

  /** When the oldest in line joined; infinity: nobody waits. Looks at every caller: not for each request. */
  get oldestSince(): number {
    let since = Number.POSITIVE_INFINITY;
    for (const caller of this.#callers.values()) since = Math.min(since, sinceOf(caller));
    return since;
  }

  /**
   * How many slots are used at least until a newcomer has what it needs, its own included, unless others leave. A
   * caller that has nothing in line yet is the last of a round, so each of the others goes before it.
   */
  slotsUntil(caller: string, urgency: number, cost: number): number {
    const standing = this.#callers.get(caller);
    if (standing === undefined) return cost + Math.floor(this.#backlog.usedWithin(cost * 2 ** urgency));
    const own = (standing.queues.first(urgency)?.slots ?? 0) + cost;
    return own + this.#othersWithin((own - 1) * 2 ** Math.min(urgency, standing.urgency), standing);
  }

  /** How many slots one caller's requests need. */
  slotsOf(caller: string): number {
    let slots = 0;
    for (const queue of this.#callers.get(caller)?.queues ?? []) slots += queue.slots;
    return slots;
  }

  /** Who has something in line, in the order of their next turns. Looks at every caller: not for each request. */
  standings(): Standings[] {
    return this.#inTurn().map((caller) => {
      const { name, requests } = caller;
      return { caller: name, requests, share: this.#rounds.shareOf(caller), since: sinceOf(caller) };
    });
  }

  /** Everybody in line. */
  *[Symbol.iterator](): Generator<P> {
    for (const { queues } of this.#callers.values()) {
      for (const { head } of queues.members()) {
        for (let place = head; place !== null; place = place.next) yield place;
      }
    }
  }

  /** How many slots go before one that stands in line, by what is in line now. Looks at every caller. */
  inFrontOf(place: P): InFront {
    const caller = this.#callers.get(place.caller) as Standing<P>;
    const queue = caller.queues.first(place.urgency) as Queue<P>;
    let own = place.owed - 1;
    for (let older = queue.head; older !== null && older !== place; older = older.next) own += older.owed;
    const inRounds = this.#othersWithin(own * 2 ** Math.min(place.urgency, caller.urgency), caller);
    const dueBefore = this.#inTurn().indexOf(caller);
    return { own, others: Math.min(this.#slots - this.slotsOf(place.caller), inRounds + dueBefore) };
  }

  /** How many slots all but one caller use at least within a virtual time. */
  #othersWithin(time: number, { queues }: Standing<P>): number {
    for (const queue of queues) this.#backlog.discount(queue.burden);
    const slots = Math.floor(this.#backlog.usedWithin(time));
    for (const queue of queues) this.#backlog.count(queue.burden, queue.slots, queue.urgency);
    return slots;
  }

  #inTurn(): Standing<P>[] {
    return [...this.#rounds.members()].sort((a, b) => a.due - b.due || a.lane - b.lane);
  }

  #callerOf({ caller: name, urgency }: P): Standing<P> {
    const known = this.#callers.get(name);
    if (known !== undefined) {
      this.#rounds.hasten(known, urgency);
      return known;
    }
    const caller = new Standing<P>(name);
    this.#callers.set(name, caller);
    this.#rounds.enter(caller, urgency);
    return caller;
  }

  #queueOf({ urgency }: P, caller: Standing<P>): Queue<P> {
    const known = caller.queues.first(urgency);
    if (known !== null) return known;
    const queue = new Queue<P>();
    caller.queues.enter(queue, urgency);
    return queue;
  }

  #enter(place: P, isBack: boolean): void {
    const caller = this.#callerOf(place);
    const queue = this.#queueOf(place, caller);
    if (isBack) queue.putBack(place);
    else queue.append(place);
    place.waiting = true;
    caller.requests += 1;
    this.#requests += 1;
    this.#slots += place.owed;
    this.#deadlines.add(place);
    this.#backlog.count(queue.burden, queue.slots, queue.urgency);
  }

  #remove(place: P, caller: Standing<P>, queue: Queue<P>): void {
    queue.remove(place);
    this.#backlog.count(queue.burden, queue.slots, queue.urgency);
    this.#deadlines.remove(place);
    place.waiting = false;
    caller.requests -= 1;
    this.#requests -= 1;
    this.#slots -= place.owed;
  }

  #forget(caller: Standing<P>): void {
    this.#rounds.leave(caller);
    this.#callers.delete(caller.name);
  }
}

/** When the oldest of a caller's requests joined. */
function sinceOf<P extends Place<P>>({ queues }: Standing<P>): number {
  let since = Number.POSITIVE_INFINITY;
  for (const { head } of queues) if (head !== null) since = Math.min(since, head.since);
  return since;
}
