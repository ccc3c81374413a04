import { type Metric, Registry } from 'prom-client';
import type { Family, Sample } from '../../observe/family.ts';
import { boundLabel } from './family.ts';
import type { TextFormat } from './negotiate.ts';

/**
 * Families as text, written by prom-client. A registry of its own for each scrape: prom-client's renames the counters
 * that it shows as OpenMetrics for good, so that one registry cannot serve both formats.
 */
export function textOf(families: readonly Family[], format: TextFormat): Promise<string> {
  const registry = new Registry<TextFormat>();
  registry.setContentType(format);
  for (const family of families) {
    const shown = format === Registry.OPENMETRICS_CONTENT_TYPE ? withoutTotal(family) : family;
    // A registry asks nothing of a metric but its name, type and `get()`; the published type asks for a class.
    registry.registerMetric({ ...shown, get: () => shown } as unknown as Metric);
  }
  return registry.metrics();
}

/** In OpenMetrics a counter's family has no suffix, its sample has `_total`, which prom-client adds. */
function withoutTotal(family: Family): Family {
  return family.type === 'counter' ? { ...family, name: family.name.replace(/_total$/, '') } : family;
}

/** As prom-client has them, with the rule by which it adds up those of several processes. */
export type NodeMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/**
 * The Node defaults of prom-client, with bounds written as Weir's own are. Left out: gauges that call themselves
 * totals, as only counters may; they are the sums of others. Its bucket without an exemplar has null in its place.
 */
export function familiesOf(metrics: NodeMetrics): Family[] {
  const families = metrics as unknown as Family[];
  const wellNamed = families.filter(({ type, name }) => type === 'counter' || !name.endsWith('_total'));
  return wellNamed.map((family) => ({ ...family, values: family.values.map(asOurs) }));
}

function asOurs({ exemplar, ...one }: Sample): Sample {
  const { le } = one.labels ?? {};
  const told = exemplar == null ? one : { ...one, exemplar };
  return typeof le === 'number' ? { ...told, labels: { ...one.labels, le: boundLabel(le) } } : told;
}
