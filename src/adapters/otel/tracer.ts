/**
 * Spans over OTLP/HTTP. OpenTelemetry's packages say who sends them, and send them: address, headers, compression,
 * certificates, repeats. Weir makes their bytes (`span-bytes.ts`), and batches of them. What waits is bounded
 * (`OTEL_BSP_MAX_QUEUE_SIZE`): further spans are dropped and counted.
 */
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import type { Alarm, Clock } from '../../clock.ts';
import type { SpanOutcome, Tracer } from '../../observe/ports.ts';
import type { Span, SpanAttributes } from '../../observe/spans.ts';
import { Sender, spanField } from './span-bytes.ts';

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

/** How long a stop waits for the collector. */
const flushMaxMs = 2_000;

/** Spans that are sent together, each as a field of the message. */
class Batch {
  spans = 0;
  #bytes = Buffer.allocUnsafeSlow(65_536);
  #end = 0;

  add(field: string): void {
    if (this.#end + field.length > this.#bytes.length) this.#grow(this.#end + field.length);
    this.#end += this.#bytes.write(field, this.#end, 'latin1');
    this.spans += 1;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  #grow(least: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, least));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

export class OtelTracer implements Tracer {
  readonly #options: OtelOptions;
  readonly #exporter: OTLPExporterBase<Batch>;
  /** The last one may not be full yet. */
  readonly #batches: Batch[] = [];
  /** Spans that are not sent yet. */
  #waiting = 0;
  #exporting: Promise<void> | null = null;
  #alarm: Alarm | null = null;

  constructor(options: OtelOptions) {
    hearWarnings(options.warn);
    this.#options = options;
    this.#exporter = exporterOf(new Sender(resourceOf(options), options.version));
  }

  ended(spans: readonly Span[]): void {
    for (const span of spans) this.#add(span);
  }

  /** Sends what waits, for as long as `flushMaxMs`. */
  async close(): Promise<void> {
    const { clock, warn } = this.#options;
    const late = Promise.withResolvers<void>();
    const alarm = clock.after(flushMaxMs, () => {
      warn(`${this.#waiting} spans were left when Weir stopped: nobody took them within ${flushMaxMs} ms`);
      late.resolve();
    });
    const sent = this.#sendAll().then(() => this.#exporter.shutdown());
    await Promise.race([sent, late.promise]).catch((error: unknown) => warn(reasonOf(error)));
    alarm.cancel();
  }

  #add(span: Span): void {
    const { maxQueueSize, maxExportBatchSize } = this.#options.batches;
    if (this.#waiting >= maxQueueSize) return void this.#options.told('dropped', 1);
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.spans >= maxExportBatchSize) {
      batch = new Batch();
      this.#batches.push(batch);
    }
    batch.add(spanField(span));
    this.#waiting += 1;
    this.#next();
  }

  /** Full batches go at once, one at a time; what waits in one that is not full goes in a while. */
  #next(): void {
    const { batches, clock } = this.#options;
    const first = this.#batches[0];
    if (first === undefined || this.#exporting !== null) return;
    if (first.spans >= batches.maxExportBatchSize) this.#send();
    else this.#alarm ??= clock.after(batches.scheduledDelayMillis, () => this.#send());
  }

  #send(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#exporting = this.#export(batch).then(() => {
      this.#exporting = null;
      this.#next();
    });
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      if (this.#exporting === null) this.#send();
      if (this.#exporting === null) return;
      await this.#exporting;
    }
  }

  async #export(batch: Batch): Promise<void> {
    const { batches, clock, told, warn } = this.#options;
    const ended = Promise.withResolvers<ExportResult>();
    const fail = (error: Error): void => ended.resolve({ code: ExportResultCode.FAILED, error });
    const { exportTimeoutMillis } = batches;
    const late = new Error(`no answer within ${exportTimeoutMillis} ms (OTEL_BSP_EXPORT_TIMEOUT)`);
    const alarm = clock.after(exportTimeoutMillis, () => fail(late));
    try {
      this.#exporter.export(batch, ended.resolve);
    } catch (error) {
      fail(error as Error);
    }
    const { code, error } = await ended.promise;
    alarm.cancel();
    this.#waiting -= batch.spans;
    told(code === ExportResultCode.SUCCESS ? 'exported' : 'failed', batch.spans);
    if (code !== ExportResultCode.SUCCESS) warn(reasonOf(error));
  }
}

function exporterOf(sender: Sender): OTLPExporterBase<Batch> {
  const options = convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', { 'Content-Type': 'application/x-protobuf' });
  const serializer = {
    serializeRequest: (batch: Batch) => sender.request(batch.bytes),
    deserializeResponse: (answer: Uint8Array) => ProtobufTraceSerializer.deserializeResponse(answer),
  };
  const counting = { name: 'span' as const, countItems: (batch: Batch) => batch.spans };
  return new OTLPExporterBase(
    createOtlpHttpExportDelegate(options, serializer, 'otlp_http_span_exporter', counting, undefined),
  );
}

function resourceOf({ version, instance }: OtelOptions): SpanAttributes {
  const own = { 'service.name': 'weir', 'service.version': version, 'service.instance.id': instance };
  const given = detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] });
  const { attributes } = defaultResource().merge(resourceFromAttributes(own)).merge(given);
  return Object.entries(attributes).flatMap(([name, value]) => [name, String(value)]);
}

/** Operators are told what the packages say goes wrong, and nothing else. */
function hearWarnings(warn: OtelOptions['warn']): void {
  setGlobalErrorHandler((error) => warn(reasonOf(error)));
  const say = (message: string): void => warn(message);
  const ignore = (): void => {};
  const logger = { error: say, warn: say, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** All that the package says where a collector asked for patience until the time was over. */
const retryable = 'Export failed with retryable status';

/** Without the collector's answer: it may hold anything. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message === retryable)
    return 'the collector answered 429, 502, 503 or 504 until no time was left to ask again';
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  return code === undefined || error.message.includes(String(code)) ? error.message : `${error.message} (${code})`;
}
