/**
 * Whose turn it is: round robin, weighted by urgency. Each step of urgency doubles the share: a member of urgency u has
 * the weight 2^-u.
 *
 * Virtual time keeps the order. A turn moves it on by 1/W, where W is the sum of the weights of all members. A member
 * that comes, or has had a turn, is due 2^u later. The member that is due first is next. So among members of one
 * urgency this is a plain round: a member that comes, or comes again, is the last of it. A more urgent member is due
 * sooner: once in W/w turns, where w is its weight.
 *
 * Nobody starves: a member has its turn within W/w turns and one for each of the others. After W/w of them, time has
 * reached the moment at which it is due; a member that has a turn from then on is due later, so each of the others goes
 * before it once at most.
 *
 * Everything costs the same, however many there are: one lane for each urgency is in order by itself, since time does
 * not go back and all of a lane are due equally long after they have joined it.
 *
 * Weights as larger portions of a turn (the usual deficit round robin) would let a member of weight 16 go sixteen times
 * in a row; this way its turns are spread over the round.
 */
import { InRing, joinRing, leaveRing, ringFrom } from './ring.ts';

/** Urgencies as of RFC 9218: 0 is the most urgent, 7 the least. */
export const urgencies = 8;

const weightOf = (urgency: number): number => 2 ** -urgency;

/** Somebody who takes turns, in one place at a time. */
export abstract class Member<Self> extends InRing<Self> {
  urgency = 0;
  /** When it is due, in virtual time. */
  due = 0;
  /** The lane that it stands in: once that of its urgency, or of one that it had when it joined. */
  lane = 0;
}

export class Rounds<M extends Member<M>> {
  /** The head of each lane; a lane is a ring. */
  readonly #lanes: (M | null)[] = new Array<M | null>(urgencies).fill(null);
  #time = 0;
  #weight = 0;

  /** The member whose turn it is; of those that are due at once the most urgent. */
  get next(): M | null {
    let next: M | null = null;
    for (let lane = 0; lane < urgencies; lane++) {
      const head = this.#lanes[lane] as M | null;
      if (head !== null && (next === null || head.due < next.due)) next = head;
    }
    return next;
  }

  /**
   * The member whose turn it is among those that may have one; null: there is none. Those that may not have one keep
   * their place.
   */
  firstOf(may: (member: M) => boolean): M | null {
    const next = this.next;
    if (next === null || may(next)) return next;
    let first: M | null = null;
    for (let lane = 0; lane < urgencies; lane++) {
      const head = this.#lanes[lane] as M | null;
      for (let member = head; member !== null && (first === null || member.due < first.due); ) {
        if (may(member)) first = member;
        member = member.nextInRing === head ? null : member.nextInRing;
      }
    }
    return first;
  }

  /** The head of a lane. */
  first(lane: number): M | null {
    return this.#lanes[lane] as M | null;
  }

  /** The head of each lane. */
  *[Symbol.iterator](): Generator<M> {
    for (const head of this.#lanes) if (head !== null) yield head;
  }

  /** All members, lane by lane: those of a lane in the order of their turns. */
  *members(): Generator<M> {
    for (const head of this) yield* ringFrom(head);
  }

  /** Which part of the turns a member has while nobody comes and nobody leaves. */
  shareOf({ urgency }: M): number {
    return weightOf(urgency) / this.#weight;
  }

  /** The first lane with somebody in it; `urgencies`: there is none. */
  get best(): number {
    let lane = 0;
    while (lane < urgencies && this.#lanes[lane] === null) lane++;
    return lane;
  }

  enter(member: M, urgency: number): void {
    member.urgency = urgency;
    this.#weight += weightOf(urgency);
    this.#queue(member, urgency, this.#time + 2 ** urgency);
  }

  leave(member: M): void {
    this.#unqueue(member);
    this.#weight -= weightOf(member.urgency);
    if (this.#weight === 0) this.#time = 0;
  }

  /** A turn is over. The member goes on with another one, or leaves. */
  turned(): void {
    this.#time += 1 / this.#weight;
  }

  /** For the next turn of one that has had one. */
  requeue(member: M, urgency: number): void {
    this.#unqueue(member);
    this.#weight += weightOf(urgency) - weightOf(member.urgency);
    member.urgency = urgency;
    this.#queue(member, urgency, this.#time + 2 ** urgency);
  }

  /** The next turn is its own, whenever it would have been due. */
  rush(member: M): void {
    const { next } = this;
    if (next === null || next === member) return;
    this.#unqueue(member);
    this.#queue(member, member.lane, Math.min(member.due, next.due - 1));
    // It is queued as the last of its lane; a lane is a ring, so it becomes the first by being its head.
    this.#lanes[member.lane] = member;
  }

  /** It has become more urgent while it waits: it is due as if it came now, if that is sooner. */
  hasten(member: M, urgency: number): void {
    if (urgency >= member.urgency) return;
    this.#weight += weightOf(urgency) - weightOf(member.urgency);
    member.urgency = urgency;
    const due = this.#time + 2 ** urgency;
    if (due >= member.due) return;
    this.#unqueue(member);
    this.#queue(member, urgency, due);
  }

  #queue(member: M, lane: number, due: number): void {
    member.due = due;
    member.lane = lane;
    this.#lanes[lane] = joinRing(this.#lanes[lane] as M | null, member);
  }

  #unqueue(member: M): void {
    const next = leaveRing(member);
    if (this.#lanes[member.lane] === member) this.#lanes[member.lane] = next;
  }
}
