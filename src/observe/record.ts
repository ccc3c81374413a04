/** Record: what happened to a request, as one log line and the figures of the metrics. */
import type { Clock } from '../clock.ts';
import type { Identified, Received } from '../exchange/exchange.ts';
import type { CutCause, Outcome } from '../exchange/outcome.ts';
import { sampledId } from '../exchange/trace.ts';
import type { Log, Meter, Tracer } from './ports.ts';
import { spansOf } from './spans.ts';

export interface RecordDeps {
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** Null, or not there: nobody is told of traces. */
  readonly tracer?: Tracer | null;
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
  if (name !== null) deps.meter.refused(name);
  if (cut !== null) deps.meter.cut(route?.class ?? 'none', cut);
  deps.meter.answered(route?.class ?? 'none', method, status, totalMs, sampledId(trace));
  deps.log.request({
    id: exchange.id,
    traceId: trace === null ? null : trace.traceId,
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
    cut,
  });
  if (trace !== null && trace.recording !== null) {
    deps.tracer?.ended(spansOf(exchange, { outcome, status, cut, at: now }));
  }
}
