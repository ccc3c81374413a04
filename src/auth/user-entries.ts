/**
 * Something for each of many digests, which has a user and an end. If there are too many, the oldest goes first, among
 * those of users that have at least the average number. So a user with thousands pushes out its own.
 */
export interface UserEntry {
  readonly user: string;
  /** `Clock.now()` */
  readonly until: number;
}

export class UserEntries<Entry extends UserEntry> {
  /** By digest, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** How many each user has. */
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#entries.size;
  }

  get(digest: string): Entry | undefined {
    return this.#entries.get(digest);
  }

  [Symbol.iterator](): Iterator<[digest: string, entry: Entry]> {
    return this.#entries[Symbol.iterator]();
  }

  /** For a digest that has no entry. */
  add(digest: string, entry: Entry): void {
    this.#entries.set(digest, entry);
    this.#counts.set(entry.user, (this.#counts.get(entry.user) ?? 0) + 1);
  }

  /** Undefined: there was none. */
  take(digest: string): Entry | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    this.#entries.delete(digest);
    const count = (this.#counts.get(entry.user) ?? 0) - 1;
    if (count > 0) this.#counts.set(entry.user, count);
    else this.#counts.delete(entry.user);
    return entry;
  }

  /** The digests that have to go, so that no more than `max` are left. Each is to be taken before the next is asked for. */
  *surplus(now: number, max: number): Generator<string, void> {
    for (const [oldest, entry] of this.#entries) {
      if (now < entry.until) {
        if (this.#entries.size <= max) return;
        if (!this.#hasMany(entry.user)) {
          // It is spared, and the round goes on behind it. It ends, since somebody has at least the average.
          this.#entries.delete(oldest);
          this.#entries.set(oldest, entry);
          continue;
        }
      }
      yield oldest;
    }
  }

  #hasMany(user: string): boolean {
    return (this.#counts.get(user) ?? 0) * this.#counts.size >= this.#entries.size;
  }
}
