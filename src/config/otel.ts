/**
 * The variables of OpenTelemetry that Weir heeds
 * (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables). They are other programs' as well, so a
 * value that means nothing is told and left, and never keeps Weir from starting. Those of the exporter itself
 * (`OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT`, `…_COMPRESSION`, `…_CERTIFICATE`) and of the resource are read by its
 * packages.
 */
import { type SamplerName, samplerNames } from '../observe/sampling.ts';
import type { Environment } from './environment.ts';

/** How many spans wait for how long. */
interface SpanBatches {
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
}

export interface Otel {
  /** Whether spans are sent to a collector. */
  readonly exports: boolean;
  readonly sampler: SamplerName;
  /** From 0 to 1. */
  readonly ratio: number;
  readonly batches: SpanBatches;
  /** What is wrong with the variables, a line each. */
  readonly notes: readonly string[];
}

const endpoints = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
const protocols = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];
const headers = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'];
const batchMax = 1_000_000;

export function otelOf(env: Environment): Otel {
  const notes: string[] = [];
  const wrong = (name: string, wanted: string, instead: string): void => {
    notes.push(`the variable ${name} ${wanted}; ${instead}`);
  };
  const given = (name: string): string | null => {
    const text = env[name]?.trim() ?? '';
    return text === '' ? null : text;
  };
  const number = (name: string, fallback: number, min: number, max: number): number => {
    const text = given(name);
    if (text === null) return fallback;
    const value = Number(text);
    if (/^(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text) && value >= min && value <= max) return value;
    wrong(name, `is no number from ${min} to ${max}`, `${fallback} is taken`);
    return fallback;
  };
  const sampler = given('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on';
  const known = samplerNames.find((name) => name === sampler);
  if (known === undefined) {
    wrong('OTEL_TRACES_SAMPLER', `is none of ${samplerNames.join(', ')}`, 'parentbased_always_on is taken');
  }
  const maxQueueSize = number('OTEL_BSP_MAX_QUEUE_SIZE', 2_048, 1, batchMax);
  const otel: Omit<Otel, 'notes'> = {
    exports: exportsSpans(given, wrong),
    sampler: known ?? 'parentbased_always_on',
    ratio: number('OTEL_TRACES_SAMPLER_ARG', 1, 0, 1),
    batches: {
      scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY', 5_000, 1, 3_600_000),
      exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT', 30_000, 1, 3_600_000),
      maxQueueSize,
      maxExportBatchSize: Math.min(maxQueueSize, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 1, batchMax)),
    },
  };
  return { ...otel, notes };
}

function exportsSpans(
  given: (name: string) => string | null,
  wrong: (name: string, wanted: string, instead: string) => void,
): boolean {
  const named = endpoints.find((name) => given(name) !== null);
  const exporter = given('OTEL_TRACES_EXPORTER') ?? 'otlp';
  const disabled = given('OTEL_SDK_DISABLED')?.toLowerCase() ?? 'false';
  if (named === undefined || exporter === 'none' || disabled === 'true') return false;
  if (disabled !== 'false') wrong('OTEL_SDK_DISABLED', 'is neither true nor false', 'false is taken');
  if (exporter !== 'otlp') {
    wrong('OTEL_TRACES_EXPORTER', 'is neither otlp nor none', 'no spans are sent');
    return false;
  }
  const url = URL.parse(given(named) as string);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    wrong(named, 'is no URL such as http://collector:4318', 'no spans are sent');
    return false;
  }
  const protocol = protocols.find((name) => given(name) !== null);
  if (protocol !== undefined && given(protocol) !== 'http/protobuf') {
    wrong(protocol, 'is not http/protobuf', 'spans are sent as http/protobuf all the same');
  }
  for (const name of headers) {
    if (!pairsIn(given(name)).every(isHeader)) wrong(name, 'has parts that are not name=value', 'they are left out');
  }
  if (!pairsIn(given('OTEL_RESOURCE_ATTRIBUTES')).every(isAttribute)) {
    wrong('OTEL_RESOURCE_ATTRIBUTES', 'has parts that are not name=value', 'all of it is left out');
  }
  return true;
}

/** What the packages leave out without a word is told here. Values may be secrets, so none is shown. */
const pairsIn = (text: string | null): string[] => (text ?? '').split(',').filter((pair) => pair.trim() !== '');

const isHeader = (pair: string): boolean => /^[^=;]*[^=;\s][^=;]*=[^;]*[^;\s]/.test(pair) && isEncoded(pair);

const isAttribute = (pair: string): boolean => /^[^=]*[^=\s][^=]*=[^=]*$/.test(pair) && isEncoded(pair);

/** Whether each % begins an encoded character. */
function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
