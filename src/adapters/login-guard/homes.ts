/**
 * The addresses from which each user has logged in lately, as far as this process has seen it. It bounds how many are
 * remembered for one user. The names are users' names, since only a login that succeeded counts.
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
