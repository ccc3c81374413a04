/** What an attempt that did not end well teaches, and what it comes to for its caller. */
import type { PermitEnd } from '../exchange/exchange.ts';
import type { ReplayReason } from '../exchange/outcome.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import type { CoreappFailure } from './ports.ts';
import type { Retry } from './retry-policy.ts';

/** When to come back after the disk has failed: to another replica, as a rule. */
export const diskRetryAfterMs = 1_000;

export const refusalAfter: Readonly<Record<Exclude<CoreappFailure['cause'], 'late'>, RefusalName>> = {
  connect: 'unreachable',
  timeout: 'timedOut',
  broken: 'broken',
  aborted: 'broken',
  invalid: 'malformed',
  body: 'diskFailed',
};

/** What metrics call a request that goes again since that limit is reached. */
export const reasonFor: Readonly<Record<Retry['limit'], ReplayReason>> = { rate: 'throttled', load: 'overloaded' };

/**
 * What an answer that refuses teaches the number of permits. Every request that was sent had a slot, so a refusal about
 * the rate never means that our own bucket was empty: the Coreapp counts differently, or others use it, too. If it says
 * for how long, the bucket pauses so long, and there is nothing more to learn. If it does not, only fewer in flight keep
 * it from refusing the next one.
 */
export function endAfter({ limit, pauseMs, signal }: Retry, refusals: number): PermitEnd {
  // What is only about that request, or its lane, says nothing of how many may be in flight.
  if (signal?.of === 'request' || typeof signal?.of === 'number') return 'failed';
  if (limit === 'rate' && pauseMs > 0) return 'failed';
  return refusals > 0 ? 'again' : 'refused';
}

/**
 * What an exchange that got no answer teaches. A Coreapp that can't be reached, or shows no sign of life for
 * `answerTimeoutMs`, is trouble. A broken exchange may be the doing of that one request.
 */
export function endWithout({ cause }: CoreappFailure): PermitEnd {
  return cause === 'connect' || cause === 'timeout' ? 'refused' : 'failed';
}
