/**
 * The trace that a request belongs to, and what is kept of the request where that is to be told: its stays in line and
 * its attempts, with their times. It is data only; `observe/spans.ts` makes spans of it once the request has ended.
 */
import { traceFlags } from '../http/trace-context.ts';

export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Those of `traceFlags`: what its caller said, or what was decided here. */
  readonly flags: number;
  /** The caller's span; null: the trace begins here. */
  readonly parentId: string | null;
  /** Weir's own span, which takes the caller's place towards the upstream; null: the caller's fields travel on. */
  readonly spanId: string | null;
  /** `traceparent` that says so; null: the caller's fields travel on. */
  readonly said: string | null;
  /** `tracestate` as it travels on; empty: there is none. */
  readonly state: string;
  /** Null: nothing is told of it. */
  readonly recording: Recording | null;
}

/** The trace id, where somebody is likely to have kept the trace; null otherwise. */
export function sampledId(trace: Trace | null): string | null {
  return trace !== null && (trace.flags & traceFlags.sampled) !== 0 ? trace.traceId : null;
}

/**
 * Why a request waits. `line`: others are before it. `slots`: the limit lets no more through for now. `permits`: as many
 * are in flight as may be. `pause`: the upstream asked for it. `rest`: after a broken or refused attempt. `lane`: a
 * narrow limit.
 */
export type HoldReason = 'line' | 'slots' | 'permits' | 'pause' | 'rest' | 'lane';

/** One stay in line. */
export interface Hold {
  readonly spanId: string;
  readonly startedAt: number;
  readonly reasons: { readonly reason: HoldReason; readonly at: number }[];
  /** `Clock.now()`; null: it has not ended. */
  endedAt: number | null;
  outcome: 'sent' | 'refused' | 'gone' | null;
}

/** One attempt at the upstream. */
export interface AttemptRecord {
  readonly spanId: string;
  readonly startedAt: number;
  /** Where it went: an origin, and the path without a query. */
  readonly origin: string;
  readonly path: string;
  endedAt: number | null;
  /** The upstream's; null: there was none. */
  status: number | null;
  /** How it failed; null: it did not. */
  failure: string | null;
  /** Why the request went again; null: it did not. */
  replay: string | null;
}

/** How many of each are kept of one request. A request may be replayed for as long as it is held. */
const recordsMax = 32;

/** A shorter stay that ended in sending tells nothing, nor does a reason: it is the time of asking the bucket. */
const holdMinMs = 1;

function dropPassing(reasons: Hold['reasons'], now: number): void {
  const last = reasons.at(-1);
  if (last !== undefined && now - last.at < holdMinMs) reasons.pop();
}

export class Recording {
  readonly #newSpanId: () => string;
  /** When the request came, milliseconds since 1970-01-01 UTC, and by `Clock.now()`. */
  readonly wallMs: number;
  readonly startedAt: number;
  readonly holds: Hold[] = [];
  readonly attempts: AttemptRecord[] = [];
  /** Stays and attempts beyond the bound. */
  omitted = 0;

  constructor(newSpanId: () => string, wallMs: number, startedAt: number) {
    this.#newSpanId = newSpanId;
    this.wallMs = wallMs;
    this.startedAt = startedAt;
  }

  holdBegan(now: number, reason: HoldReason): void {
    if (this.holds.length >= recordsMax) this.omitted += 1;
    else {
      const reasons = [{ reason, at: now }];
      this.holds.push({ spanId: this.#newSpanId(), startedAt: now, reasons, endedAt: null, outcome: null });
    }
  }

  /** It goes on waiting for another reason. */
  waits(now: number, reason: HoldReason): void {
    const hold = this.holds.at(-1);
    if (hold === undefined || hold.endedAt !== null) return;
    const { reasons } = hold;
    if (reasons.at(-1)?.reason === reason) return;
    dropPassing(reasons, now);
    if (reasons.at(-1)?.reason !== reason && reasons.length < recordsMax) reasons.push({ reason, at: now });
  }

  holdEnded(now: number, outcome: Hold['outcome']): void {
    const hold = this.holds.at(-1);
    if (hold === undefined || hold.endedAt !== null) return;
    if (outcome === 'sent' && now - hold.startedAt < holdMinMs) this.holds.pop();
    if (hold.reasons.length > 1) dropPassing(hold.reasons, now);
    hold.endedAt = now;
    hold.outcome = outcome;
  }

  attemptBegan(now: number, origin: string, path: string): AttemptRecord {
    const attempt: AttemptRecord = {
      spanId: this.#newSpanId(),
      startedAt: now,
      origin,
      path,
      endedAt: null,
      status: null,
      failure: null,
      replay: null,
    };
    if (this.attempts.length >= recordsMax) this.omitted += 1;
    else this.attempts.push(attempt);
    return attempt;
  }

  /** It was none: not a byte was written. */
  withdraw(attempt: AttemptRecord): void {
    if (this.attempts.at(-1) === attempt) this.attempts.pop();
  }
}
