/** The formats of a scrape, and which of them an `Accept` field asks for (RFC 9110, 12.5.1). */
import { Registry } from 'prom-client';

/** The one that has native histograms. Prometheus asks for it where it is to take them. */
export const protobuf = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

export type TextFormat = typeof Registry.PROMETHEUS_CONTENT_TYPE | typeof Registry.OPENMETRICS_CONTENT_TYPE;

export type Format = TextFormat | typeof protobuf;

interface Range {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly weight: number;
}

/**
 * Protocol buffers where they are named and weigh no less than the others. OpenMetrics where it is named (without a
 * version or with 1.0.0) and weighs no less than plain text. Plain text, which every scraper reads, in every other case,
 * also where none is accepted.
 */
export function formatFor(accept: string | undefined): Format {
  const ranges = (accept ?? '').split(',').map(rangeOf);
  const open = weightOf(
    ranges.filter((range) => range.type === 'application/openmetrics-text' && says(range, 'version', '1.0.0')),
  );
  const plain = weightOf(ranges.filter((range) => range.type === 'text/plain' && says(range, 'version', '0.0.4')));
  const binary = weightOf(
    ranges.filter(
      (range) =>
        range.type === 'application/vnd.google.protobuf' &&
        range.parameters.get('proto') === 'io.prometheus.client.metricfamily' &&
        range.parameters.get('encoding') === 'delimited',
    ),
  );
  if (binary > 0 && binary >= Math.max(open, plain)) return protobuf;
  return open > 0 && open >= plain ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
}

/** Whether a range has that parameter, or leaves it open. */
function says({ parameters }: Range, name: string, value: string): boolean {
  return (parameters.get(name) ?? value) === value;
}

function weightOf(ranges: readonly Range[]): number {
  return Math.max(0, ...ranges.map(({ weight }) => weight));
}

function rangeOf(text: string): Range {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim().toLowerCase());
  const parameters = new Map(
    rest.map((part) => part.split('=', 2).map((side) => side.trim().replaceAll('"', '')) as [string, string]),
  );
  const weight = Number(parameters.get('q') ?? '1');
  return {
    type,
    parameters,
    weight: weight >= 0 && weight <= 1 ? weight : 0,
  };
}
