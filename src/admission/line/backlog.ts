/**
 * What is in front of a newcomer, by the line's own arithmetic: within a virtual time x, `rounds.ts` gives a caller
 * that needs n slots at the urgency u at least min(n, x / 2^u) of them. The sum over all is kept in classes of how long
 * each will take, four to an octave, so that it costs the same for one caller and for 10,000; the class that x falls
 * into is rounded down. Nobody is refused for a sum that is too large.
 */
const stepsInOctave = 4;
/** Longer times than 2^32 are not told apart. */
const classes = 32 * stepsInOctave;

const lowerEnd = Float64Array.from({ length: classes + 1 }, (_, index) => 2 ** (index / stepsInOctave));

/** What one caller has of one urgency, as it was last counted. */
export class Burden {
  /** −1: not counted. */
  takesClass = -1;
  countedSlots = 0;
  countedWeight = 0;
}

export class Backlog {
  readonly #slots = new Float64Array(classes);
  readonly #weights = new Float64Array(classes);

  /** Counts it, in place of what was counted of it before. */
  count(burden: Burden, slots: number, urgency: number): void {
    this.discount(burden);
    if (slots === 0) return;
    const takes = slots * 2 ** urgency;
    const index = Math.min(classes - 1, Math.floor(stepsInOctave * Math.log2(takes)));
    burden.takesClass = index;
    burden.countedSlots = slots;
    burden.countedWeight = 2 ** -urgency;
    this.#slots[index] = (this.#slots[index] as number) + slots;
    this.#weights[index] = (this.#weights[index] as number) + burden.countedWeight;
  }

  discount(burden: Burden): void {
    const index = burden.takesClass;
    if (index === -1) return;
    this.#slots[index] = (this.#slots[index] as number) - burden.countedSlots;
    this.#weights[index] = (this.#weights[index] as number) - burden.countedWeight;
    burden.takesClass = -1;
  }

  /** How many slots all that is counted uses at least within a virtual time. */
  usedWithin(time: number): number {
    let used = 0;
    for (let index = 0; index < classes; index++) {
      const slots = this.#slots[index] as number;
      if (slots === 0) continue;
      const weight = this.#weights[index] as number;
      used += (lowerEnd[index + 1] as number) <= time ? slots : Math.min(time, lowerEnd[index] as number) * weight;
    }
    return used;
  }
}
