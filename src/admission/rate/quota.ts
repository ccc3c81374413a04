import type { Scope } from './scope.ts';

/** A bucket's limit: `rate` requests a second, and up to `burst` at once after a pause. */
export interface Quota {
  /** Requests a second, above 0; fractions are allowed (0.5 is one every two seconds). */
  readonly rate: number;
  /** Requests, 1 or more. */
  readonly burst: number;
}

/** What bounds an endpoint class: its buckets, and the lines that form behind them in each replica. */
export interface ClassLimits extends Quota {
  /** Which of its requests share a bucket. */
  readonly scope: Scope;
  /** Most buckets that are in use in a replica at a time. */
  readonly scopesMax: number;
  /** Callers are told what is left of their bucket. */
  readonly rateLimitFields: boolean;
  /** False: the Coreapp’s answer is told at once, whatever it is; nothing is sent again. */
  readonly hold: boolean;
  /** How long a request may wait, milliseconds. */
  readonly holdMaxMs: number;
  /** How many requests may wait, in all lines of the class together. */
  readonly lineMaxRequests: number;
  /** What one caller may have of the places that others leave (`admission/line/headcount.ts`). */
  readonly callerShareMax: number;
  /** How many bytes bodies may take: being read, waiting, in flight. */
  readonly lineMaxBytes: number;
  /** How many of them one caller may have. */
  readonly callerMaxBytes: number;
  /** The largest body that is accepted. */
  readonly bodyMaxBytes: number;
}

/** How many can wait at a time: a caller that is alone has no more in line than may be served in time. */
export function lineMax({ rate, burst, holdMaxMs, lineMaxRequests, scope }: ClassLimits): number {
  if (scope.by !== 'fleet') return lineMaxRequests; // In all its lines together.
  return Math.min(lineMaxRequests, Math.floor(burst + (rate * holdMaxMs) / 1_000) + 1);
}

/**
 * How many slots a bucket can give that open before a moment, at most, besides those that are left of a lease. Other
 * replicas take their part of them, but for how long is not known here, so nothing is deducted.
 * @param fullAt when it will be full again, by the last grant; milliseconds, like `now` and `until`
 */
export function slotsToCome({ rate, burst }: Quota, fullAt: number, now: number, until: number): number {
  const nextAt = Math.max(now, fullAt) - ((burst - 1) / rate) * 1_000;
  return Math.max(0, Math.ceil(((until - nextAt) * rate) / 1_000));
}
