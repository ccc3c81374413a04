import type { Alarm, Clock } from '../../src/clock.ts';

interface Entry {
  readonly due: number;
  /** Alarms of one instant go off in the order in which they were set. */
  readonly order: number;
  /** Null once cancelled. */
  call: (() => void) | null;
}

/**
 * Time that passes only when it is told to: minutes in milliseconds, the same run every time.
 *
 * The asynchronous `advance` and `run` let promise jobs finish before the first and after each alarm, as the event
 * loop does. What waits for a thread or a socket (scrypt, files, Redis) is not a promise job and is not waited for.
 */
export class VirtualClock implements Clock {
  readonly #startWallMs: number;
  readonly #alarms: Entry[] = []; // A binary heap, the next one first.
  #now = 0;
  #order = 0;
  #running = false;

  constructor(startWallMs = Date.UTC(2026, 0, 1)) {
    this.#startWallMs = startWallMs;
  }

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#startWallMs + this.#now;
  }

  after(ms: number, call: () => void): Alarm {
    if (Number.isNaN(ms)) throw new Error('An alarm was set for NaN ms; a number of milliseconds would be right.');
    const entry: Entry = { due: this.#now + Math.max(0, ms), order: this.#order++, call };
    this.#push(entry);
    return {
      cancel() {
        entry.call = null;
      },
    };
  }

  /** How many alarms are set. */
  get pending(): number {
    return this.#alarms.reduce((count, entry) => (entry.call === null ? count : count + 1), 0);
  }

  /** Lets `ms` pass, alarm by alarm. */
  async advance(ms: number): Promise<void> {
    await this.run(this.#now + ms);
  }

  /** Lets time pass until `now()` is `untilMs`. */
  async run(untilMs: number): Promise<void> {
    this.#start();
    try {
      await this.settle();
      while (this.#fireNext(untilMs)) await this.settle();
      this.#now = Math.max(this.#now, untilMs);
    } finally {
      this.#running = false;
    }
  }

  /** As `advance`, without waiting for promise jobs: for code that has none. */
  advanceSync(ms: number): void {
    this.runSync(this.#now + ms);
  }

  /** As `run`, without waiting for promise jobs. */
  runSync(untilMs: number): void {
    this.#start();
    try {
      while (this.#fireNext(untilMs)) {}
      this.#now = Math.max(this.#now, untilMs);
    } finally {
      this.#running = false;
    }
  }

  /** Lets every promise job finish; no time passes. A macrotask begins only when none is left. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #start(): void {
    if (this.#running) throw new Error('The virtual clock is running already: await the last advance or run first.');
    this.#running = true;
  }

  /** Fires the next alarm due at `untilMs` or before; false: there is none. */
  #fireNext(untilMs: number): boolean {
    for (;;) {
      const next = this.#alarms[0];
      if (next === undefined || next.due > untilMs) return false;
      this.#pop();
      const { call } = next;
      if (call === null) continue;
      next.call = null;
      this.#now = Math.max(this.#now, next.due);
      call();
      return true;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#alarms;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Entry;
      if (isBefore(parent, entry)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#alarms;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Entry, heap[below] as Entry)) below += 1;
      const child = heap[below] as Entry;
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
