/**
 * The figures that dashboards made for the original Webapp read (docs/reference/webapp-contract.md, "Answers"),
 * computed for Weir: `GET /v1/metrics` shows them next to the `weir_` metrics. Their units are the original's,
 * milliseconds.
 */
import type { Collected } from '../../exchange/exchange.ts';
import type { Page } from '../../exchange/outcome.ts';
import { type Refusal, refuse } from '../../exchange/refusals.ts';
import { type Family, type Sample, sample } from '../../observe/family.ts';
import type { Figures } from '../../observe/figures.ts';
import type { WebappDeps } from './deps.ts';
import { envelope } from './envelope.ts';

/** The segment of the path that stands for a class, where it is not the class's own name. */
const segments: Readonly<Record<string, string>> = { stickers: 'stickerpacks', default: 'other', none: 'other' };

export function webappFamilies({ answers, snapshot, node, uptimeSeconds }: Figures): Family[] {
  const waiting = snapshot.lines.reduce((sum, line) => sum + line.requests, 0);
  const active = snapshot.permits.reduce((sum, { inUse }) => sum + inUse, 0);
  const gauge = (name: string, help: string, ...values: Sample[]): Family => ({ name, type: 'gauge', help, values });
  return [
    gauge('web_uptime', 'Seconds since the start.', sample(uptimeSeconds)),
    gauge('web_connections', 'Open connections of callers.', sample(snapshot.connections)),
    gauge('web_pending_connections', 'Callers that wait for an answer.', sample(waiting + active)),
    gauge('web_queue_len', 'Requests that wait in line.', sample(waiting)),
    gauge(
      'web_requests',
      'Requests by state: waiting in line, or active at the Coreapp.',
      sample(waiting, { state: 'waiting' }),
      sample(active, { state: 'active' }),
    ),
    {
      name: 'api_requests_duration_ms',
      type: 'summary',
      help: 'Time from the head of a request to the end of its answer, milliseconds.',
      values: durations(answers, node),
    },
  ];
}

/** By endpoint class, not by path: `GET_v1_health`, and `GET_v1_media` whatever the media is called. */
function durations(answers: Figures['answers'], node: string): Sample[] {
  const samples = new Map<string, { labels: Sample['labels']; count: number; ms: number }>();
  for (const { class: name, method: verb, status, count, ms } of answers) {
    const method = `${verb}_v1_${segments[name] ?? name}`;
    const key = `${method} ${status}`;
    const before = samples.get(key);
    samples.set(key, {
      labels: { node, result: status, method },
      count: count + (before?.count ?? 0),
      ms: ms + (before?.ms ?? 0),
    });
  }
  return [...samples.values()].flatMap(({ labels, count, ms }) => [
    { metricName: 'api_requests_duration_ms_count', labels, value: count },
    { metricName: 'api_requests_duration_ms_sum', labels, value: ms },
  ]);
}

interface JsonMetric {
  readonly type: string;
  readonly help: string;
  readonly data: { readonly labels: Sample['labels']; readonly value: number }[];
}

/**
 * The contract's JSON. It has one value for a name and its labels, so a histogram or a summary shows as two counters,
 * `…_count` and `…_sum`, as the original shows its own; the buckets are in the text format.
 */
export function figuresText(families: readonly Family[]): string {
  return envelope({ metrics: metricsOf(families) });
}

function metricsOf(families: readonly Family[]): Readonly<Record<string, JsonMetric>> {
  const metrics: Record<string, JsonMetric> = {};
  for (const { name, type, help, values } of families) {
    const composite = type === 'histogram' || type === 'summary';
    const shownType = composite ? 'counter' : type;
    for (const shown of composite ? [`${name}_count`, `${name}_sum`] : [name]) {
      metrics[shown] = { type: shownType, help, data: [] };
    }
    for (const { metricName = name, labels, value } of values) metrics[metricName]?.data.push({ labels, value });
  }
  return metrics;
}

/** `GET /v1/metrics[?format=json|prometheus]`: Weir's own figures. */
export async function metrics(exchange: Collected, deps: WebappDeps): Promise<Page | Refusal> {
  const query = exchange.target.indexOf('?');
  const format = new URLSearchParams(query === -1 ? '' : exchange.target.slice(query + 1)).get('format') ?? 'json';
  if (format === 'json' || format === 'prometheus') return await deps.figures(format);
  return refuse('parameterInvalid', 'format must be json or prometheus.');
}
