/**
 * One attempt at the Coreapp as it counts: whether it may still be made, what it comes to for its request, and what its
 * permit, its charge, the metrics and the trace are told. What passes between the Coreapp and the caller is in
 * `forward.ts`.
 */
import { type Admitted, hasOpenSlot, type PermitEnd } from '../exchange/exchange.ts';
import type { Attempt, CutCause, Replay } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import { refuse } from '../exchange/refusals.ts';
import { timeFields } from '../exchange/server-timing.ts';
import { type AttemptRecord, sampledId } from '../exchange/trace.ts';
import type { Fields } from '../http/fields.ts';
import { GuardedObserver } from './guarded.ts';
import type { Keeping } from './keeping.ts';
import { diskRetryAfterMs, endAfter, endWithout, reasonFor, refusalAfter } from './lessons.ts';
import type { CoreappFailure } from './ports.ts';
import { neverAgain, type Retry, type RetryPolicy } from './retry-policy.ts';
import { addConfigured, type ForwardDeps, type OtherUpstream, requestFields } from './towards.ts';
import type { UsageReader } from './usage.ts';

/**
 * A request that gives up so many slots in a row is sent with the next one, however late that is. Otherwise nothing
 * would pass if the way to the Coreapp always takes longer than a slot is open, and the limit would stay unused.
 */
export const slotsGivenUpMax = 8;

export abstract class CountedAttempt extends GuardedObserver {
  protected readonly deps: ForwardDeps;
  protected readonly exchange: Admitted;
  protected readonly downstream: Downstream;
  protected readonly settle: (attempt: Attempt) => void;
  protected readonly reject: (error: unknown) => void;
  protected readonly sentAt: number;
  protected readonly policy: RetryPolicy;
  protected readonly upstream: OtherUpstream;
  /** The answer's status; null while there is none, or the policy has not decided. */
  protected status: number | null = null;
  /** The answer is not for the caller. */
  protected retry: Retry | null = null;
  /** Made where others may be told of it. */
  protected keeping: Keeping | null = null;
  /** Why the answer was cut off while the Coreapp still gave it. */
  protected cut: CutCause | null = null;
  /** Made where an answer may tell how much was used. */
  protected usage: UsageReader | null = null;
  protected failure: CoreappFailure['cause'] | null = null;
  protected isOver = false;
  /** Where the trace is recorded. */
  #traced: AttemptRecord | null = null;

  constructor(
    deps: ForwardDeps,
    exchange: Admitted,
    downstream: Downstream,
    settle: (attempt: Attempt) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.deps = deps;
    this.exchange = exchange;
    this.downstream = downstream;
    this.settle = settle;
    this.reject = reject;
    this.sentAt = deps.clock.now();
    this.upstream = deps.others?.get(exchange.route.class) ?? deps;
    this.policy = deps.notHeld.includes(exchange.route.class) ? neverAgain : deps.retryPolicy;
  }

  /** Returns the span that the Coreapp is told of; null: this attempt has none of its own. */
  protected began(target: string): string | null {
    const { counters, trace } = this.exchange;
    counters.attempts += 1;
    const recording = trace?.recording ?? null;
    if (recording === null) return null;
    const [origin = ''] = this.deps.rewriting.originsOf(this.exchange);
    this.#traced = recording.attemptBegan(this.sentAt, origin, target);
    return this.#traced.spanId;
  }

  /**
   * Between taking the slot and this moment a connection was opened, or the process had to wait for a processor. A slot
   * that has closed meanwhile is given up, so that lateness never adds to what the limit lets through. If the bucket
   * has some to spare, another slot takes its place at once: at 15,000 requests a second, that saves two requests in a
   * hundred a second attempt.
   */
  mayWrite(): boolean {
    return hasOpenSlot(this.exchange, this.deps.clock.now()) || this.exchange.slotsGivenUp >= slotsGivenUpMax;
  }

  protected times(): Fields {
    const { times } = this.deps;
    if (!times.serverTiming && !times.holdField) return [];
    return timeFields(this.exchange, this.deps.clock.now() - this.sentAt, times);
  }

