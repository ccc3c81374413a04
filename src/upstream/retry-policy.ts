/**
 * Retry policy: what an API means by its answers. It is handed in, so that `forward` knows no status: the head of an
 * answer goes to the caller only when the policy has let it pass. `src/admission/` decides on pauses, their growth and
 * whom they are for; the hold time decides for how long a request may go again. `forward` does not ask about classes
 * whose requests are never held: nothing of theirs goes again.
 */
import type { Admitted } from '../exchange/exchange.ts';
import type { Signal } from '../exchange/signal.ts';
import type { Fields } from '../http/fields.ts';
import type { CoreappFailure } from './ports.ts';

export interface RetryPolicy {
  /**
   * The upstream has answered. Asked when the final head is there, and again each time that the policy needed to see
   * more and this has come. A head that waits changes no time limit: the upstream has as long for each part of the body
   * as ever.
   * @param fields of the answer
   */
  answered(request: TriedRequest, status: number, fields: Fields, body: BodyStart): Verdict;
  /**
   * There is no answer, or none that can be read. Not asked where the caller or the disk is to blame.
   * @param sent the fields that went to the upstream
   */
  failed(request: TriedRequest, sent: Fields, failure: CoreappFailure): FailureVerdict;
}

/** What a policy may go by of a request. */
export type TriedRequest = Readonly<
  Pick<Admitted, 'method' | 'target' | 'route' | 'fields' | 'brokenRepeats' | 'refusals'>
>;

/** What has come of an answer's body. */
export interface BodyStart {
  /**
   * None before the policy has asked for some; then as many as it asked for, or all that there are. They are the bytes
   * as they were sent: a content coding (gzip, …) is not undone.
   */
  readonly bytes: Buffer;
  /** True: no more will come. The body is whole, or the upstream broke it off: its own form has to tell. */
  readonly ended: boolean;
}

export type Verdict = Pass | Retry | Need;

/** The answer is the caller's. */
interface Pass {
  readonly kind: 'pass';
  /** What it says of a limit all the same; not there: nothing. */
  readonly signal?: Signal;
  /** True: the upstream has too much to do, so fewer should be in flight. The request may have been acted on. */
  readonly overloaded?: boolean;
}
/** The one that there is: most answers pass, and cost no object. */
export const pass: Pass = { kind: 'pass' };
export const passOverloaded: Pass = { kind: 'pass', overloaded: true };

/**
 * The upstream did not act on the request, since a limit of its own is reached: it goes again. The answer is dropped.
 */
export interface Retry {
  readonly kind: 'retry';
  /**
   * The limit that is reached. `rate`: how many requests it takes in a time; the request's bucket pauses (`throttled`
   * in metrics). `load`: how much it can do at once; all of the class pause (`overloaded`).
   */
  readonly limit: 'rate' | 'load';
  /** For how long the upstream asked to send nothing, milliseconds; 0: it did not say. */
  readonly pauseMs: number;
  /** By which rule of the configuration; not there: by none. */
  readonly signal?: Signal;
}

/**
 * The policy has to see the first so many bytes of the body, counted from its beginning; until then the head waits. If
 * the body ends earlier, the policy is asked once more, with what there is. The answer passes if the policy needs what
 * cannot be had: more than `needMaxBytes`, more than there is of a body that has ended, or no more than the policy has
 * already seen.
 */
interface Need {
  readonly kind: 'need';
  readonly bytes: number;
}
/** The most that one answer keeps in memory before it is decided. There are no more of them than permits. */
export const needMaxBytes = 65_536;

export interface FailureVerdict {
  /** Whether the request goes again. If not, the caller is told that there was no answer. */
  readonly again: boolean;
  /** Whether the concurrency limit learns from an upstream that can't be reached or is silent. */
  readonly teaches: boolean;
}

/** For requests that are never held. Monitoring goes on asking, whatever comes of it: there is nothing to learn. */
export const neverAgain: RetryPolicy = { answered: () => pass, failed: () => ({ again: false, teaches: false }) };
