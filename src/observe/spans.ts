/**
 * What a trace is told of a request that has ended, by OpenTelemetry's semantic conventions for HTTP: a span of the
 * request, one of each stay in line, one of each attempt. A query is never told, since it may hold a credential.
 */
import type { Identified, Received } from '../exchange/exchange.ts';
import type { CutCause, Outcome } from '../exchange/outcome.ts';
import type { AttemptRecord, Hold, Recording, Trace } from '../exchange/trace.ts';
import { fieldOf } from '../http/fields.ts';
import { addressAsked } from '../http/forwarded.ts';

type SpanAttributes = Readonly<Record<string, string | number>>;

export interface Span {
  readonly kind: 'server' | 'internal' | 'client';
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Null: the trace begins with it. */
  readonly parentId: string | null;
  /** The parent is another process's. */
  readonly parentIsRemote: boolean;
  /** Those of `traceFlags`. */
  readonly flags: number;
  /** `tracestate`; empty: there is none. */
  readonly state: string;
  /** Milliseconds since 1970-01-01 UTC, fractions included. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  readonly events: readonly { readonly name: string; readonly atMs: number }[];
  readonly failed: boolean;
}

/** How a request ended. */
interface RequestEnd {
  readonly outcome: Outcome;
  /** The status that its caller saw. */
  readonly status: number;
  /** Why its answer was cut off by Weir; null: it was not. */
  readonly cut: CutCause | null;
  /** `Clock.now()`. */
  readonly at: number;
}

/** Longer texts of callers are cut off. */
const textMaxChars = 1_024;

/** Any other method is `_OTHER`. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY']);

/** @returns none: the request is not recorded */
export function spansOf(exchange: Received, end: RequestEnd): Span[] {
  const { trace } = exchange;
  if (trace === null || trace.spanId === null || trace.recording === null) return [];
  const { recording } = trace;
  const request = { trace, spanId: trace.spanId, recording, exchange, end };
  return [
    serverSpan(request),
    ...recording.holds.map((hold) => holdSpan(request, hold)),
    ...recording.attempts.map((attempt, resends) => attemptSpan(request, attempt, resends)),
  ];
}

interface Recorded {
  readonly trace: Trace;
  readonly spanId: string;
  readonly recording: Recording;
  readonly exchange: Received;
  readonly end: RequestEnd;
}

function serverSpan({ trace, spanId, recording, exchange, end }: Recorded): Span {
  const { outcome, status, cut } = end;
  const isGone = status === 499 && outcome.kind !== 'passed';
  const refusal = outcome.kind === 'refusal' ? outcome.name : null;
  const failed = cut !== null || isGone || status >= 500;
  return {
    ...common(trace, recording, { startedAt: recording.startedAt, endedAt: end.at }),
    kind: 'server',
    name: nameFor(exchange),
    spanId,
    parentId: trace.parentId,
    parentIsRemote: true,
    attributes: {
      ...methodOf(exchange),
      ...addressOf(exchange),
      'url.scheme': exchange.origin.scheme,
      'url.path': pathOf(exchange.target),
      'client.address': exchange.origin.remote,
      'network.peer.address': exchange.origin.peer,
      ...text('user_agent.original', fieldOf(exchange.fields, 'user-agent')),
      ...(isGone ? { 'weir.outcome': 'gone' } : { 'http.response.status_code': status }),
      ...(failed && { 'error.type': cut ?? (isGone ? 'callerGone' : (refusal ?? `${status}`)) }),
      'weir.request_id': exchange.id,
      'weir.class': classOf(exchange),
      'weir.held_ms': Math.round(exchange.counters.heldMs),
      'weir.attempts': exchange.counters.attempts,
      ...(refusal !== null && { 'weir.refusal': refusal }),
      ...(recording.omitted > 0 && { 'weir.spans_omitted': recording.omitted }),
    },
    events: [],
    failed,
  };
}

function holdSpan({ trace, spanId, recording, exchange, end }: Recorded, hold: Hold): Span {
  const { startedAt, endedAt, outcome, reasons } = hold;
  const times = common(trace, recording, { startedAt, endedAt: endedAt ?? end.at });
  return {
    ...times,
    kind: 'internal',
    name: 'hold',
    spanId: hold.spanId,
    parentId: spanId,
    parentIsRemote: false,
    attributes: {
      'weir.class': classOf(exchange),
      ...(outcome !== null && { 'weir.hold.outcome': outcome }),
      ...(outcome === 'refused' && { 'error.type': 'refused' }),
    },
    events: reasons.map(({ reason, at }) => ({ name: reason, atMs: times.startMs + (at - startedAt) })),
    failed: outcome === 'refused',
  };
}

function attemptSpan(
  { trace, spanId, recording, exchange, end }: Recorded,
  attempt: AttemptRecord,
  resends: number,
): Span {
  const { startedAt, endedAt, status, failure, replay, origin, path } = attempt;
  const failed = failure !== null || (status !== null && status >= 400);
  return {
    ...common(trace, recording, { startedAt, endedAt: endedAt ?? end.at }),
    kind: 'client',
    name: nameFor(exchange),
    spanId: attempt.spanId,
    parentId: spanId,
    parentIsRemote: false,
    attributes: {
      ...methodOf(exchange),
      'url.full': `${origin}${pathOf(path)}`,
      ...serverAt(origin),
      'network.protocol.version': '1.1',
      ...(status !== null && { 'http.response.status_code': status }),
      ...(failed && { 'error.type': failure ?? `${status}` }),
      ...(resends > 0 && { 'http.request.resend_count': resends }),
      'weir.class': classOf(exchange),
      ...(replay !== null && { 'weir.replay.reason': replay }),
    },
    events: [],
    failed,
  };
}

function common(
  { traceId, flags, state }: Trace,
  { wallMs, startedAt: zero }: Recording,
  { startedAt, endedAt }: { readonly startedAt: number; readonly endedAt: number },
): Pick<Span, 'traceId' | 'flags' | 'state' | 'startMs' | 'endMs'> {
  return { traceId, flags, state, startMs: wallMs + (startedAt - zero), endMs: wallMs + (endedAt - zero) };
}

/** Of few values: the class stands in the place of a route. */
function nameFor(exchange: Received): string {
  const method = methods.has(exchange.method) ? exchange.method : 'HTTP';
  const of = classOf(exchange);
  return of === 'none' ? method : `${method} ${of}`;
}

const classOf = (exchange: Received): string => (exchange as Partial<Identified>).route?.class ?? 'none';

function methodOf({ method }: Received): SpanAttributes {
  if (methods.has(method)) return { 'http.request.method': method };
  return { 'http.request.method': '_OTHER', ...text('http.request.method_original', method) };
}

/** Where the caller has asked. */
function addressOf({ origin, fields }: Received): SpanAttributes {
  const asked = addressAsked(origin, fields);
  return asked === null ? {} : serverAt(asked);
}

/** @param origin `https://api.example.com` */
function serverAt(origin: string): SpanAttributes {
  const url = URL.parse(origin);
  if (url === null) return {};
  const usual = url.protocol === 'https:' ? 443 : 80;
  return {
    'server.address': url.hostname.replace(/^\[|\]$/g, ''),
    'server.port': url.port === '' ? usual : Number(url.port),
  };
}

/** A target without its query. */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  return (query === -1 ? target : target.slice(0, query)).slice(0, textMaxChars);
}

function text(name: string, value: string | null): SpanAttributes {
  return value === null ? {} : { [name]: value.slice(0, textMaxChars) };
}
