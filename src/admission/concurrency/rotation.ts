export interface Owned {
  /** The owner whose turns it shares. */
  readonly owner: string;
}

/** What waits for its turn, each thing once: owners in rotation, and of one owner what has waited longest. */
export class Rotation<T extends Owned> {
  readonly #of = new Map<string, Set<T>>();

  get isEmpty(): boolean {
    return this.#of.size === 0;
  }

  add(item: T): void {
    const own = this.#of.get(item.owner);
    if (own === undefined) this.#of.set(item.owner, new Set([item]));
    else own.add(item);
  }

  delete(item: T): void {
    const own = this.#of.get(item.owner);
    own?.delete(item);
    if (own?.size === 0) this.#of.delete(item.owner);
  }

  /** Takes out the next one; whatever else its owner has is now behind everybody's. Undefined: nothing waits. */
  take(): T | undefined {
    for (const [owner, own] of this.#of) {
      for (const item of own) {
        own.delete(item);
        this.#of.delete(owner);
        if (own.size > 0) this.#of.set(owner, own);
        return item;
      }
    }
    return undefined;
  }
}
