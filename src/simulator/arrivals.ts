/** How a request ended here; `pending` while that is open. After `acted` an answer may still have gone wrong. */
const outcomes = [
  'pending',
  'acted',
  'throttled429',
  'overloaded503',
  'unauthorized401',
  'tooLarge413',
  'faulted',
  'aborted',
] as const;

export type Outcome = (typeof outcomes)[number];

/** How many arrivals of a class are remembered. */
export const arrivalsMax = 200_000;

const sizeFirst = 1_024;

/** When the requests of one class came, and how they ended: the last `arrivalsMax` of them. */
export class Arrivals {
  #instantsMs = new Float64Array(sizeFirst);
  #outcomes = new Uint8Array(sizeFirst);
  #count = 0;

  /** Returns the arrival's number, for `settle`. */
  add(nowMs: number): number {
    const number = this.#count++;
    if (number === this.#instantsMs.length && number < arrivalsMax) this.#grow();
    const at = number % this.#instantsMs.length;
    this.#instantsMs[at] = nowMs;
    this.#outcomes[at] = 0;
    return number;
  }

  settle(number: number, outcome: Outcome): void {
    if (number < this.#count - this.#instantsMs.length) return; // Overwritten meanwhile.
    this.#outcomes[number % this.#instantsMs.length] = outcomes.indexOf(outcome);
  }

  /** Oldest first: milliseconds of `performance.now()` in the simulator's process, and the outcome. */
  list(): [number, Outcome][] {
    const size = this.#instantsMs.length;
    const first = Math.max(0, this.#count - size);
    return Array.from({ length: this.#count - first }, (_, i) => {
      const at = (first + i) % size;
      return [this.#instantsMs[at] as number, outcomes[this.#outcomes[at] as number] as Outcome];
    });
  }

  #grow(): void {
    const size = Math.min(this.#instantsMs.length * 4, arrivalsMax);
    const instantsMs = new Float64Array(size);
    instantsMs.set(this.#instantsMs);
    this.#instantsMs = instantsMs;
    const codes = new Uint8Array(size);
    codes.set(this.#outcomes);
    this.#outcomes = codes;
  }
}
