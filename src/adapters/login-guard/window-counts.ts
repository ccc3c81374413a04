/**
 * Counts by key, each in a window that begins with its first count. Bounded: if there are too many keys, the one with
 * the oldest window goes, and begins anew.
 */
export class WindowCounts {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #keysMax: number;
  readonly #windows = new Map<string, { count: number; until: number }>();

  constructor(limit: number, windowMs: number, keysMax: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#keysMax = keysMax;
  }

  /** How long until the key is below the limit again, milliseconds; 0: it is. */
  waitMs(key: string, now: number): number {
    const window = this.#windows.get(key);
    return window === undefined || window.count < this.#limit ? 0 : Math.max(0, window.until - now);
  }

  add(key: string, now: number): void {
    const window = this.#windows.get(key);
    if (window !== undefined && now < window.until) window.count += 1;
    else this.#open(key, 1, now + this.#windowMs, now);
  }

  /** Takes over a count from one who sees more, where it is the higher one. */
  learn(key: string, count: number, until: number, now: number): void {
    const window = this.#windows.get(key);
    if (window !== undefined && now < window.until && window.count >= count) return;
    this.#open(key, count, until, now);
  }

  #open(key: string, count: number, until: number, now: number): void {
    this.#windows.delete(key);
    this.#windows.set(key, { count, until });
    for (const [oldest, window] of this.#windows) {
      if (this.#windows.size <= this.#keysMax && now < window.until) return;
      this.#windows.delete(oldest);
    }
  }
}
