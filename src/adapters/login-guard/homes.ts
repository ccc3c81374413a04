/**
 * From where each user has logged in lately, as far as this process has seen it: a bound on what one user can have
 * remembered. Names are those of users, since only a login that succeeded counts.
 */
export class Homes {
  readonly #max: number;
  /** The addresses of a name, the one that was used last at the end. */
  readonly #of = new Map<string, Set<string>>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Returns what has to be forgotten for it; null: nothing. */
  add(name: string, home: string): string | null {
    const homes = this.#of.get(name) ?? new Set();
    this.#of.set(name, homes);
    homes.delete(home);
    homes.add(home);
    if (homes.size <= this.#max) return null;
    const [oldest] = homes as unknown as [string];
    homes.delete(oldest);
    return oldest;
  }
}
