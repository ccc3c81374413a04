/**
 * What happened in the last 15 minutes, by class. Counters that are there anyway are read once in a step, so a request
 * costs nothing more. A class takes 60 steps of five numbers: 2.4 KB.
 */
import type { RecentFigures, RecentView } from './views.ts';

export const recentSteps = 60;
export const recentStepMs = 15_000;

const kinds = ['came', 'held', 'sent', 'replayed', 'refused'] as const;
type Kind = (typeof kinds)[number];

/** Since the process began. */
export type Totals = Readonly<Record<Kind, number>>;

/** The counts of all classes. */
type ReadTotals = () => ReadonlyMap<string, Totals>;

const nothing: Totals = { came: 0, held: 0, sent: 0, replayed: 0, refused: 0 };

/** One class: a ring of what each step brought. */
const newRing = (seen: Totals) => ({ counts: new Float64Array(recentSteps * kinds.length), seen });
type Ring = ReturnType<typeof newRing>;

export class Recent {
  readonly #read: ReadTotals;
  readonly #rings = new Map<string, Ring>();
  /** How many steps are over. */
  #over = 0;

  constructor(read: ReadTotals) {
    this.#read = read;
    for (const [name, totals] of read()) this.#rings.set(name, newRing(totals));
  }

  /** A step is over. Call it once in `recentStepMs`. */
  step(): void {
    const at = (this.#over % recentSteps) * kinds.length;
    for (const [name, totals] of this.#read()) {
      const ring = this.#ringOf(name);
      kinds.forEach((kind, i) => {
        ring.counts[at + i] = totals[kind] - ring.seen[kind];
      });
      ring.seen = totals;
    }
    this.#over += 1;
  }

  /** The steps that are over, at most 59 of them, and the one under way. Classes in which nothing happened are left out. */
  figures(): RecentFigures {
    const classes: RecentView[] = [];
    for (const [name, totals] of this.#read()) {
      const view = this.#view(name, this.#ringOf(name), totals);
      if (kinds.some((kind) => view[kind].some((count) => count > 0))) classes.push(view);
    }
    return { stepMs: recentStepMs, classes };
  }

  #view(name: string, { counts, seen }: Ring, totals: Totals): RecentView {
    const steps = Math.min(this.#over, recentSteps - 1);
    const series = (kind: Kind): number[] => {
      const i = kinds.indexOf(kind);
      const past = Array.from({ length: steps }, (_, step) => {
        const at = (this.#over - steps + step) % recentSteps;
        return counts[at * kinds.length + i] as number;
      });
      return [...past, totals[kind] - seen[kind]];
    };
    return {
      class: name,
      came: series('came'),
      held: series('held'),
      sent: series('sent'),
      replayed: series('replayed'),
      refused: series('refused'),
    };
  }

  /** A class that is new since the start began with nothing. */
  #ringOf(name: string): Ring {
    const known = this.#rings.get(name);
    if (known !== undefined) return known;
    const ring = newRing(nothing);
    this.#rings.set(name, ring);
    return ring;
  }
}
