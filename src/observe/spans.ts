/**
 * What a trace is told of a request that has ended, by OpenTelemetry's semantic conventions for HTTP: a span of the
 * request, one of each stay in line, one of each attempt. A query is never told, since it may hold a credential.
 */
import type { Identified, Received } from '../exchange/exchange.ts';
import type { CutCause, Outcome } from '../exchange/outcome.ts';
import type { AttemptRecord, Hold, Recording, Trace } from '../exchange/trace.ts';
import { fieldOf } from '../http/fields.ts';
import { addressAsked } from '../http/forwarded.ts';

/** Names and values in turn. Numbers are whole and not negative. */
export type SpanAttributes = readonly (string | number)[];

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
  const { counters, fields, origin } = exchange;
  const isGone = status === 499 && outcome.kind !== 'passed';
  const refusal = outcome.kind === 'refusal' ? outcome.name : null;
  const failed = cut !== null || isGone || status >= 500;
  const attributes = methodOf(exchange);
  const asked = addressAsked(origin, fields);
  if (asked !== null) addServer(attributes, asked);
  attributes.push('url.scheme', origin.scheme, 'url.path', pathOf(exchange.target));
  attributes.push('client.address', origin.remote, 'network.peer.address', origin.peer);
  const agent = fieldOf(fields, 'user-agent');
  if (agent !== null) attributes.push('user_agent.original', agent.slice(0, textMaxChars));
  if (isGone) attributes.push('weir.outcome', 'gone');
  else attributes.push('http.response.status_code', status);
  if (failed) attributes.push('error.type', cut ?? (isGone ? 'callerGone' : (refusal ?? `${status}`)));
  attributes.push('weir.request_id', exchange.id, 'weir.class', classOf(exchange));
  attributes.push('weir.held_ms', Math.round(counters.heldMs), 'weir.attempts', counters.attempts);
  if (refusal !== null) attributes.push('weir.refusal', refusal);
  if (recording.omitted > 0) attributes.push('weir.spans_omitted', recording.omitted);
  return {
    kind: 'server',
    name: nameFor(exchange),
    traceId: trace.traceId,
    spanId,
    parentId: trace.parentId,
    parentIsRemote: true,
    flags: trace.flags,
    state: trace.state,
    startMs: recording.wallMs,
    endMs: wallMsAt(recording, end.at),
    attributes,
    events: [],
    failed,
  };
}

function holdSpan({ trace, spanId, recording, exchange, end }: Recorded, hold: Hold): Span {
  const attributes = ['weir.class', classOf(exchange)];
  if (hold.outcome !== null) attributes.push('weir.hold.outcome', hold.outcome);
  if (hold.outcome === 'refused') attributes.push('error.type', 'refused');
  return {
    kind: 'internal',
    name: 'hold',
    traceId: trace.traceId,
    spanId: hold.spanId,
    parentId: spanId,
    parentIsRemote: false,
    flags: trace.flags,
    state: trace.state,
    startMs: wallMsAt(recording, hold.startedAt),
    endMs: wallMsAt(recording, hold.endedAt ?? end.at),
    attributes,
    events: hold.reasons.map(({ reason, at }) => ({ name: reason, atMs: wallMsAt(recording, at) })),
    failed: hold.outcome === 'refused',
  };
}

function attemptSpan(
  { trace, spanId, recording, exchange, end }: Recorded,
  attempt: AttemptRecord,
  resends: number,
): Span {
  const { status, failure, replay, origin } = attempt;
  const failed = failure !== null || (status !== null && status >= 400);
  const attributes = methodOf(exchange);
  attributes.push('url.full', `${origin}${pathOf(attempt.path)}`);
  addServer(attributes, origin);
  attributes.push('network.protocol.version', '1.1');
  if (status !== null) attributes.push('http.response.status_code', status);
  if (failed) attributes.push('error.type', failure ?? `${status}`);
  if (resends > 0) attributes.push('http.request.resend_count', resends);
  attributes.push('weir.class', classOf(exchange));
  if (replay !== null) attributes.push('weir.replay.reason', replay);
  return {
    kind: 'client',
    name: nameFor(exchange),
    traceId: trace.traceId,
    spanId: attempt.spanId,
    parentId: spanId,
    parentIsRemote: false,
    flags: trace.flags,
    state: trace.state,
    startMs: wallMsAt(recording, attempt.startedAt),
    endMs: wallMsAt(recording, attempt.endedAt ?? end.at),
    attributes,
    events: [],
    failed,
  };
}

/** @param at `Clock.now()` */
const wallMsAt = ({ wallMs, startedAt }: Recording, at: number): number => wallMs + (at - startedAt);

/** Of few values: the class stands in the place of a route. */
function nameFor(exchange: Received): string {
  const method = methods.has(exchange.method) ? exchange.method : 'HTTP';
  const of = classOf(exchange);
  return of === 'none' ? method : `${method} ${of}`;
}

const classOf = (exchange: Received): string => (exchange as Partial<Identified>).route?.class ?? 'none';

function methodOf({ method }: Received): (string | number)[] {
  if (methods.has(method)) return ['http.request.method', method];
  return ['http.request.method', '_OTHER', 'http.request.method_original', method.slice(0, textMaxChars)];
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Most requests are for one address, and read of a URL it would be the dearest thing here. Null: it can't be read. */
const addresses = new Map<string, Address | null>();
const addressesMax = 100;

/** @param origin `https://api.example.com` */
function addServer(attributes: (string | number)[], origin: string): void {
  let address = addresses.get(origin);
  if (address === undefined) {
    address = addressOf(origin);
    if (addresses.size >= addressesMax) addresses.clear();
    addresses.set(origin, address);
  }
  if (address !== null) attributes.push('server.address', address.host, 'server.port', address.port);
}

function addressOf(origin: string): Address | null {
  const url = URL.parse(origin);
  if (url === null) return null;
  const usual = url.protocol === 'https:' ? 443 : 80;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? usual : Number(url.port) };
}

/** A target without its query. */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  return (query === -1 ? target : target.slice(0, query)).slice(0, textMaxChars);
}
