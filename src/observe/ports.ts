/** Where what happens is counted and written down. */
import type { CutCause, ReplayReason } from '../exchange/outcome.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import type { RouteClass } from '../exchange/route.ts';
import type { AuditLine } from './audit.ts';
import type { RequestLine } from './request-line.ts';
import type { Span } from './spans.ts';

/** How a stay in line ended. */
export type HoldOutcome = 'sent' | 'refused' | 'gone';

/** What became of a configuration that was read again: in force, the same as before, or with problems. */
export const reloadResults = ['applied', 'unchanged', 'refused'] as const;
export type ReloadResult = (typeof reloadResults)[number];

/** What became of a span. */
export const spanOutcomes = ['exported', 'failed', 'dropped'] as const;
export type SpanOutcome = (typeof spanOutcomes)[number];

/**
 * Counts and times, for Prometheus. No caller's name is ever a label. `traceId` is that of a trace that is recorded: one
 * of those who took so long.
 */
export interface Meter {
  answered(route: RouteClass | 'none', method: string, status: number, ms: number, traceId?: string | null): void;
  held(route: RouteClass, outcome: HoldOutcome, ms: number, traceId?: string | null): void;
  coreappAnswered(route: RouteClass, status: number | 'failure', ms: number, traceId?: string | null): void;
  /** An answer of the upstream's paused what is least urgent of the class. */
  alarmed(route: RouteClass): void;
  replayed(route: RouteClass, reason: ReplayReason): void;
  /** @param route whose request it was; not there: it belongs to no class */
  refused(name: RefusalName, route?: RouteClass | 'none'): void;
  /** An answer was cut off by Weir. */
  cut(route: RouteClass | 'none', cause: CutCause): void;
  /** A token of Weir's own opened health, metrics or stats. @param expiresAtMs milliseconds since 1970-01-01 UTC */
  monitored(expiresAtMs: number): void;
  reserved(bucket: string, source: 'store' | 'fallback' | 'memory', slots: number): void;
  /** What a narrow limit was charged for an attempt, and what the attempt used of it. */
  settled(bucket: string, charged: number, used: number): void;
  storeCalled(call: string, outcome: 'ok' | 'error', ms: number): void;
  /** So many spans were taken by the collector, could not be sent, or were too many to wait. */
  spans(outcome: SpanOutcome, spans: number): void;
  /** The configuration was read again while Weir ran. */
  reloaded(result: ReloadResult): void;
}

/** Tells of traces. */
export interface Tracer {
  /** A request has ended whose trace is recorded. It never fails, and nothing waits for it. */
  ended(spans: readonly Span[]): void;
}

/** How many lines are missing from the log, by why: `log.sample`, a reader that is slow, a file that can't be written. */
export type LinesLeftOut = Readonly<Record<'sample' | 'slowReader' | 'notWritten', number>>;
export const noneLeftOut: LinesLeftOut = { sample: 0, slowReader: 0, notWritten: 0 };

/** One line a request, and what an operator must know besides. Never a secret, never a body. */
export interface Log {
  request(line: RequestLine): void;
  /**
   * Written at every level but `silent`: an operator who turns the lines of requests off still wants to know who logged
   * in.
   */
  audit(line: AuditLine): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  leftOut(): LinesLeftOut;
}
