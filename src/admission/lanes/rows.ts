/** Who is parked in a lane, and who of them is next: callers take turns, and each has its own in the order of their age. */
import type { Waiter, WaitersLane } from '../stay.ts';

/** Parked requests of one caller, the oldest first; some may have left. */
interface Row {
  readonly waiters: Waiter[];
  gone: number;
}

export class Rows {
  readonly #lane: WaitersLane;
  readonly #rows = new Map<string, Row>();
  /** The caller whose turn it is, whatever the order; null: no special one. */
  first: string | null = null;

  constructor(lane: WaitersLane) {
    this.#lane = lane;
  }

  add(waiter: Waiter): void {
    const row = this.#rows.get(waiter.caller) ?? { waiters: [], gone: 0 };
    this.#rows.set(waiter.caller, row);
    let at = row.waiters.length;
    while (at > 0 && (row.waiters[at - 1] as Waiter).since > waiter.since) at -= 1;
    row.waiters.splice(at, 0, waiter);
  }

  /** One of a caller's is not parked any more. */
  left(caller: string): void {
    const row = this.#rows.get(caller);
    if (row === undefined) return;
    row.gone += 1;
    if (row.gone === row.waiters.length) this.#rows.delete(caller);
    else if (row.gone > 32 && row.gone > row.waiters.length / 2) {
      this.#rows.set(caller, { waiters: row.waiters.filter((waiter) => this.#isHere(waiter)), gone: 0 });
    }
  }

  /** Null: nobody is parked. */
  get next(): Waiter | null {
    const caller = this.first !== null && this.#rows.has(this.first) ? this.first : this.#rows.keys().next().value;
    const row = caller === undefined ? undefined : this.#rows.get(caller);
    return row?.waiters.find((waiter) => this.#isHere(waiter)) ?? null;
  }

  /** The caller is behind all others, for its next turn. */
  tookTurn(caller: string): void {
    this.first = null;
    const row = this.#rows.get(caller);
    if (row === undefined) return;
    this.#rows.delete(caller);
    this.#rows.set(caller, row);
  }

  *[Symbol.iterator](): Generator<Waiter> {
    for (const { waiters } of this.#rows.values()) {
      for (const waiter of waiters) if (this.#isHere(waiter)) yield waiter;
    }
  }

  #isHere(waiter: Waiter): boolean {
    return waiter.parkedIn === this.#lane;
  }
}
