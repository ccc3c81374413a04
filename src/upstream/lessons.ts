/** What an attempt that did not end well teaches, and what it comes to for its caller. */
import type { PermitEnd } from '../exchange/exchange.ts';
import type { ReplayReason } from '../exchange/outcome.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import type { CoreappFailure } from './ports.ts';
import type { Retry } from './retry-policy.ts';

/** When to come back where the disk has failed: to another replica, as a rule. */
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
 * What an answer that refuses teaches the number of permits. Whatever was sent had a slot, so one that is about the rate
 * never means that our own bucket was empty: the Coreapp counts otherwise, or others use it too. Where it says for how
 * long, the bucket rests so long, and there is nothing more to learn; where it does not, only fewer in flight keep it from
 * the next one.
 */
export function endAfter({ limit, pauseMs }: Retry, refusals: number): PermitEnd {
  if (limit === 'rate' && pauseMs > 0) return 'failed';
  return refusals > 0 ? 'again' : 'refused';
}

/**
 * What an exchange that got no answer teaches: not to be reached, or no sign of life for `answerTimeoutMs`, is trouble.
 * One that broke may be the doing of that one request.
 */
export function endWithout({ cause }: CoreappFailure): PermitEnd {
  return cause === 'connect' || cause === 'timeout' ? 'refused' : 'failed';
}
