/**
 * Spans over OTLP/HTTP, by OpenTelemetry's packages. They are handed over in batches, off the way of requests. What
 * waits is bounded (`OTEL_BSP_MAX_QUEUE_SIZE`): further spans are dropped and counted.
 */
import { DiagLogLevel, diag, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, setGlobalErrorHandler, TraceState } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { Clock } from '../../clock.ts';
import type { SpanOutcome, Tracer } from '../../observe/ports.ts';
import type { Span } from '../../observe/spans.ts';

interface OtelOptions {
  readonly batches: {
    readonly scheduledDelayMillis: number;
    readonly exportTimeoutMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
  };
  /** Weir's own. */
  readonly version: string;
  /** Tells this process from others. */
  readonly instance: string;
  readonly clock: Clock;
  /** So many spans were taken by the collector, or could not be sent. */
  readonly told: (outcome: SpanOutcome, spans: number) => void;
  /** Something went wrong with the exporter, or with its settings. */
  readonly warn: (reason: string) => void;
}

interface OtelTracer extends Tracer {
  /** Sends what waits, for as long as `flushMaxMs`. */
  close(): Promise<void>;
}

/** How long a stop waits for the collector. */
const flushMaxMs = 2_000;

export function createTracer(options: OtelOptions): OtelTracer {
  hearWarnings(options.warn);
  return new BatchTracer(options);
}

class BatchTracer implements OtelTracer {
  readonly #options: OtelOptions;
  readonly #resource: Resource;
  readonly #exporter: CountingExporter;
  readonly #processor: BatchSpanProcessor;
  readonly #scope: ReadableSpan['instrumentationScope'];

  constructor(options: OtelOptions) {
    this.#options = options;
    this.#resource = resourceOf(options);
    this.#scope = { name: 'weir', version: options.version };
    this.#exporter = new CountingExporter(options);
    this.#processor = new BatchSpanProcessor({ ...options.batches, exporter: this.#exporter });
  }

  ended(spans: readonly Span[]): void {
    for (const span of spans) {
      if (this.#exporter.waiting >= this.#options.batches.maxQueueSize) this.#options.told('dropped', 1);
      else {
        this.#exporter.waiting += 1;
        this.#processor.onEnd(readable(span, this.#resource, this.#scope));
      }
    }
  }

  async close(): Promise<void> {
    const { clock, warn } = this.#options;
    const late = Promise.withResolvers<void>();
    const alarm = clock.after(flushMaxMs, () => {
      warn(`${this.#exporter.waiting} spans were left when Weir stopped: nobody took them within ${flushMaxMs} ms`);
      late.resolve();
    });
    await Promise.race([this.#processor.shutdown(), late.promise]).catch((error: unknown) => warn(reasonOf(error)));
    alarm.cancel();
  }
}

/** The processor has no say on what it does not send, so it is counted here. */
class CountingExporter implements SpanExporter {
  readonly #exporter = new OTLPTraceExporter();
  readonly #options: Pick<OtelOptions, 'told' | 'warn'>;
  /** Spans that are not sent yet. */
  waiting = 0;

  constructor(options: Pick<OtelOptions, 'told' | 'warn'>) {
    this.#options = options;
  }

  export(spans: ReadableSpan[], settle: (result: ExportResult) => void): void {
    const { told, warn } = this.#options;
    this.#exporter.export(spans, (result) => {
      this.waiting -= spans.length;
      told(result.code === ExportResultCode.SUCCESS ? 'exported' : 'failed', spans.length);
      if (result.code !== ExportResultCode.SUCCESS) warn(reasonOf(result.error));
      // This failure has been told; the processor would tell it once more.
      settle({ code: ExportResultCode.SUCCESS });
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

function resourceOf({ version, instance }: OtelOptions): Resource {
  const own = { 'service.name': 'weir', 'service.version': version, 'service.instance.id': instance };
  const given = detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] });
  return defaultResource().merge(resourceFromAttributes(own)).merge(given);
}

/** Operators are told what the packages say goes wrong, and nothing else. */
function hearWarnings(warn: OtelOptions['warn']): void {
  setGlobalErrorHandler((error) => warn(reasonOf(error)));
  const say = (message: string): void => warn(message);
  const ignore = (): void => {};
  const logger = { error: say, warn: say, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** Without the collector's answer: it may hold anything. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  return code === undefined || error.message.includes(String(code)) ? error.message : `${error.message} (${code})`;
}

const kinds = { server: SpanKind.SERVER, internal: SpanKind.INTERNAL, client: SpanKind.CLIENT } as const;

function readable(span: Span, resource: Resource, scope: ReadableSpan['instrumentationScope']): ReadableSpan {
  const { traceId, spanId, parentId, parentIsRemote, flags, state, startMs, endMs } = span;
  const traceState = state === '' ? undefined : new TraceState(state);
  const common = { traceId, traceFlags: flags, ...(traceState !== undefined && { traceState }) };
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => ({ ...common, spanId }),
    ...(parentId !== null && { parentSpanContext: { ...common, spanId: parentId, isRemote: parentIsRemote } }),
    startTime: hrTime(startMs),
    endTime: hrTime(endMs),
    duration: hrTime(endMs - startMs),
    status: { code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: span.attributes,
    links: [],
    events: span.events.map(({ name, atMs }) => ({ name, time: hrTime(atMs) })),
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds, and nanoseconds beyond them. */
function hrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.floor((ms - seconds * 1_000) * 1e6)];
}
