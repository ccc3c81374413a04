/**
 * A map that forgets what has not been used for longest, in two generations: when the young one is full it becomes the
 * old one, and what was old is gone. So it holds at least the newest half of `weightMax` and no more than all of it
 * (one value that is heavier than half is kept all the same), at a constant cost. (Deleting the first key of one big
 * `Map` again and again walks over all the holes that this leaves.)
 */
export class Generations<Value> {
  readonly #weightMax: number;
  readonly #weigh: (value: Value) => number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  #youngWeight = 0;

  constructor(weightMax: number, weigh: (value: Value) => number = () => 1) {
    this.#weightMax = weightMax;
    this.#weigh = weigh;
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.#put(key, old);
    }
    return old;
  }

  set(key: string, value: Value): void {
    this.delete(key);
    this.#put(key, value);
  }

  delete(key: string): boolean {
    const young = this.#young.get(key);
    if (young === undefined) return this.#old.delete(key);
    this.#youngWeight -= this.#weigh(young);
    return this.#young.delete(key);
  }

  #put(key: string, value: Value): void {
    const weight = this.#weigh(value);
    if (this.#youngWeight + weight > this.#weightMax / 2 && this.#young.size > 0) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngWeight = 0;
    }
    this.#young.set(key, value);
    this.#youngWeight += weight;
  }
}
