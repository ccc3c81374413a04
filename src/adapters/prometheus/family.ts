/** Histograms as samples. */
import type { Labels, Sample } from '../../observe/family.ts';
import type { Histogram } from './counts.ts';

/** A bucket's bound as both text formats of all clients agree on it: OpenMetrics wants `1.0`, not `1`. */
export function boundLabel(seconds: number): string {
  if (seconds === Number.POSITIVE_INFINITY) return '+Inf';
  return Number.isInteger(seconds) ? `${seconds}.0` : String(seconds);
}

/** The samples of one histogram, in seconds; none as long as nothing was observed. */
export function histogramSamples(name: string, labels: Labels, histogram: Histogram): Sample[] {
  if (histogram.total === 0) return [];
  const samples: Sample[] = [];
  let below = 0;
  for (const [bucket, count] of histogram.counts.entries()) {
    below += count;
    const boundMs = histogram.boundsMs[bucket] ?? Number.POSITIVE_INFINITY;
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: boundLabel(boundMs / 1000) }, value: below });
  }
  samples.push({ metricName: `${name}_sum`, labels, value: histogram.sumMs / 1000 });
  samples.push({ metricName: `${name}_count`, labels, value: below });
  return samples;
}
