/** A metric family as it stands at one scrape: the shape that prom-client's `Registry` asks of a metric's `get()`. */
export type Labels = Readonly<Record<string, string | number>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Where it differs from the family's: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly values: readonly Sample[];
}

export const sample = (value: number, labels: Labels = {}): Sample => ({ labels, value });
