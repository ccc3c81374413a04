/** Record: what happened to a request, as one log line and the figures of the metrics. */
import type { Clock } from '../clock.ts';
import type { Identified, Received } from '../exchange/exchange.ts';
import type { CutCause, Outcome } from '../exchange/outcome.ts';
import { sampledId } from '../exchange/trace.ts';
import type { Log, Meter, Tracer } from './ports.ts';
import type { EarlyEnd } from './request-line.ts';
import { spansOf } from './spans.ts';

/** Where it is told. */
export interface RecordDeps {
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** Null, or not there: nobody is told of traces. */
  readonly tracer?: Tracer | null;
  /** The limits of the classes: requests a second. */
  readonly limits: Readonly<Record<string, { readonly rate: number }>>;
}

/** @param cut why its answer was cut off by Weir; null: it was not */
export function record(
  deps: RecordDeps,
  exchange: Received,
  outcome: Outcome,
  status: number,
  cut: CutCause | null,
): void {
  const { counters, method, trace } = exchange;
  const { route, principal } = exchange as Partial<Identified>;
  const now = deps.clock.now();
  const totalMs = now - exchange.arrivedAt;
  const name = outcome.kind === 'refusal' ? outcome.name : null;
  if (name !== null) deps.meter.refused(name, route?.class);
  if (cut !== null) deps.meter.cut(route?.class ?? 'none', cut);
  deps.meter.answered(route?.class ?? 'none', method, status, totalMs, sampledId(trace));
  deps.log.request({
    id: exchange.id,
    traceId: trace === null ? null : trace.traceId,
    spanId: trace === null ? null : trace.spanId,
    class: route?.class ?? 'none',
    principal: principal ?? null,
    method,
    path: exchange.path,
    status,
    remote: exchange.origin.remote,
    heldMs: counters.heldMs,
    coreappMs: counters.coreappMs,
    totalMs,
    attempts: counters.attempts,
    bytesOut: counters.bytesOut,
    refusal: name,
    bytesIn: counters.bytesIn,
    fields: exchange.fields,
    classRate: route === undefined ? null : (deps.limits[route.class]?.rate ?? null),
    cut: cut ?? earlyEnd(outcome, status),
  });
  if (trace !== null && trace.recording !== null) {
    deps.tracer?.ended(spansOf(exchange, { outcome, status, cut, at: now }));
  }
}

/** The early end of an answer that Weir did not cut off. The status 499 may be the upstream's own. */
function earlyEnd(outcome: Outcome, status: number): EarlyEnd | null {
  if (outcome.kind === 'refusal' && outcome.name === 'requestTimeout') return 'bodySlow';
  return status === 499 && outcome.kind !== 'passed' ? 'callerGone' : null;
}
