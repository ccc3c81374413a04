/** Rings of members, each named by its first one. Joining and leaving cost the same however many there are. */

/** A member of one ring at a time. */
export abstract class InRing<Self> {
  /** Null: it is in none. */
  nextInRing: Self | null = null;
  previousInRing: Self | null = null;
}

/** Puts a member last. Returns the first one. */
export function joinRing<M extends InRing<M>>(first: M | null, member: M): M {
  const head = first ?? member;
  const last = first?.previousInRing ?? member;
  member.nextInRing = head;
  member.previousInRing = last;
  last.nextInRing = member;
  head.previousInRing = member;
  return head;
}

/** Takes a member out. Returns the one behind it; null: it was alone. */
export function leaveRing<M extends InRing<M>>(member: M): M | null {
  const next = member.nextInRing as M;
  const previous = member.previousInRing as M;
  previous.nextInRing = next;
  next.previousInRing = previous;
  member.nextInRing = null;
  member.previousInRing = null;
  return next === member ? null : next;
}

/** All members; each may leave when it has been told. */
export function* ringFrom<M extends InRing<M>>(first: M): Generator<M> {
  for (let member: M | null = first; member !== null; ) {
    const next: M | null = member.nextInRing;
    yield member;
    member = next === first ? null : next;
  }
}
