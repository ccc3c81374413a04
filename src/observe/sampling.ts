/** Which traces are recorded: the samplers that OpenTelemetry names in `OTEL_TRACES_SAMPLER`. */

/** @param parent whether the caller recorded the trace; null: the trace begins here */
export type Sampler = (traceId: string, parent: boolean | null) => boolean;

export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type SamplerName = (typeof samplerNames)[number];

/** The random part of a trace id is its last 14 digits (W3C Trace Context, level 2). A number holds 13 of them. */
const randomFrom = 18;
const randomDigits = 13;
const randomRange = 16 ** randomDigits;

/** @param ratio of the traces, from 0 to 1, for the samplers that go by one */
export function samplerOf(name: SamplerName, ratio: number): Sampler {
  const root = rootSampler(name.replace('parentbased_', ''), ratio);
  if (!name.startsWith('parentbased_')) return root;
  return (traceId, parent) => parent ?? root(traceId, null);
}

/**
 * A ratio goes by the trace id, so that all who take part decide alike: what one with a lower ratio records, one with a
 * higher ratio records as well (OpenTelemetry, "Probability Sampling": what is random is no less than a threshold).
 */
function rootSampler(name: string, ratio: number): Sampler {
  if (name === 'always_on') return () => true;
  if (name === 'always_off') return () => false;
  const least = Math.ceil((1 - ratio) * randomRange);
  if (least === randomRange) return () => false;
  // As texts, so that no number has to be read of each id.
  const threshold = least.toString(16).padStart(randomDigits, '0');
  return (traceId) => traceId.slice(randomFrom) >= threshold;
}
