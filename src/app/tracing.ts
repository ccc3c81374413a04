/** Traces: whether Weir takes part in them, and who is told of its spans. Packages are loaded only where spans are sent. */
import { newSpanId, newTraceParent } from '../adapters/node/trace-ids.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Otel } from '../config/otel.ts';
import type { Log, Meter } from '../observe/ports.ts';
import { samplerOf } from '../observe/sampling.ts';
import { joinedTrace, passedTrace, type TraceOf } from '../observe/tracing.ts';
import { seldom } from './seldom.ts';

interface TracingDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Pick<Meter, 'spans'>;
  /** Weir's own. */
  readonly version: string;
  /** Tells this process from others. */
  readonly instance: string;
}

export async function openTracing(otel: Otel, deps: TracingDeps) {
  const exporter = otel.exports ? await openExporter(otel, deps) : null;
  const joined = joinedTrace({
    clock: deps.clock,
    sampler: samplerOf(otel.sampler, otel.ratio),
    newTraceParent,
    newSpanId,
    records: exporter !== null,
  });
  return {
    /** Null: nobody is told of spans. */
    tracer: exporter,
    /** Which trace a request belongs to, by a configuration. */
    traceOf({ http: { traceContext } }: Config): TraceOf {
      const joins = traceContext === 'auto' ? exporter !== null : traceContext === 'join';
      return joins ? joined : passedTrace;
    },
    /** Sends the last spans. */
    close: async () => await exporter?.close(),
  };
}

async function openExporter({ batches }: Otel, { clock, log, meter, version, instance }: TracingDeps) {
  const { OtelTracer } = await import('../adapters/otel/tracer.ts');
  // Until it is made, all that is wrong is a variable, and each is told.
  let warn = (reason: string): void => log.warn('a variable of OpenTelemetry is left out', { reason });
  const tracer = new OtelTracer({
    batches,
    version,
    instance,
    clock,
    told: (outcome, spans) => meter.spans(outcome, spans),
    warn: (reason) => warn(reason),
  });
  warn = seldom(clock, (reason: string) => log.warn('spans could not be sent to the collector', { reason }));
  return tracer;
}