  protected refused(status: number, retry: Retry): void {
    const { limit, pauseMs, signal } = retry;
    const end = endAfter(retry, this.exchange.refusals);
    const replay: Replay = { kind: 'replay', reason: reasonFor[limit], pauseMs, otherwise: null };
    const answer = this.keeping?.answer ?? null;
    const said = { ...replay, ...(signal !== undefined && { signal }), ...(answer !== null && { answer }) };
    this.#finish(status, end, signal === undefined ? replay : said);
  }

  /** There is no answer. */
  protected unanswered(failure: CoreappFailure, cause: keyof typeof refusalAfter): void {
    if (cause === 'connect') this.upstream.reachability.unreached(this.sentAt, failure.detail);
    const name = refusalAfter[cause];
    // A body that the disk did not give back once will not come the next time, and nobody can act on half a request.
    if (cause === 'body') this.#finish('failure', 'failed', refuse(name, null, diskRetryAfterMs));
    else if (cause === 'invalid') this.#finish('failure', 'failed', refuse(name, failure.detail));
    else {
      if (failure.phase === 'unsent') this.exchange.charge?.unsent();
      const sent = requestFields(this.exchange, this.deps, null);
      addConfigured(sent, this.exchange, this.deps);
      const { again, teaches } = this.policy.failed(this.exchange, sent, failure);
      const reason = failure.phase === 'unsent' ? 'unsent' : 'broken';
      const attempt: Attempt = again ? { kind: 'replay', reason, pauseMs: 0, otherwise: name } : refuse(name);
      this.#finish('failure', teaches ? endWithout(failure) : 'failed', attempt);
    }
  }

  /** This was no attempt: nothing new is known of the Coreapp. */
  protected giveSlotUp(): void {
    const { counters, permit } = this.exchange;
    counters.attempts -= 1;
    if (this.#traced !== null) this.exchange.trace?.recording?.withdraw(this.#traced);
    this.exchange.slotsGivenUp += 1;
    counters.coreappMs += this.deps.clock.now() - this.sentAt;
    this.downstream.onGone(null);
    permit.end('unused');
    this.exchange.charge?.unsent();
    this.settle({ kind: 'replay', reason: 'late', pauseMs: 0, otherwise: null });
  }

  /** The exchange with the Coreapp is over. */
  protected over(answer: number | 'failure', how: PermitEnd): void {
    const { counters, permit, route, trace } = this.exchange;
    const now = this.deps.clock.now();
    const ms = now - this.sentAt;
    this.exchange.slotsGivenUp = 0;
    counters.coreappMs += ms;
    this.isOver = true;
    this.downstream.onGone(null);
    if (this.#traced !== null) this.#endTrace(this.#traced, answer, now);
    this.deps.meter.coreappAnswered(route.class, answer, ms, sampledId(trace));
    permit.end(how);
    this.#settleCharge(answer);
  }

  #finish(answer: number | 'failure', how: PermitEnd, attempt: Attempt): void {
    this.over(answer, how);
    if (this.#traced !== null && attempt.kind === 'replay') this.#traced.replay = attempt.reason;
    this.settle(attempt);
  }

  #endTrace(traced: AttemptRecord, answer: number | 'failure', now: number): void {
    traced.endedAt = now;
    traced.status = answer === 'failure' ? this.status : answer;
    if (answer === 'failure') traced.failure = this.failure ?? this.cut ?? 'broken';
  }

  /** What the upstream refused has used nothing; a mistake of the caller's neither, unless the answer says so. */
  #settleCharge(answer: number | 'failure'): void {
    const { charge } = this.exchange;
    if (charge === null) return;
    const isMistake = answer !== 'failure' && answer >= 400 && answer < 500;
    if (this.retry !== null) charge.settle(charge.toldIn.map(() => 0));
    else
      charge.settle(this.usage?.used().map((used) => used ?? (isMistake ? 0 : null)) ?? charge.toldIn.map(() => null));
  }
}
