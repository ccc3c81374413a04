/**
 * How many requests of a class may be in flight at the Coreapp: additive increase, multiplicative decrease (AIMD), by
 * refusals alone (`PermitEnd`). The time that an answer takes says nothing: a slow one may be a media upload.
 *
 * - **A refusal takes its permit with it.** What is left in flight was taken, so that many are allowed: one too many costs
 *   one, and where all is refused the number is down to `min` after one flight, however large it was.
 * - **Trouble** lasts from a refusal until something that was sent since is answered. If that is refused as well, one probe
 *   at a time goes out, with pauses that grow; the jitter keeps replicas apart. What was in flight before, a long upload
 *   say, keeps no probe back, and whatever it comes to is no news.
 * - **Back at once.** Up to `ceiling`, the most that was good before, each answer adds one: twice as many with each flight.
 * - **Further with care.** Beyond the ceiling one more is tried after `calmFlights` full flights without a refusal, then
 *   twice as many after each `tryFlights` that went well: others who share the Coreapp get the time to object. A try that is
 *   refused falls to `decrease` for a flight, which leaves them room.
 *
 * Each class has a number of its own, so that one endpoint that always refuses does not hold up the others.
 * docs/decisions/0011-permits.md has the measurements behind the constants.
 */
import type { Permit, PermitEnd } from './exchange.ts';

const calmFlights = 32;
const tryFlights = 4;
const decrease = 0.8;
const pauseMinMs = 20;
const pauseMaxMs = 1_000;
/** A probe beside requests of before may simply be one too many, so it is not hurried. */
const besideMinMs = 2_000;
const besideMaxMs = 5_000;
/** A probe that is neither answered nor refused for so long does not keep the next one back. */
const patienceMs = 2_000;

/** The bounds of each class's number. */
export interface PermitBounds {
  readonly min: number;
  /** Where it starts, before anything is known. */
  readonly initial: number;
  /** Also what all classes together may have in flight. */
  readonly max: number;
}

/** Enough to learn quickly, and no burst to a Coreapp that nobody knows yet. */
const initial = 16;

export function permitBounds(min: number, max: number): PermitBounds {
  return { min, initial: Math.max(min, Math.min(initial, max)), max };
}

/** What all classes together have in flight. */
export class Room {
  readonly bounds: PermitBounds;
  #inUse = 0;

  constructor(bounds: PermitBounds) {
    this.bounds = bounds;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get isFull(): boolean {
    return this.#inUse >= this.bounds.max;
  }

  enter(): void {
    this.#inUse += 1;
  }

  leave(): void {
    this.#inUse -= 1;
  }
}

/** How many of a class that is not held may be in flight, whatever the others have. */
export const reserved = 16;

/**
 * The room of a class that is not held: some places of its own, then those of all. Its bounds leave nothing to learn, so a
 * check of the health goes out while everything else is refused, slow or full.
 */
export class ReservedRoom extends Room {
  readonly #shared: Room;

  constructor(shared: Room) {
    const max = reserved + shared.bounds.max;
    super({ min: max, initial: max, max });
    this.#shared = shared;
  }

  override get isFull(): boolean {
    return this.inUse >= reserved && this.#shared.isFull;
  }

  override enter(): void {
    if (this.inUse >= reserved) this.#shared.enter();
    super.enter();
  }

