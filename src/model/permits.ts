/**
 * How many requests of a class may be in flight at the Coreapp: additive increase, multiplicative decrease (AIMD, as TCP
 * does). Only refusals and failures to connect lower it: a slow answer may be a media upload, not trouble. Each class
 * has a number of its own, so that one endpoint that always refuses does not hold up the others.
 *
 * While everything is refused, one probe at a time goes out, with growing pauses; the jitter keeps replicas apart.
 */
import type { Permit, PermitEnd } from './exchange.ts';

const decrease = 0.7;
const pauseMinMs = 20;
const pauseMaxMs = 1_000;

/** What all classes together may have in flight. */
export class Room {
  readonly max: number;
  inUse = 0;

  constructor(max: number) {
    this.max = max;
  }
}

export class Permits {
  readonly #room: Room;
  readonly #random: () => number;
  readonly #freed: () => void;
  readonly #now: () => number;
  #limit: number;
  #inUse = 0;
  /** Those in flight since before the last decrease: a long upload among them must not keep probes from going out. */
  #older = 0;
  /** How often the number has been lowered: tells which those are. */
  #decreases = 0;
  #refusedInARow = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #decreasedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param room shared with the other classes
   * @param freed called when a permit may have become available
   * @param random uniform in [0, 1), for the jitter of the pauses
   */
  constructor(room: Room, now: () => number, random: () => number, freed: () => void) {
    this.#room = room;
    this.#limit = room.max;
    this.#now = now;
    this.#random = random;
    this.#freed = freed;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** The number of permits, rounded down. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** When a pause between probes ends; in the past: there is none. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  available(now: number): boolean {
    const probing = this.limit === 1 && this.#inUse > this.#older;
    const free = this.#inUse < this.limit || (this.limit === 1 && !probing);
    return free && this.#room.inUse < this.#room.max && now >= this.#pausedUntil;
  }

  /** Call only where `available`. */
  take(now: number): Permit {
    this.#inUse += 1;
    this.#room.inUse += 1;
    return new TakenPermit(this, now, this.#decreases);
  }

  /** For `TakenPermit` alone. */
  returned(how: PermitEnd, takenAt: number, decreases: number): void {
    const wasFull = this.#inUse >= this.limit;
    this.#inUse -= 1;
    this.#room.inUse -= 1;
    if (decreases < this.#decreases) this.#older -= 1;
    if (how === 'answered') this.#answered(wasFull);
    else if (how === 'refused') this.#refused(takenAt);
    this.#freed();
  }

  #answered(wasFull: boolean): void {
    this.#refusedInARow = 0;
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
    if (wasFull) this.#limit = Math.min(this.#room.max, this.#limit + 1 / this.#limit);
  }

  #refused(takenAt: number): void {
    const now = this.#now();
    this.#refusedInARow += 1;
    // Those that were in flight at the last decrease say nothing new.
    if (takenAt > this.#decreasedAt) {
      this.#limit = Math.max(1, Math.min(this.#limit, this.#inUse + 1) * decrease);
      this.#decreasedAt = now;
      this.#decreases += 1;
      this.#older = this.#inUse;
    }
    if (this.limit > 1) return;
    const pauseMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(this.#refusedInARow, 10));
    this.#pausedUntil = now + pauseMs * (0.5 + 0.5 * this.#random());
  }
}

class TakenPermit implements Permit {
  #pool: Permits | null;
  readonly #takenAt: number;
  readonly #decreases: number;

  constructor(pool: Permits, takenAt: number, decreases: number) {
    this.#pool = pool;
    this.#takenAt = takenAt;
    this.#decreases = decreases;
  }

  end(how: PermitEnd): void {
    const pool = this.#pool;
    this.#pool = null;
    pool?.returned(how, this.#takenAt, this.#decreases);
  }

  [Symbol.dispose](): void {
    this.end('unused');
  }
}
