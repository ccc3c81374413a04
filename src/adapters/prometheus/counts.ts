/**
 * The counters of the hot path: plain numbers, found by one Map lookup each. prom-client's own counters hash their
 * labels at every call, which costs more than all of a request's figures may.
 */

/** A histogram with fixed bounds, in milliseconds; shown in seconds. */
export class Histogram {
  /** Upper bounds, ascending; the last bucket, above all of them, has none. */
  readonly boundsMs: readonly number[];
  /** How many fell into each bucket (not cumulative), one longer than the bounds. */
  readonly counts: number[];
  sumMs = 0;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.counts = new Array<number>(boundsMs.length + 1).fill(0);
  }

  observe(ms: number): void {
    const bounds = this.boundsMs;
    let bucket = 0;
    while (bucket < bounds.length && ms > (bounds[bucket] as number)) bucket++;
    (this.counts[bucket] as number) += 1;
    this.sumMs += ms;
  }

  get total(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }
}

/** Answers with one status. */
export interface Cell {
  /** The status as a label: `200`, `failure`, or `other` for what is no HTTP status. */
  readonly status: string;
  count: number;
  ms: number;
}

/** Answers by status. */
export class ByStatus {
  readonly #cells = new Map<number, Cell>();

  add(status: number | 'failure', ms: number): void {
    const key = status === 'failure' ? -1 : status >= 100 && status <= 599 ? status : 0;
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { status: key === -1 ? 'failure' : key === 0 ? 'other' : String(key), count: 0, ms: 0 };
      this.#cells.set(key, cell);
    }
    cell.count += 1;
    cell.ms += ms;
  }

  cells(): IterableIterator<Cell> {
    return this.#cells.values();
  }
}
