/**
 * The slots that a replica has of one bucket: taken a little ahead of need, so that a call to the store is paid once
 * for many requests and never waited for while the line moves.
 *
 * Times are milliseconds of the replica's own clock. A grant's delays count from the bucket's now, which lies between
 * the sending of the call and the coming of its reply: a slot therefore opens by the later of the two and closes by the
 * earlier, and can only be used inside its true window (but for windows narrower than the trip, see below).
 */
import { Arrivals } from './arrivals.ts';
import type { Quota } from './quota.ts';
import { convertedUs, type Grant, horizonMs, intervalUs, tauUs, toleratedUs, windowUs } from './slots.ts';
import { Trips } from './trips.ts';

/** The next call leaves this long before the last slot opens, or two round trips, whichever is more. */
const askAheadMinMs = 3;

/**
 * A window that is hardly wider than the round trip cannot be hit with certainty. If the trip leaves less than this, the
 * slots may be late by what is missing, but by no more than the promise tolerates or the usual trip takes. All of them
 * are late by the same way back then, so they still come one interval after the other, and a small burst over a slow
 * link is served.
 */
const certainMinMs = 2;
/** No link is so slow that it eats more of a window. */
const narrowMs = 1_000;

/** Slots of one grant that are still unused: `left` of them, `intervalMs` apart. */
interface Batch {
  opensAt: number;
  closesAt: number;
  readonly intervalMs: number;
  left: number;
}

export class Lease {
  /** Told of each request: what is expected next is learnt from these. */
  readonly arrivals = new Arrivals();
  #quota: Quota;
  #intervalMs = 0;
  #tauMs = 0;
  #toleratedMs = 0;
  #burst = 0;
  #horizonSlots = 0;
  #batches: Batch[] = [];
  #roundTripMs = 0;
  /** Null: no trip is too long for these windows. */
  #trips: Trips | null = null;
  /** For how long arrivals can be expected to use up the slots that are asked for now; from the last grant. */
  #lastsMs = 0;
  /** The slots that came last had closed on their way. */
  #missed = false;
  #takenClosesAt = Number.NEGATIVE_INFINITY;
  /** When the bucket will be full again, by the last grant. */
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(quota: Quota) {
    this.#quota = quota;
    this.#by(quota);
  }

  /**
   * The bucket has another limit. It counts for the slots that are left, too: what is spent stays spent, and flows back
   * at the new rate. False: it is the same limit.
   */
  configure(quota: Quota, now: number): boolean {
    const before = this.#quota;
    if (quota.rate === before.rate && quota.burst === before.burst) return false;
    this.#batches = this.#batches.flatMap((batch) => converted(batch, before, quota, now));
    this.#fullAt = now + convertedUs(this.#fullAt - now, intervalUs(before), intervalUs(quota));
    this.#by(quota);
    return true;
  }

  get quota(): Quota {
    return this.#quota;
  }

