/** Watches for bodies that have stopped moving: one sweep for all of them instead of a timer for each. */

export interface Idler {
  /** Something has arrived. */
  moved(): void;
  /** Nothing more is expected. Calling it twice does nothing. */
  done(): void;
}

export class Idlers {
  readonly #limitMs: number;
  readonly #watched = new Set<Watched>();
  #sweep: NodeJS.Timeout | null = null;
  #sweeps = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Calls `idle` once when nothing has moved for the limit (and at most a quarter more). */
  watch(idle: () => void): Idler {
    const watched: Watched = {
      idle,
      movedAt: this.#sweeps,
      moved: () => {
        watched.movedAt = this.#sweeps;
      },
      done: () => {
        this.#watched.delete(watched);
      },
    };
    this.#watched.add(watched);
    this.#sweep ??= setInterval(() => this.#look(), this.#limitMs / 4).unref();
    return watched;
  }

  close(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
  }

  #look(): void {
    this.#sweeps += 1;
    for (const watched of this.#watched) {
      if (this.#sweeps - watched.movedAt <= 4) continue;
      this.#watched.delete(watched);
      watched.idle();
    }
  }
}

interface Watched extends Idler {
  readonly idle: () => void;
  movedAt: number;
}
