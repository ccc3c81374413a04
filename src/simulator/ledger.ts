/**
 * The book of what arrived: by class, by `X-Request-Id`, and when. It tells apart what was seen, refused and acted on.
 */
import { Arrivals, type Outcome } from './arrivals.ts';
import { type Class, classes, forEach } from './classes.ts';
import { Generations } from './generations.ts';

const idsMax = 400_000;
const actedTwiceMax = 1_000;

/**
 * Every request is `seen` once, then ends as at most one of the others; `faulted` comes on top of `acted` where it was.
 */
class Counts {
  seen = 0;
  acted = 0;
  throttled429 = 0;
  overloaded503 = 0;
  unauthorized401 = 0;
  tooLarge413 = 0;
  /** Hung, reset, truncated or answered 500 on purpose. */
  faulted = 0;
  /** The caller left before the whole request was here. */
  aborted = 0;
}

/** A request head as it came. */
interface RequestHead {
  readonly method: string;
  /** The request target: path and query. */
  readonly target: string;
  /** Name, value, name, value, … as received. */
  readonly fields: readonly string[];
  /** Null while the body is not here, or when it never came whole. */
  readonly bodyBytes: number | null;
  /** Hexadecimal. */
  readonly bodySha256: string | null;
}

/** What is known of one `X-Request-Id`. */
export interface Trace {
  readonly id: string;
  readonly class: Class;
  readonly counts: Counts;
  /** The last request of this id; null when it is not (or no longer) remembered. */
  readonly last: RequestHead | null;
}

interface ActedTwice {
  readonly id: string;
  readonly class: Class;
  readonly method: string;
  readonly acted: number;
}

export interface Seen {
  readonly total: Counts;
  readonly classes: Readonly<Record<Class, Counts>>;
  /** Requests that brought no `X-Request-Id`. */
  readonly withoutId: number;
  /** The ids that were acted on more than once: how many, and the first thousand of them. */
  readonly actedTwice: { readonly count: number; readonly ids: readonly ActedTwice[] };
  /** The most often that one id was acted on. */
  readonly actedMost: number;
}

/** One request as the ledger follows it. */
export interface Entry {
  readonly class: Class;
  readonly id: string | null;
  readonly method: string;
  readonly number: number;
  /** Of its class. */
  readonly counts: Counts;
  readonly trace: { readonly class: Class; readonly counts: Counts } | null;
}

export class Ledger {
  #classes!: Record<Class, { readonly counts: Counts; readonly arrivals: Arrivals }>;
  #traces!: Generations<{ readonly class: Class; readonly counts: Counts }>;
  #heads!: Generations<RequestHead>;
  #headsMax: number;
  #actedTwice!: Map<string, ActedTwice>;
  #actedTwiceCount!: number;
  #actedMost!: number;
  #withoutId!: number;

  constructor(headsMax: number) {
    this.#headsMax = headsMax;
    this.reset();
  }

  reset(): void {
    this.#classes = forEach(classes, () => ({ counts: new Counts(), arrivals: new Arrivals() }));
    this.#traces = new Generations(idsMax);
    this.#heads = new Generations(this.#headsMax);
    this.#actedTwice = new Map();
    this.#actedTwiceCount = 0;
    this.#actedMost = 0;
    this.#withoutId = 0;
  }

  /** How many request heads are remembered from now on; 0: none. */
  changeHeadsMax(headsMax: number): void {
    if (headsMax === this.#headsMax) return;
    this.#headsMax = headsMax;
    this.#heads = new Generations(headsMax);
  }

  arrive(name: Class, id: string | null, method: string, nowMs: number): Entry {
    const { counts, arrivals } = this.#classes[name];
    counts.seen += 1;
    const number = arrivals.add(nowMs);
    if (id === null) {
      this.#withoutId += 1;
      return { class: name, id, method, number, counts, trace: null };
    }
    let trace = this.#traces.get(id);
    if (trace === undefined) {
      trace = { class: name, counts: new Counts() };
      this.#traces.set(id, trace);
    }
    trace.counts.seen += 1;
    return { class: name, id, method, number, counts, trace };
  }

  /** Remembers the request's head. `bodySha256` is asked for only when it is remembered. */
  record(
    entry: Entry,
    target: string,
    fields: readonly string[],
    body: { bytes: number; sha256(): string } | null,
  ): void {
    if (entry.id === null || this.#headsMax === 0) return;
    this.#heads.set(entry.id, {
      method: entry.method,
      target,
      fields,
      bodyBytes: body === null ? null : body.bytes,
      bodySha256: body === null ? null : body.sha256(),
    });
  }

  /** How the request ended; once for each. */
  settle(entry: Entry, outcome: Exclude<Outcome, 'pending'>): void {
    const { counts, arrivals } = this.#classes[entry.class];
    if (counts !== entry.counts) return; // It arrived before a reset, so this book never saw it.
    counts[outcome] += 1;
    arrivals.settle(entry.number, outcome);
    if (entry.trace === null) return;
    entry.trace.counts[outcome] += 1;
    if (outcome === 'acted') this.#acted(entry, entry.trace.counts.acted);
  }

  /** The answer to a request that was acted on goes wrong on purpose. */
  faultAfterActing(entry: Entry): void {
    entry.counts.faulted += 1;
    if (entry.trace !== null) entry.trace.counts.faulted += 1;
  }

  seen(): Seen {
    const counts = forEach(classes, (name): Counts => ({ ...this.#classes[name].counts }));
    const total = new Counts();
    for (const name of classes) {
      for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[name][key];
    }
    return {
      total: { ...total },
      classes: counts,
      withoutId: this.#withoutId,
      actedTwice: { count: this.#actedTwiceCount, ids: [...this.#actedTwice.values()] },
      actedMost: this.#actedMost,
    };
  }

  trace(id: string): Trace | null {
    const trace = this.#traces.get(id);
    if (trace === undefined) return null;
    return { id, class: trace.class, counts: { ...trace.counts }, last: this.#heads.get(id) ?? null };
  }

  arrivals(name: Class): [number, Outcome][] {
    return this.#classes[name].arrivals.list();
  }

  #acted(entry: Entry, acted: number): void {
    if (acted > this.#actedMost) this.#actedMost = acted;
    if (acted < 2 || entry.id === null) return;
    if (acted === 2) this.#actedTwiceCount += 1;
    if (this.#actedTwice.has(entry.id) || this.#actedTwice.size < actedTwiceMax) {
      this.#actedTwice.set(entry.id, { id: entry.id, class: entry.class, method: entry.method, acted });
    }
  }
}