  #by(quota: Quota): void {
    this.#quota = quota;
    this.#intervalMs = intervalUs(quota) / 1000;
    this.#tauMs = tauUs(quota) / 1000;
    this.#toleratedMs = toleratedUs(quota) / 1000;
    this.#burst = quota.burst;
    this.#trips = this.#tauMs < narrowMs ? (this.#trips ?? new Trips()) : null;
    this.#horizonSlots = Math.ceil(horizonMs / this.#intervalMs);
  }

  /** Uses a slot if one is open. */
  take(now: number): boolean {
    const batch = this.#front(now);
    if (batch === undefined || batch.opensAt > now) return false;
    this.#takenClosesAt = batch.closesAt;
    this.#use(batch, 1);
    return true;
  }

  /** When the slot closes that was taken last. */
  get takenClosesAt(): number {
    return this.#takenClosesAt;
  }

  /** When the next slot opens (a moment in the past: it is open); infinity without slots. */
  opensAt(now: number): number {
    return this.#front(now)?.opensAt ?? Number.POSITIVE_INFINITY;
  }

  /** How many slots are left. */
  left(now: number): number {
    this.#front(now);
    let slots = 0;
    for (const batch of this.#batches) slots += batch.left;
    return slots;
  }

  /**
   * When the bucket will be full again, by all that is known here; in the past: it is. Every slot has closed by then.
   */
  get fullAt(): number {
    return this.#fullAt;
  }

  /**
   * How many requests the bucket itself would let pass now, with fractions: by the last grant, and what has flowed in
   * since.
   */
  level(now: number): number {
    const level = (now + this.#tauMs - this.#fullAt) / this.#intervalMs + 1;
    return Math.max(0, Math.min(this.#burst, level));
  }

  /** How many slots are open. */
  open(now: number): number {
    this.#front(now);
    let slots = 0;
    for (const { opensAt, intervalMs, left } of this.#batches) {
      if (opensAt <= now) slots += Math.min(left, Math.floor((now - opensAt) / intervalMs) + 1);
    }
    return slots;
  }

  /** When a slot opens of those that are left; infinity: there are fewer. @param number the next one is 1 */
  opensAtOf(number: number, now: number): number {
    this.#front(now);
    let before = 0;
    for (const { opensAt, intervalMs, left } of this.#batches) {
      if (number <= before + left) return opensAt + (number - before - 1) * intervalMs;
      before += left;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Throws all slots away: the bucket was pushed back, and nobody is to use them. */
  drop(fullAt: number): void {
    this.#batches = [];
    this.#fullAt = Math.max(this.#fullAt, fullAt);
  }

  /**
   * When to ask for more, `Clock.now()` or earlier: now; infinity: no need. The call leaves just before the last slot
   * opens: for waiters, and for arrivals that are to be expected before it could be back.
   */
  askAt(now: number, waiting: number): number {
    const left = this.left(now);
    if (waiting <= left) {
      const expected = this.arrivals.within(2 * this.#roundTripMs + Math.min(this.#intervalMs, horizonMs), now);
      if (expected < 1 || waiting + expected <= left) return Number.POSITIVE_INFINITY;
    }
    return left === 0 ? now : this.#lastOpensAt() - this.#aheadMs();
  }

  /**
   * How many slots to ask for, at least one; one alone where the last ones came too late: until it is known how long a trip
   * usually takes, the next ones may do so, too, and nobody else can use them.
   */
  wanted(now: number, waiting: number): number {
    if (this.#missed) return 1;
    const expected = Math.min(this.#horizonSlots, this.arrivals.within(this.#lastsMs, now));
    return Math.max(1, waiting + Math.floor(expected) - this.left(now));
  }

  /**
   * Takes in what the bucket gave.
   * @param by the limit by which it was asked: there may be another one meanwhile
   */
  add(grant: Grant, sentAt: number, receivedAt: number, by: Quota = this.#quota): void {
    const tripMs = receivedAt - sentAt;
    this.#roundTripMs += 0.25 * (tripMs - this.#roundTripMs);
    if (tripMs > 0) this.#trips?.add(tripMs);
    const given = this.#batchOf(grant, sentAt, receivedAt, by);
    const fullIn = given.opensAt + tauUs(by) / 1000 + given.left * given.intervalMs - receivedAt;
    this.#fullAt = Math.max(this.#fullAt, receivedAt + convertedUs(fullIn, intervalUs(by), intervalUs(this.#quota)));
    const batches = by === this.#quota ? [given] : converted(given, by, this.#quota, receivedAt);
    this.#missed = false;
    for (const batch of batches) {
      const { opensAt, closesAt } = batch;
      if (closesAt < opensAt) {
        this.#missed = true;
        continue;
      }
      this.#lastsMs = Math.min(horizonMs, this.#useOf(opensAt - receivedAt, closesAt - receivedAt));
      this.#batches.push(batch);
    }
  }

  #batchOf(grant: Grant, sentAt: number, receivedAt: number, by: Quota): Batch {
    const opensAt = receivedAt + grant.opensInUs / 1000;
    let closesAt = sentAt + grant.closesInUs / 1000;
    const missingMs = opensAt + certainMinMs - closesAt;
    if (missingMs > 0) {
      const tolerated = by === this.#quota ? this.#toleratedMs : toleratedUs(by) / 1000;
      const tripMs = receivedAt - sentAt;
      closesAt += Math.min(tripMs, Math.max(this.#trips?.usualMs ?? 0, Math.min(missingMs, tolerated)));
    }
    return { opensAt, closesAt, intervalMs: grant.intervalUs / 1000, left: grant.count };
  }

  /**
   * For how long arrivals can use slots of which the first opens and closes then.
   *
   * Those of a bucket that has some to spare: until they close, one interval after the other, whoever uses them. Where
   * others wait as well, no slot may be wasted, so only as many as are certain to be used by the middle of the window.
   */
  #useOf(opensInMs: number, closesInMs: number): number {
    if (opensInMs > 0) return (opensInMs + closesInMs) / 2;
    const load = this.arrivals.demand * this.#intervalMs;
    return load < 1 ? closesInMs / (1 - load) : horizonMs;
  }

  /** The first batch with a slot that has not closed. */
  #front(now: number): Batch | undefined {
    for (;;) {
      const batch = this.#batches[0];
      if (batch === undefined) return undefined;
      if (batch.closesAt < now) this.#use(batch, Math.ceil((now - batch.closesAt) / batch.intervalMs));
      if (batch.left > 0) return batch;
      this.#batches.shift();
    }
  }

  #use(batch: Batch, slots: number): void {
    batch.left -= slots;
    batch.opensAt += slots * batch.intervalMs;
    batch.closesAt += slots * batch.intervalMs;
  }

  #lastOpensAt(): number {
    const batch = this.#batches.at(-1);
    return batch === undefined ? Number.NEGATIVE_INFINITY : batch.opensAt + (batch.left - 1) * batch.intervalMs;
  }

  #aheadMs(): number {
    return Math.max(askAheadMinMs, 2 * this.#roundTripMs);
  }
}

/**
 * The same slots by another limit: what is spent stays spent, so the TAT of each is as many intervals ahead of now. One
 * whose TAT has passed only has what is left of its window. A batch can have slots of both kinds.
 */
function converted(batch: Batch, from: Quota, to: Quota, now: number): Batch[] {
  const { opensAt, closesAt, intervalMs, left } = batch;
  const tauMs = tauUs(from) / 1000;
  const passed = Math.max(0, Math.min(left, Math.floor((now - opensAt - tauMs) / intervalMs) + 1));
  const sooner = { opens: tauMs - tauUs(to) / 1000, closes: tatAfterCloseMs(from) - tatAfterCloseMs(to) };
  const late = { opensAt: opensAt + sooner.opens, closesAt: closesAt + sooner.closes, intervalMs, left: passed };
  if (passed === left) return [late];
  const toMs = intervalUs(to) / 1000;
  const stretch = toMs / intervalMs;
  /** @param tat of the first that is left */
  const moved = (tat: number): number => now + (tat + passed * intervalMs - now) * stretch;
  const ahead = {
    opensAt: moved(opensAt + tauMs) - tauUs(to) / 1000,
    closesAt: moved(closesAt + tatAfterCloseMs(from)) - tatAfterCloseMs(to),
    intervalMs: toMs,
    left: left - passed,
  };
  return passed === 0 ? [ahead] : [late, ahead];
}

/** How long after the end of its window a slot has its TAT, milliseconds; negative: before. */
const tatAfterCloseMs = (quota: Quota): number => (tauUs(quota) - windowUs(quota)) / 1000;
