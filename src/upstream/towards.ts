/** What an attempt at the Coreapp needs, and the request's fields as they travel on. */
import type { AnswerBudget } from '../bodies/answers.ts';
import type { Clock } from '../clock.ts';
import type { Admitted } from '../exchange/exchange.ts';
import type { RouteClass } from '../exchange/route.ts';
import type { TimesTold } from '../exchange/server-timing.ts';
import type { Signal } from '../exchange/signal.ts';
import type { Trace } from '../exchange/trace.ts';
import { addForwarded } from '../http/forwarded.ts';
import { type OwnFields, travelling } from '../http/own-fields.ts';
import { traceParentOf } from '../http/trace-context.ts';
import type { Meter } from '../observe/ports.ts';
import type { Coreapp } from './ports.ts';
import type { Reachability } from './reachability.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { Rewriting } from './rewriting.ts';
import { isToldInBody } from './usage.ts';

export interface ForwardDeps {
  readonly clock: Clock;
  readonly coreapp: Coreapp;
  /** Those of classes that have an upstream of their own; null: no class has. */
  readonly others: ReadonlyMap<RouteClass, OtherUpstream> | null;
  readonly meter: Meter;
  readonly reachability: Reachability;
  /** Where answers wait for callers who take them slowly. */
  readonly answers: AnswerBudget;
  readonly rewriting: Rewriting;
  /** The fields that are Weir's to write or to take out. */
  readonly own: OwnFields;
  readonly retryPolicy: RetryPolicy;
  /** An answer with that status has paused what is least urgent of a class, or is one that operators have to know of. */
  readonly alarmed: (name: RouteClass, status: number, signal: Signal) => void;
  /** The classes whose requests are never held: whatever comes of the first attempt is told at once. */
  readonly notHeld: readonly RouteClass[];
  /** What callers are told of where the time went. */
  readonly times: TimesTold;
}

export interface OtherUpstream {
  readonly coreapp: Coreapp;
  readonly reachability: Reachability;
}

/**
 * The fields of the request as the Coreapp gets it, but for those of the configuration.
 * @param spanId the span of this attempt; null: it has none of its own
 */
export function requestFields(exchange: Admitted, { own, rewriting }: ForwardDeps, spanId: string | null): string[] {
  const out = travelling(exchange.fields, exchange.origin.trusted, own);
  if (isRead(exchange, rewriting)) setUncoded(out);
  addForwarded(out, exchange.origin, exchange.fields, own.via);
  out.push('X-Request-Id', exchange.id);
  if (exchange.trace !== null) addTrace(out, exchange.trace, spanId);
  return out;
}

/** Adds those of the configuration. */
export function addConfigured(out: string[], exchange: Admitted, { rewriting }: ForwardDeps): void {
  const { set, credentialField, credentialOf } = rewriting;
  if (set.length > 0) out.push(...set);
  const credential = credentialOf(exchange);
  if (credential !== null) out.push(credentialField, credential);
}

/** If Weir takes part in the trace, the upstream's parent is Weir. */
function addTrace(out: string[], { traceId, flags, said, state }: Trace, attempt: string | null): void {
  if (said === null) return;
  out.push('traceparent', attempt === null ? said : traceParentOf(traceId, attempt, flags));
  if (state !== '') out.push('tracestate', state);
}

/** Whether something in the answer's body is read by Weir, which undoes no coding of it. */
function isRead({ charge, route }: Admitted, { bodyUrls }: Rewriting): boolean {
  return (charge !== null && isToldInBody(charge.toldIn)) || bodyUrls?.places.has(route.class) === true;
}

/** The answer's body is to come as it is (RFC 9110, 12.5.3). */
function setUncoded(out: string[]): void {
  for (let i = out.length - 2; i >= 0; i -= 2) {
    if ((out[i] as string).toLowerCase() === 'accept-encoding') out.splice(i, 2);
  }
  out.push('Accept-Encoding', 'identity');
}
