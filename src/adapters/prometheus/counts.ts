/**
 * The counters of the hot path: plain numbers, found by one Map lookup each. prom-client's own counters hash their
 * labels at every call, which costs more than all of a request's figures may.
 */
import { ExponentialCounts } from './exponential.ts';

/** A trace whose request is in a bucket: the last one. */
interface Seen {
  readonly traceId: string;
  readonly ms: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atMs: number;
}

/** What a histogram holds, as plain data. */
export type HistogramData = ReturnType<Histogram['data']>;

/** A histogram with fixed bounds, in milliseconds; shown in seconds. Beside them it has those of a native histogram. */
export class Histogram {
  /** Upper bounds, ascending; the last bucket, above all of them, has none. */
  boundsMs: readonly number[];
  /** How many fell into each bucket (not cumulative), one longer than the bounds. */
  readonly counts: number[];
  readonly exponential = new ExponentialCounts();
  sumMs = 0;
  /** By bucket. Made with the first one. */
  #seen: (Seen | undefined)[] | null = null;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.counts = new Array<number>(boundsMs.length + 1).fill(0);
  }

  /** Returns the bucket. */
  observe(ms: number): number {
    const bounds = this.boundsMs;
    let bucket = 0;
    while (bucket < bounds.length && ms > (bounds[bucket] as number)) bucket++;
    (this.counts[bucket] as number) += 1;
    this.sumMs += ms;
    this.exponential.observe(ms);
    return bucket;
  }

  /** The same for one whose trace is recorded. */
  observeTraced(ms: number, traceId: string, atMs: number): void {
    const bucket = this.observe(ms);
    this.#seen ??= [];
    this.#seen[bucket] = { traceId, ms, atMs };
  }

  seen(bucket: number): Seen | undefined {
    return this.#seen?.[bucket];
  }

  /** Further bounds above all that there are. What was above these is not known to be below any: it stays above all. */
  extend(boundsMs: readonly number[]): void {
    const more = boundsMs.length - this.boundsMs.length;
    if (more <= 0) return;
    this.counts.splice(-1, 0, ...new Array<number>(more).fill(0));
    if (this.#seen !== null) this.#seen.length = this.boundsMs.length;
    this.boundsMs = boundsMs;
  }

  get total(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }

  data() {
    const { boundsMs, counts, exponential, sumMs } = this;
    return { boundsMs, counts, exponential: exponential.data(), sumMs, seen: this.#seen };
  }

  /** What another one holds, whose bounds are the same, or fewer, or more above all that there are. */
  add({ boundsMs, counts, exponential, sumMs, seen }: HistogramData): void {
    this.extend(boundsMs);
    for (const [bucket, count] of counts.entries()) {
      const isAboveAll = bucket === boundsMs.length;
      (this.counts[isAboveAll ? this.boundsMs.length : bucket] as number) += count;
    }
    this.exponential.add(exponential);
    this.sumMs += sumMs;
    for (const [bucket, one] of seen?.entries() ?? []) {
      if (one === undefined || one.atMs < (this.seen(bucket)?.atMs ?? 0)) continue;
      this.#seen ??= [];
      this.#seen[bucket] = one;
    }
  }
}

/** Answers with one status. */
interface Cell {
  /** The status as a label: `200`, `failure`, or `other` for what is no HTTP status. */
  readonly status: string;
  count: number;
  ms: number;
}

/** The same as plain data. */
export type ByStatusData = readonly (readonly [key: number, cell: Cell])[];

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

  data(): ByStatusData {
    return [...this.#cells];
  }

  addAll(cells: ByStatusData): void {
    for (const [key, { status, count, ms }] of cells) {
      const cell = this.#cells.get(key) ?? { status, count: 0, ms: 0 };
      cell.count += count;
      cell.ms += ms;
      this.#cells.set(key, cell);
    }
  }
}