  override leave(): void {
    super.leave();
    if (this.inUse >= reserved) this.#shared.leave();
  }
}

export class Permits {
  readonly #room: Room;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #freed: () => void;
  #limit: number;
  #inUse = 0;
  /** Infinity before the first refusal. */
  #ceiling = Number.POSITIVE_INFINITY;
  /** The ceiling was kept for as long as it takes: the next refusal below it is trouble of another kind, and leaves it. */
  #proven = false;
  /** How many full flights have to go well before more is tried … */
  #flights = calmFlights;
  /** … and the answers towards that. */
  #calm = 0;
  /** How many more were tried last. */
  #step = 1;
  #trouble = false;
  /** How often trouble has begun: tells the requests of before from those since. */
  #troubles = 0;
  /** How many are in flight of those sent before the latest trouble began. */
  #older = 0;
  /** How many in a row were sent in vain since. */
  #vain = 0;
  /** How many requests have been refused since something was answered. */
  #requests = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /**
   * @param room shared with the other classes
   * @param random uniform in [0, 1), for the jitter of the pauses
   * @param freed called when a permit may have become available
   */
  constructor(room: Room, now: () => number, random: () => number, freed: () => void) {
    this.#room = room;
    this.#limit = room.bounds.initial;
    this.#now = now;
    this.#random = random;
    this.#freed = freed;
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

  available(now: number): boolean {
    if (this.#room.isFull) return false;
    if (this.#inUse < this.#limit && !this.probing) return true;
    return this.#trouble && (this.probing || this.#inUse === this.#older) && now >= this.#pausedUntil;
  }

  /** Call only where `available`. */
  take(now: number): Permit {
    this.#inUse += 1;
    this.#room.enter();
    if (this.#trouble && (this.probing || this.#inUse > this.#limit)) this.#pause(now, patienceMs);
    return new TakenPermit(this, this.#troubles);
  }

  /** For `TakenPermit` alone. */
  returned(how: PermitEnd, troubles: number): void {
    const wasFull = this.#inUse >= this.#limit;
    const isOlder = troubles < this.#troubles;
    this.#inUse -= 1;
    this.#room.leave();
    if (isOlder) this.#older -= 1;
    if (how === 'refused') this.#refusedFirst(isOlder);
    else if (how === 'again') this.#refusedAgain(isOlder);
    else if (how === 'answered' && !isOlder) this.#answered(wasFull);
    // A place is free, and no probe is out: the next one may take it.
    else if (this.probing && this.#inUse === this.#older) this.#pausedUntil = Number.NEGATIVE_INFINITY;
    this.#freed();
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
    this.#limit = Math.min(this.#room.bounds.max, this.#limit + by);
  }

  #refused(isOlder: boolean): void {
    if (this.#trouble) {
      if (!isOlder) this.#vain += 1;
    } else {
      if (isOlder) return;
      this.#begin();
    }
    this.#limit = Math.max(this.#room.bounds.min, Math.min(this.#limit, this.#inUse));
    this.#calm = 0;
    if (this.#older === 0) this.#vain = Math.max(1, this.#vain);
    this.#pauseBetweenProbes();
  }

  #refusedFirst(isOlder: boolean): void {
    this.#requests += 1;
    this.#refused(isOlder);
  }

  /**
   * Where no other request has been refused it may be about that one, so it is no news. But nothing has got better, either:
   * the next probe waits as long.
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

  /** Trouble begins: what is in flight is the most that is good, unless more has been for long. */
  #begin(): void {
    this.#trouble = true;
    this.#troubles += 1;
    this.#older = this.#inUse;
    this.#flights = calmFlights;
    const tooMany = this.#inUse >= this.#ceiling;
    if (tooMany && this.#proven) this.#limit = Math.floor(this.#inUse * decrease);
    if (tooMany || !this.#proven) this.#ceiling = Math.max(this.#room.bounds.min, this.#inUse);
    this.#proven &&= tooMany;
  }

  #pause(now: number, ms: number): void {
    this.#pausedUntil = now + ms * (0.5 + 0.5 * this.#random());
  }
}

class TakenPermit implements Permit {
  #pool: Permits | null;
  readonly #troubles: number;

  constructor(pool: Permits, troubles: number) {
    this.#pool = pool;
    this.#troubles = troubles;
  }

  end(how: PermitEnd): void {
    const pool = this.#pool;
    this.#pool = null;
    pool?.returned(how, this.#troubles);
  }

  [Symbol.dispose](): void {
    this.end('unused');
  }
}
