/** Forward: one attempt at the Coreapp. Its answer goes to the caller as it comes, or the request may be replayed. */
import { Spool } from '../bodies/spool.ts';
import { relayEnd, relayHead } from '../exchange/answer.ts';
import { type Admitted, hasOpenSlot, type PermitEnd } from '../exchange/exchange.ts';
import { type Attempt, type CutCause, gone, type Replay } from '../exchange/outcome.ts';
import type { Downstream, GoneListener } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import { refuse } from '../exchange/refusals.ts';
import { timeFields } from '../exchange/server-timing.ts';
import type { Signal } from '../exchange/signal.ts';
import { type AttemptRecord, sampledId } from '../exchange/trace.ts';
import { endToEnd, type Fields } from '../http/fields.ts';
import { isFinal } from '../http/status.ts';
import { placesIn, Withheld, withoutThoseOfBytes } from './body-urls.ts';
import { GuardedObserver } from './guarded.ts';
import { fieldsAs, Keeping, keptMaxBytes } from './keeping.ts';
import { diskRetryAfterMs, endAfter, endWithout, reasonFor, refusalAfter } from './lessons.ts';
import type { CoreappCall, CoreappFailure } from './ports.ts';
import { neverAgain, pass, type Retry, type RetryPolicy } from './retry-policy.ts';
import { targetFor, withLocation } from './rewriting.ts';
import { addConfigured, type ForwardDeps, type OtherUpstream, requestFields } from './towards.ts';
import { mayCome, nothingYet, Undecided } from './undecided.ts';
import { UsageReader } from './usage.ts';

export type Forward<From extends Downstream = Downstream> = (exchange: Admitted, downstream: From) => Promise<Attempt>;

/** How much of a refusal's body is read before its connection is given up. */
const refusalMaxBytes = 1_048_576;

/**
 * A request that gives up so many slots in a row is sent with the next one, however late that is. Otherwise nothing
 * would pass if the way to the Coreapp always takes longer than a slot is open, and the limit would stay unused.
 */
export const slotsGivenUpMax = 8;

export function createForward(deps: ForwardDeps): Forward {
  return (exchange, downstream) =>
    new Promise((settle, threw) => {
      if (downstream.gone) {
        exchange.permit.end('unused');
        exchange.charge?.unsent();
        settle(gone);
        return;
      }
      new Sending(deps, exchange, downstream, settle, threw).start();
    });
}

class Sending extends GuardedObserver implements GoneListener {
  readonly #deps: ForwardDeps;
  readonly #exchange: Admitted;
  readonly #downstream: Downstream;
  readonly #settle: (attempt: Attempt) => void;
  readonly #reject: (error: unknown) => void;
  readonly #sentAt: number;
  readonly #policy: RetryPolicy;
  readonly #upstream: OtherUpstream;
  #call: CoreappCall | null = null;
  /** The answer's status; null while there is none, or the policy has not decided. */
  #status: number | null = null;
  #undecided: Undecided | null = null;
  /** What an answer that passes teaches, once it is whole. */
  #taught: PermitEnd = 'answered';
  /** The answer is not for the caller. */
  #retry: Retry | null = null;
  #refusalBytes = 0;
  /** Made where others may be told of it. */
  #keeping: Keeping | null = null;
  /** Made once the caller has not taken a part of the answer at once. */
  #spool: Spool | null = null;
  /** Why the answer was cut off while the Coreapp still gave it. */
  #cut: CutCause | null = null;
  /** Its head waits for its body. */
  #withheld: Withheld | null = null;
  /** Made where an answer may tell how much was used. */
  #usage: UsageReader | null = null;
  #failure: CoreappFailure['cause'] | null = null;
  /** Where the trace is recorded. */
  #traced: AttemptRecord | null = null;
  #isOver = false;

  constructor(
    deps: ForwardDeps,
    exchange: Admitted,
    downstream: Downstream,
    settle: (attempt: Attempt) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#deps = deps;
    this.#exchange = exchange;
    this.#downstream = downstream;
    this.#settle = settle;
    this.#reject = reject;
    this.#sentAt = deps.clock.now();
    this.#upstream = deps.others?.get(exchange.route.class) ?? deps;
    this.#policy = deps.notHeld.includes(exchange.route.class) ? neverAgain : deps.retryPolicy;
  }

