/** Watches for bodies that have stopped moving, or nearly: one sweep for all of them instead of a timer for each. */

export interface Idler {
  /** So many bytes have come. Fewer than the least that a body has to bring within the limit count as none. */
  moved(bytes: number): void;
  /** Nothing more is expected. Calling it twice does nothing. */
  done(): void;
}

export class Idlers {
  readonly #limitMs: number;
  /** How many bytes are a movement. */
  readonly minBytes: number;
  /**
   * The head of a ring. Not a Set: one that keeps changing leaves tables behind, each of which points to the next. Once one
   * is in old space, all that was in the later ones survives until the next mark-compact: 3.6 KB a request.
   */
  readonly #ring: Watched;
  #sweep: NodeJS.Timeout | null = null;
  #sweeps = 0;

  /** @param minBytesPerS what a body has to bring within the limit, on average */
  constructor(limitMs: number, minBytesPerS: number) {
    this.#limitMs = limitMs;
    this.minBytes = (minBytesPerS * limitMs) / 1_000;
    this.#ring = new Watched(this, () => {});
    this.#ring.next = this.#ring;
    this.#ring.previous = this.#ring;
  }

  /** Which sweep was the last one. */
  get sweeps(): number {
    return this.#sweeps;
  }

  /** Calls `idle` once when nothing has moved for the limit (and at most a quarter more). */
  watch(idle: () => void): Idler {
    const watched = new Watched(this, idle);
    watched.joinBefore(this.#ring);
    this.#sweep ??= setInterval(() => this.#look(), this.#limitMs / 4).unref();
    return watched;
  }

  close(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
  }

  #look(): void {
    this.#sweeps += 1;
    const due: Watched[] = [];
    for (let one = this.#ring.next as Watched; one !== this.#ring; one = one.next as Watched) {
      if (this.#sweeps - one.movedAt > 4) due.push(one);
    }
    for (const one of due) if (one.leave()) one.idle();
  }
}

class Watched implements Idler {
  readonly idle: () => void;
  readonly #idlers: Idlers;
  movedAt: number;
  #bytes = 0;
  next: Watched | null = null;
  previous: Watched | null = null;

  constructor(idlers: Idlers, idle: () => void) {
    this.#idlers = idlers;
    this.idle = idle;
    this.movedAt = idlers.sweeps;
  }

  joinBefore(place: Watched): void {
    this.next = place;
    this.previous = place.previous;
    (place.previous as Watched).next = this;
    place.previous = this;
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#idlers.minBytes) return;
    this.#bytes = 0;
    this.movedAt = this.#idlers.sweeps;
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
