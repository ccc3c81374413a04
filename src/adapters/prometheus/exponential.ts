/**
 * The buckets of a native histogram (prometheus.io/docs/specs/native_histograms): each is 9 % wider than the one below,
 * so that quantiles need no bounds that somebody has chosen.
 */
import type { NativeBuckets } from '../../observe/family.ts';

/** Buckets double 2^3 times in an octave: bucket i ends at 2^(i / 8) seconds. */
const schema = 3;
const perOctave = 2 ** schema;
/** About a microsecond. What is no more than that counts as nothing. */
const leastOctave = -20;
/** Some 36 hours. What is more is counted as that. */
const greatestOctave = 17;
const firstIndex = leastOctave * perOctave + 1;
const lastIndex = greatestOctave * perOctave;
/** If there are more of them, each two are shown as one. Scrapers may bound how many they take. */
const shownMax = 160;

export class ExponentialCounts {
  /** Made with the first one that counts. */
  #counts: Float64Array | null = null;
  #zeros = 0;

  observe(ms: number): void {
    const index = Math.ceil(Math.log2(ms / 1_000) * perOctave);
    if (!(index >= firstIndex)) {
      this.#zeros += 1;
      return;
    }
    this.#counts ??= new Float64Array(lastIndex - firstIndex + 1);
    (this.#counts[Math.min(index, lastIndex) - firstIndex] as number) += 1;
  }

  /** Its counts as plain data. */
  data() {
    return { zeros: this.#zeros, counts: this.#counts };
  }

  add({ zeros, counts }: ReturnType<ExponentialCounts['data']>): void {
    this.#zeros += zeros;
    if (counts === null) return;
    this.#counts ??= new Float64Array(counts.length);
    for (const [at, count] of counts.entries()) (this.#counts[at] as number) += count;
  }

  shown(): NativeBuckets {
    const buckets: [number, number][] = [];
    for (const [at, count] of this.#counts?.entries() ?? []) if (count > 0) buckets.push([at + firstIndex, count]);
    const common = { zeroThreshold: 2 ** leastOctave, zeroCount: this.#zeros };
    return buckets.length <= shownMax
      ? { ...common, schema, buckets }
      : { ...common, schema: schema - 1, buckets: halved(buckets) };
  }
}

function halved(buckets: readonly (readonly [index: number, count: number])[]): [number, number][] {
  const wide = new Map<number, number>();
  for (const [index, count] of buckets) {
    const at = Math.ceil(index / 2);
    wide.set(at, (wide.get(at) ?? 0) + count);
  }
  return [...wide];
}