  start(): void {
    try {
      const { method, body, counters } = this.#exchange;
      counters.attempts += 1;
      const target = targetFor(this.#exchange, this.#deps.rewriting);
      this.#traced = this.#beginTrace(target);
      const fields = requestFields(this.#exchange, this.#deps, this.#traced?.spanId ?? null);
      const checked = fields.length;
      addConfigured(fields, this.#exchange, this.#deps);
      this.#downstream.onGone(this);
      this.#call = this.#upstream.coreapp.send({ method, target, fields, checked, body }, this);
    } catch (error) {
      this.threw(error);
    }
  }

  /** A call that is under way ends first, and says so. */
  callerGone(): void {
    if (this.#isOver) this.#leave();
    else this.#call?.abort();
  }

  #beginTrace(target: string): AttemptRecord | null {
    const recording = this.#exchange.trace?.recording ?? null;
    if (recording === null) return null;
    const [origin = ''] = this.#deps.rewriting.originsOf(this.#exchange);
    return recording.attemptBegan(this.#sentAt, origin, target);
  }

  /**
   * Between taking the slot and this moment a connection was opened, or the process had to wait for a processor. A slot
   * that has closed meanwhile is given up, so that lateness never adds to what the limit lets through. If the bucket
   * has some to spare, another slot takes its place at once: at 15,000 requests a second, that saves two requests in a
   * hundred a second attempt.
   */
  mayWrite(): boolean {
    return hasOpenSlot(this.#exchange, this.#deps.clock.now()) || this.#exchange.slotsGivenUp >= slotsGivenUpMax;
  }

  protected informed(status: number, fields: Fields): void {
    this.#downstream.information(status, endToEnd(fields, this.#deps.own.interim));
  }

  protected headed(status: number, fields: Fields): void {
    this.#upstream.reachability.answered(this.#sentAt);
    // An answer that switches protocols has no body to judge, and its connection is the caller's at once.
    if (isFinal(status)) this.#judge(status, fields, null);
    else this.#relay(status, fields);
  }

  /**
   * Asks the policy, and does what it says.
   * @param seen what it needed to see; null: nothing yet
   * @returns whether the Coreapp may go on
   */
  #judge(status: number, fields: Fields, seen: Undecided | null): boolean {
    this.#undecided = null;
    const body = seen ?? nothingYet;
    const verdict = this.#policy.answered(this.#exchange, status, fields, body);
    if (verdict.kind === 'retry') {
      this.#retry = verdict;
      this.#status = status;
      const { signal } = verdict;
      if (signal?.warn !== undefined) this.#deps.alarmed(this.#exchange.route.class, status, signal);
      if (signal !== undefined) {
        this.#keeping = new Keeping(signal.as ?? status, fieldsAs(signal, status, fields), keptMaxBytes);
        this.#keep(body.bytes);
      }
      return true;
    }
    if (verdict.kind === 'need' && mayCome(verdict.bytes, body)) {
      this.#undecided = seen ?? new Undecided(status, fields);
      this.#undecided.needed = verdict.bytes;
      return true;
    }
    const { signal = undefined, overloaded = false } = verdict.kind === 'pass' ? verdict : pass;
    if (overloaded) this.#taught = 'refused';
    if (signal !== undefined) this.#signalled(status, signal);
    this.#relay(signal?.as ?? status, fieldsAs(signal, status, fields));
    return body.bytes.length === 0 || this.came(body.bytes);
  }

  /** What its caller is told counts for others, too. */
  #signalled(status: number, signal: Signal): void {
    if (signal.bulk || signal.warn !== undefined) this.#deps.alarmed(this.#exchange.route.class, status, signal);
    this.#exchange.slots.signalled(signal, this.#exchange);
  }

  #cameUndecided(chunk: Buffer): boolean {
    let rest = chunk;
    let goesOn = true;
    while (this.#undecided !== null && rest.length > 0) {
      const seen = this.#undecided;
      rest = seen.take(rest);
      if (seen.isEnough) goesOn = this.#judge(seen.status, seen.fields, seen);
    }
    return rest.length === 0 ? goesOn : this.came(rest);
  }

  /** No more will come of an answer that is not decided. */
  #judgeEnded(): void {
    const seen = this.#undecided;
    if (seen === null) return;
    seen.ended = true;
    this.#judge(seen.status, seen.fields, seen);
  }

  #relay(status: number, fields: Fields): void {
    const { charge } = this.#exchange;
    if (charge !== null && charge.toldIn.length > 0) this.#usage = new UsageReader(charge.toldIn, fields);
    const { bodyUrls } = this.#deps.rewriting;
    const places = bodyUrls === null ? null : placesIn(bodyUrls, this.#exchange, status, fields);
    if (places === null) this.#relayNow(status, fields);
    else if (this.#exchange.method === 'HEAD') this.#relayNow(status, withoutThoseOfBytes(fields));
    else this.#withheld = new Withheld(status, fields, places);
  }

  #relayNow(status: number, fields: Fields): void {
    const leads = status === 201 || (status >= 300 && status < 400);
    const told = leads ? withLocation(fields, this.#exchange, this.#deps.rewriting) : fields;
    relayHead(this.#exchange, this.#downstream, status, told, this.#times());
    this.#status = status;
  }

  /** The answer whose head waited goes on. @param isWhole only then something in it may be changed */
  #release(isWhole: boolean): boolean {
    const withheld = this.#withheld;
    const { bodyUrls } = this.#deps.rewriting;
    if (withheld === null || bodyUrls === null) return true;
    this.#withheld = null;
    const { status, fields, body } = (isWhole ? withheld.changed(bodyUrls, this.#exchange) : null) ?? withheld.answer;
    this.#relayNow(status, fields);
    return body.length === 0 || this.#pass(body);
  }

  protected came(chunk: Buffer): boolean {
    if (this.#undecided !== null) return this.#cameUndecided(chunk);
    if (this.#retry !== null) {
      // Read to its end, so that the connection can be used again; but not for ever.
      this.#refusalBytes += chunk.length;
      this.#keep(chunk);
      if (this.#refusalBytes > refusalMaxBytes) this.#call?.abort();
      return true;
    }
    this.#usage?.add(chunk);
    if (this.#withheld !== null) return this.#withheld.add(chunk) || this.#release(false);
    return this.#pass(chunk);
  }

  /** Others are not told of one that is too long. */
  #keep(chunk: Buffer): void {
    if (this.#keeping?.add(chunk) === false) this.#keeping = null;
  }

  #pass(chunk: Buffer): boolean {
    if (this.#spool !== null) return this.#spool.add(chunk);
    const { counters, principal } = this.#exchange;
    counters.bytesOut += chunk.length;
    if (this.#downstream.data(chunk)) return true;
    this.#spool = new Spool(this.#downstream, nameOf(principal), counters, this.#deps.answers, {
      resume: () => this.#call?.resume(),
      ended: (cut) => this.#answered(cut),
      threw: (error) => this.threw(error),
    });
    return this.#spool.mayGoOn;
  }

  protected ended(trailers: Fields): void {
    this.#judgeEnded();
    this.#release(true);
    const status = this.#status ?? 0;
    if (this.#retry !== null) {
      this.#refused(status, this.#retry);
      return;
    }
    this.#usage?.end(trailers);
    const taken = this.#spool === null && relayEnd(this.#downstream, trailers);
    this.#over(status, this.#taught);
    if (taken) {
      this.#answered(null);
      return;
    }
    this.#downstream.onGone(this);
    if (this.#spool === null) this.#downstream.onDrain(() => this.#answered(null));
    else this.#spool.end(trailers);
  }

  protected failed(failure: CoreappFailure): void {
    this.#failure = failure.cause;
    if (this.#cut !== null) {
      this.#over('failure', 'failed');
      this.#answered(this.#cut);
      return;
    }
    if (this.#downstream.gone) {
      if (failure.phase === 'unsent') this.#exchange.charge?.unsent();
      this.#over('failure', failure.phase === 'unsent' ? 'unused' : 'failed');
      this.#leave();
      return;
    }
    this.#judgeEnded();
    this.#release(false);
    // The answer's beginning said that the Coreapp did not act; what broke is only the rest of it.
    if (this.#retry !== null) this.#refused(this.#status ?? 0, this.#retry);
    else if (this.#status !== null) this.#brokeOff(failure.cause === 'timeout' ? 'coreappTimeout' : 'coreappBroke');
    else if (failure.cause === 'late') this.#giveSlotUp();
    else this.#unanswered(failure, failure.cause);
  }

  /** The caller gets what has come of the answer. */
  #brokeOff(why: CutCause): void {
    this.#over('failure', 'failed');
    if (this.#spool === null) {
      this.#downstream.cut();
      this.#answered(why);
      return;
    }
    this.#downstream.onGone(this);
    this.#spool.breakOff(why);
  }

  /** The caller has its answer, or was cut off. */
  #answered(cut: CutCause | null): void {
    this.#downstream.onGone(null);
    if (this.#isOver) {
      this.#settle({ kind: 'passed', status: this.#status ?? 0, cut });
      return;
    }
    this.#cut = cut;
    this.#call?.abort();
  }

  /** There is no caller any more. One that was cut off in its answer has seen the status. */
  #leave(): void {
    const { cutFor } = this.#downstream;
    this.#spool?.abandon();
    this.#settle(
      cutFor === null || this.#status === null ? gone : { kind: 'passed', status: this.#status, cut: cutFor },
    );
  }

  /** The first one counts: what follows is the end of a call that was given up. */
  protected threw(error: unknown): void {
    this.#reject(error);
    this.#spool?.abandon();
    this.#downstream.onGone(null);
    this.#exchange.permit.end('failed');
    this.#call?.abort();
  }

  #times(): Fields {
    const { times } = this.#deps;
    if (!times.serverTiming && !times.holdField) return [];
    return timeFields(this.#exchange, this.#deps.clock.now() - this.#sentAt, times);
  }

  #refused(status: number, retry: Retry): void {
    const { limit, pauseMs, signal } = retry;
    const end = endAfter(retry, this.#exchange.refusals);
    const replay: Replay = { kind: 'replay', reason: reasonFor[limit], pauseMs, otherwise: null };
    const answer = this.#keeping?.answer ?? null;
    const said = { ...replay, ...(signal !== undefined && { signal }), ...(answer !== null && { answer }) };
    this.#finish(status, end, signal === undefined ? replay : said);
  }

  /** There is no answer. */
  #unanswered(failure: CoreappFailure, cause: keyof typeof refusalAfter): void {
    if (cause === 'connect') this.#upstream.reachability.unreached(this.#sentAt, failure.detail);
    const name = refusalAfter[cause];
    // A body that the disk did not give back once will not come the next time, and nobody can act on half a request.
    if (cause === 'body') this.#finish('failure', 'failed', refuse(name, null, diskRetryAfterMs));
    else if (cause === 'invalid') this.#finish('failure', 'failed', refuse(name, failure.detail));
    else {
      if (failure.phase === 'unsent') this.#exchange.charge?.unsent();
      const sent = requestFields(this.#exchange, this.#deps, null);
      addConfigured(sent, this.#exchange, this.#deps);
      const { again, teaches } = this.#policy.failed(this.#exchange, sent, failure);
      const reason = failure.phase === 'unsent' ? 'unsent' : 'broken';
      const attempt: Attempt = again ? { kind: 'replay', reason, pauseMs: 0, otherwise: name } : refuse(name);
      this.#finish('failure', teaches ? endWithout(failure) : 'failed', attempt);
    }
  }

  /** This was no attempt: nothing new is known of the Coreapp. */
  #giveSlotUp(): void {
    const { counters, permit } = this.#exchange;
    counters.attempts -= 1;
    if (this.#traced !== null) this.#exchange.trace?.recording?.withdraw(this.#traced);
    this.#exchange.slotsGivenUp += 1;
    counters.coreappMs += this.#deps.clock.now() - this.#sentAt;
    this.#downstream.onGone(null);
    permit.end('unused');
    this.#exchange.charge?.unsent();
    this.#settle({ kind: 'replay', reason: 'late', pauseMs: 0, otherwise: null });
  }

  #finish(answer: number | 'failure', how: PermitEnd, attempt: Attempt): void {
    this.#over(answer, how);
    if (this.#traced !== null && attempt.kind === 'replay') this.#traced.replay = attempt.reason;
    this.#settle(attempt);
  }

  /** The exchange with the Coreapp is over. */
  #over(answer: number | 'failure', how: PermitEnd): void {
    const { counters, permit, route, trace } = this.#exchange;
    const now = this.#deps.clock.now();
    const ms = now - this.#sentAt;
    this.#exchange.slotsGivenUp = 0;
    counters.coreappMs += ms;
    this.#isOver = true;
    this.#downstream.onGone(null);
    if (this.#traced !== null) this.#endTrace(this.#traced, answer, now);
    this.#deps.meter.coreappAnswered(route.class, answer, ms, sampledId(trace));
    permit.end(how);
    this.#settleCharge(answer);
  }

  #endTrace(traced: AttemptRecord, answer: number | 'failure', now: number): void {
    traced.endedAt = now;
    traced.status = answer === 'failure' ? this.#status : answer;
    if (answer === 'failure') traced.failure = this.#failure ?? this.#cut ?? 'broken';
  }

  /** What the upstream refused has used nothing; a mistake of the caller's neither, unless the answer says so. */
  #settleCharge(answer: number | 'failure'): void {
    const { charge } = this.#exchange;
    if (charge === null) return;
    const isMistake = answer !== 'failure' && answer >= 400 && answer < 500;
    if (this.#retry !== null) charge.settle(charge.toldIn.map(() => 0));
    else
      charge.settle(this.#usage?.used().map((used) => used ?? (isMistake ? 0 : null)) ?? charge.toldIn.map(() => null));
  }
}
