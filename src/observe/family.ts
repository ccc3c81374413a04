/** A metric family as it stands at one scrape: the shape that prom-client's `Registry` asks of a metric's `get()`. */
export type Labels = Readonly<Record<string, string | number>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Where it differs from the family's: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
  /** One of those that are in a bucket. */
  readonly exemplar?: Exemplar;
  /** Of a histogram's `…_count`: the same as a native histogram. */
  readonly native?: NativeBuckets;
}

/** A trace that has been counted (OpenMetrics: its labels have at most 128 characters). */
export interface Exemplar {
  readonly labelSet: Readonly<Record<'trace_id', string>>;
  /** In the unit of the histogram. */
  readonly value: number;
  /** Seconds since 1970-01-01 UTC. */
  readonly timestamp: number;
}

/** Exponential buckets: number i ends at 2^(i / 2^schema). */
export interface NativeBuckets {
  readonly schema: number;
  /** What is no more than that is in no bucket. */
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  /** Those that are not empty, ascending. */
  readonly buckets: readonly (readonly [index: number, count: number])[];
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly values: readonly Sample[];
}

export const sample = (value: number, labels: Labels = {}): Sample => ({ labels, value });
