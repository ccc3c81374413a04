/** The two text formats of a scrape, and which of them an `Accept` field asks for (RFC 9110, 12.5.1). */
import { Registry } from 'prom-client';

export type TextFormat = typeof Registry.PROMETHEUS_CONTENT_TYPE | typeof Registry.OPENMETRICS_CONTENT_TYPE;

interface Range {
  readonly type: string;
  readonly version: string | null;
  readonly weight: number;
}

/**
 * OpenMetrics where it is named (without a version or with 1.0.0) and weighs no less than plain text; plain text,
 * which every scraper reads, in every other case, also where neither is accepted.
 */
export function formatFor(accept: string | undefined): TextFormat {
  const ranges = (accept ?? '').split(',').map(rangeOf);
  const open = weightOf(
    ranges.filter(({ type, version }) => type === 'application/openmetrics-text' && (version ?? '1.0.0') === '1.0.0'),
  );
  const plain = weightOf(
    ranges.filter(({ type, version }) => type === 'text/plain' && (version ?? '0.0.4') === '0.0.4'),
  );
  return open > 0 && open >= plain ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
}

function weightOf(ranges: readonly Range[]): number {
  return Math.max(0, ...ranges.map(({ weight }) => weight));
}

function rangeOf(text: string): Range {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim().toLowerCase());
  const parameters = new Map(rest.map((part) => part.split('=', 2).map((side) => side.trim()) as [string, string]));
  const weight = Number(parameters.get('q') ?? '1');
  return {
    type,
    version: parameters.get('version')?.replaceAll('"', '') ?? null,
    weight: weight >= 0 && weight <= 1 ? weight : 0,
  };
}
