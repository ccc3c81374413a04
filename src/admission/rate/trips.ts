/**
 * How long a round trip to the store usually takes. Most of what a trip takes beyond the shortest of late is a process
 * that stood still, here or there, so the usual one is the shortest; but only if another was hardly longer, and but for
 * a single one that was quicker than all. If all of them differ, or there are only a few, none is usual.
 */

/** So many of the last trips count: a link that has become slow is the usual one after as many. */
const countMax = 32;
/** Two trips that differ by less are alike. */
const alikeMs = 2;
/** Before so many are known, none is usual: all of fewer may have been held up. */
const countMin = 8;

export class Trips {
  readonly #lastMs = new Float64Array(countMax);
  #count = 0;

  add(ms: number): void {
    this.#lastMs[this.#count % countMax] = ms;
    this.#count += 1;
  }

  /** 0: none is. */
  get usualMs(): number {
    const known = Math.min(this.#count, countMax);
    if (known < countMin) return 0;
    const sorted = this.#lastMs.slice(0, known).sort();
    for (const shortest of [0, 1]) {
      const ms = sorted[shortest] as number;
      if ((sorted[shortest + 1] as number) - ms < alikeMs) return ms;
    }
    return 0;
  }
}
