/** Watches for bodies that have stopped moving, or nearly: one sweep for all of them instead of a timer for each. */
import { Taking, type TakingBounds } from '../taking.ts';

export interface Idler {
  /** So many bytes have come. Fewer than the least that a body has to bring within the limit count as none. */
  moved(bytes: number): void;
  /** Nothing more is expected. Calling it twice does nothing. */
  done(): void;
}

/** A caller that an answer is written to. */
export interface Taker {
  /** How many bytes of its connection it has taken. */
  readonly taken: number;
  /** Whether there is something for it to take. */
  readonly hasToTake: boolean;
}

/** How many sweeps there are within the limit. */
const sweepsPerLimit = 4;

export class Idlers {
  readonly #limitMs: number;
  readonly #taking: TakingBounds;
  /** How many bytes are a movement. */
  readonly minBytes: number;
  /**
   * The head of a ring. Not a Set: one that keeps changing leaves tables behind, each of which points to the next. Once
   * one is in old space, all that was in the later ones survives until the next mark-compact: 3.6 KB a request.
   */
  readonly #ring: Watched;
  #sweep: NodeJS.Timeout | null = null;
  #sweeps = 0;
  #isRetired = false;

  /**
   * @param minBytesPerS what a body has to bring within the limit, on average
   * @param takenMinBytesPerS what a caller has to take of its answer (`taking.ts`)
   */
  constructor(limitMs: number, minBytesPerS: number, takenMinBytesPerS = 0) {
    this.#limitMs = limitMs;
    this.minBytes = (minBytesPerS * limitMs) / 1_000;
    this.#taking = { pauseMs: limitMs, minBytesPerS: takenMinBytesPerS };
    this.#ring = new WatchedBody(this, () => {});
    this.#ring.next = this.#ring;
    this.#ring.previous = this.#ring;
  }

  /** Which sweep was the last one. */
  get sweeps(): number {
    return this.#sweeps;
  }

  /** Calls `idle` once when nothing has moved for the limit (and at most a quarter more). */
  watch(idle: () => void): Idler {
    return this.#watch(new WatchedBody(this, idle));
  }

  /** Calls `slow` once when the caller has taken too little for too long. */
  watchTaking(taker: Taker, slow: () => void): Pick<Idler, 'done'> {
    const taking = new Taking(this.#taking, taker.taken);
    return this.#watch(new WatchedTaker(taker, taking, this.#limitMs / sweepsPerLimit, slow));
  }

  /** Others take its place: it looks on for as long as it has something to watch. */
  retire(): void {
    this.#isRetired = true;
    if (this.#ring.next === this.#ring) this.close();
  }

  close(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
  }

  #watch<W extends Watched>(watched: W): W {
    watched.joinBefore(this.#ring);
    this.#sweep ??= setInterval(() => this.#look(), this.#limitMs / sweepsPerLimit).unref();
    return watched;
  }

  #look(): void {
    this.#sweeps += 1;
    const due: Watched[] = [];
    for (let one = this.#ring.next as Watched; one !== this.#ring; one = one.next as Watched) {
      if (one.isDue()) due.push(one);
    }
    for (const one of due) if (one.leave()) one.idle();
    if (this.#isRetired && this.#ring.next === this.#ring) this.close();
  }
}

abstract class Watched {
  readonly idle: () => void;
  next: Watched | null = null;
  previous: Watched | null = null;

  constructor(idle: () => void) {
    this.idle = idle;
  }

  /** Asked once at each sweep. */
  abstract isDue(): boolean;

  joinBefore(place: Watched): void {
    this.next = place;
    this.previous = place.previous;
    (place.previous as Watched).next = this;
    place.previous = this;
  }

  done(): void {
    this.leave();
  }

  /** False: it had left before. */
  leave(): boolean {
    if (this.next === null || this.previous === null) return false;
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.next = null;
    this.previous = null;
    return true;
  }
}

class WatchedBody extends Watched implements Idler {
  readonly #idlers: Idlers;
  #movedAt: number;
  #bytes = 0;

  constructor(idlers: Idlers, idle: () => void) {
    super(idle);
    this.#idlers = idlers;
    this.#movedAt = idlers.sweeps;
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#idlers.minBytes) return;
    this.#bytes = 0;
    this.#movedAt = this.#idlers.sweeps;
  }

  override isDue(): boolean {
    return this.#idlers.sweeps - this.#movedAt > sweepsPerLimit;
  }
}

class WatchedTaker extends Watched {
  readonly #taker: Taker;
  readonly #taking: Taking;
  /** Counted in sweeps, not by the clock: while this process stands still nobody can take anything of it. */
  readonly #sweepMs: number;

  constructor(taker: Taker, taking: Taking, sweepMs: number, slow: () => void) {
    super(slow);
    this.#taker = taker;
    this.#taking = taking;
    this.#sweepMs = sweepMs;
  }

  override isDue(): boolean {
    return !this.#taking.look(this.#sweepMs, this.#taker.taken, this.#taker.hasToTake);
  }
}
