/** Histograms as samples. */
import type { Exemplar, Labels, Sample } from '../../observe/family.ts';
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
    const le = boundLabel(boundMs / 1000);
    const exemplar = exemplarIn(histogram, bucket);
    samples.push({
      metricName: `${name}_bucket`,
      labels: { ...labels, le },
      value: below,
      ...(exemplar !== null && { exemplar }),
    });
  }
  samples.push({ metricName: `${name}_sum`, labels, value: histogram.sumMs / 1000 });
  const native = histogram.exponential.shown();
  samples.push({ metricName: `${name}_count`, labels, value: below, native });
  return samples;
}

function exemplarIn(histogram: Histogram, bucket: number): Exemplar | null {
  const seen = histogram.seen(bucket);
  if (seen === undefined) return null;
  const { traceId, ms, atMs } = seen;
  return { labelSet: { trace_id: traceId }, value: ms / 1_000, timestamp: atMs / 1_000 };
}
