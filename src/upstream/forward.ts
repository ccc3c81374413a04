/** Forward: one attempt at the Coreapp. Its answer goes to the caller as it comes, or the attempt may be replayed. */
import { Spool } from '../bodies/spool.ts';
import { relayEnd, relayHead } from '../exchange/answer.ts';
import { type Admitted, hasOpenSlot, type PermitEnd } from '../exchange/exchange.ts';
import type { Attempt, CutCause, ReplayReason } from '../exchange/outcome.ts';
import { gone } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import { refuse } from '../exchange/refusals.ts';
import { serverTiming } from '../exchange/server-timing.ts';
import { endToEnd, type Fields, fieldOf } from '../http/fields.ts';
import { retryAfterMs } from '../http/retry-after.ts';
import { GuardedObserver } from './guarded.ts';
import { diskRetryAfterMs, endAfter, endWithout, refusalAfter } from './lessons.ts';
import type { CoreappCall, CoreappFailure } from './ports.ts';
import { isKeyed, replayAfterAnswer, replayAfterFailure } from './replay.ts';
import { type ForwardDeps, requestFields } from './towards.ts';

export type Forward = (exchange: Admitted, downstream: Downstream) => Promise<Attempt>;

/** How much of a refusal's body is read before its connection is given up. */
const refusalMaxBytes = 1_048_576;

/**
 * A request that gives so many slots up in a row is sent with the next one, however late that is. A way to the Coreapp that
 * always takes longer than a slot is open would let nothing pass; and what the limit allows would stay unused.
 */
export const slotsGivenUpMax = 8;

export function createForward(deps: ForwardDeps): Forward {
  return (exchange, downstream) =>
    new Promise((settle, threw) => {
      if (downstream.gone) {
        exchange.permit.end('unused');
        settle(gone);
        return;
      }
      new Sending(deps, exchange, downstream, settle, threw).start();
    });
}

class Sending extends GuardedObserver {
  readonly #deps: ForwardDeps;
  readonly #exchange: Admitted;
  readonly #downstream: Downstream;
  readonly #settle: (attempt: Attempt) => void;
  readonly #reject: (error: unknown) => void;
  readonly #sentAt: number;
  #call: CoreappCall | null = null;
  /** What the answer's status came to; null while there is no answer. */
  #status: number | null = null;
  #replay: ReplayReason | null = null;
  #pauseMs = 0;
  #refusalBytes = 0;
  /** Once the caller has not taken a part of the answer at once. */
  #spool: Spool | null = null;
  /** Why the answer was cut off while the Coreapp still gave it. */
  #cut: CutCause | null = null;
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
  }

  start(): void {
    try {
      const { method, target, body, counters } = this.#exchange;
      counters.attempts += 1;
      const fields = requestFields(this.#exchange, this.#deps);
      this.#downstream.onGone(() => this.#call?.abort());
      this.#call = this.#deps.coreapp.send({ method, target, fields, body }, this);
    } catch (error) {
      this.threw(error);
    }
  }

  /**
   * Between taking the slot and this moment a connection was opened, or the process had to wait for a processor. A slot that
   * has closed meanwhile is given up, so that lateness never adds to what the limit lets through. Where the bucket has some to
   * spare, another one takes its place at once: at 15,000 requests a second that spares two of a hundred a second attempt.
   */
  mayWrite(): boolean {
    return hasOpenSlot(this.#exchange, this.#deps.clock.now()) || this.#exchange.slotsGivenUp >= slotsGivenUpMax;
  }

  protected informed(status: number, fields: Fields): void {
    this.#downstream.information(status, endToEnd(fields, this.#deps.own.interim));
  }

  protected headed(status: number, fields: Fields): void {
    this.#deps.reachability.answered(this.#sentAt);
    this.#replay = this.#isHeld() ? replayAfterAnswer(status) : null;
    if (this.#replay === null) relayHead(this.#exchange, this.#downstream, status, fields, this.#timing());
    else this.#pauseMs = retryAfterMs(fieldOf(fields, 'retry-after'), this.#deps.clock.wallMs());
    this.#status = status;
  }

  protected came(chunk: Buffer): boolean {
    if (this.#replay !== null) {
      // Read to its end, so that the connection can be used again; but not for ever.
      this.#refusalBytes += chunk.length;
      if (this.#refusalBytes > refusalMaxBytes) this.#call?.abort();
      return true;
    }
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
    const status = this.#status ?? 0;
    if (this.#replay !== null) {
      this.#finish(status, this.#endAfter(this.#replay), this.#refused(this.#replay));
      return;
    }
    const taken = this.#spool === null && relayEnd(this.#downstream, trailers);
    this.#over(status, 'answered');
    if (taken) {
      this.#answered(null);
      return;
    }
    this.#downstream.onGone(() => this.#leave());
    if (this.#spool === null) this.#downstream.onDrain(() => this.#answered(null));
    else this.#spool.end(trailers);
  }

  protected failed(failure: CoreappFailure): void {
    if (this.#cut !== null) {
      this.#over('failure', 'failed');
      this.#answered(this.#cut);
    } else if (this.#downstream.gone) {
      this.#over('failure', failure.phase === 'unsent' ? 'unused' : 'failed');
      this.#leave();
    } else if (this.#replay !== null) {
      // The status line said that it did not act; what broke is only the rest of that answer.
      this.#finish(this.#status ?? 0, this.#endAfter(this.#replay), this.#refused(this.#replay));
    } else if (this.#status !== null) {
      this.#brokeOff();
    } else if (failure.cause === 'late') {
      this.#giveSlotUp();
    } else {
      if (failure.cause === 'connect') this.#deps.reachability.unreached(this.#sentAt, failure.detail);
      this.#finish('failure', this.#endWithout(failure), this.#unanswered(failure, failure.cause));
    }
  }

  /** What has come of the answer is the caller's. */
  #brokeOff(): void {
    this.#over('failure', 'failed');
    if (this.#spool === null) {
      this.#downstream.cut();
      this.#answered('coreappBroke');
      return;
    }
    this.#downstream.onGone(() => this.#leave());
    this.#spool.breakOff('coreappBroke');
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

  #timing(): string | null {
    if (!this.#deps.serverTiming) return null;
    return serverTiming(this.#exchange.counters, this.#deps.clock.now() - this.#sentAt);
  }

  #isHeld(): boolean {
    const { notHeld } = this.#deps;
    return notHeld.length === 0 || !notHeld.includes(this.#exchange.route.class);
  }

  #endWithout(failure: CoreappFailure): PermitEnd {
    return this.#isHeld() ? endWithout(failure) : 'failed';
  }

  #endAfter(reason: ReplayReason): PermitEnd {
    return endAfter(reason, this.#pauseMs, this.#exchange.refusals);
  }

  #refused(reason: ReplayReason): Attempt {
    return { kind: 'replay', reason, pauseMs: this.#pauseMs, otherwise: null };
  }

  /** What becomes of a request that got no answer. */
  #unanswered(failure: CoreappFailure, cause: keyof typeof refusalAfter): Attempt {
    if (cause === 'invalid') return refuse('malformed', failure.detail);
    const name = refusalAfter[cause];
    // What the disk did not give back once it will not the next time; and nobody can act on half a request.
    if (cause === 'body') return refuse(name, null, diskRetryAfterMs);
    if (!this.#isHeld()) return refuse(name);
    const { method, route, brokenRepeats } = this.#exchange;
    const honoured = this.#deps.honoursIdempotencyKey.includes(route.class);
    // By the fields that were sent: of a key that did not travel on the Coreapp knows nothing.
    const known = honoured && isKeyed(method, requestFields(this.#exchange, this.#deps));
    const reason = replayAfterFailure(method, failure.phase, known);
    if (reason === null || (reason === 'broken' && brokenRepeats >= this.#deps.brokenRepeatsMax)) {
      return refuse(name);
    }
    return { kind: 'replay', reason, pauseMs: 0, otherwise: name };
  }

  /** This was no attempt: nothing is known of the Coreapp that was not known before. */
  #giveSlotUp(): void {
    const { counters, permit } = this.#exchange;
    counters.attempts -= 1;
    this.#exchange.slotsGivenUp += 1;
    counters.coreappMs += this.#deps.clock.now() - this.#sentAt;
    this.#downstream.onGone(null);
    permit.end('unused');
    this.#settle({ kind: 'replay', reason: 'late', pauseMs: 0, otherwise: null });
  }

  #finish(answer: number | 'failure', how: PermitEnd, attempt: Attempt): void {
    this.#over(answer, how);
    this.#settle(attempt);
  }

  /** The exchange with the Coreapp is over. */
  #over(answer: number | 'failure', how: PermitEnd): void {
    const { counters, permit, route } = this.#exchange;
    const ms = this.#deps.clock.now() - this.#sentAt;
    this.#exchange.slotsGivenUp = 0;
    counters.coreappMs += ms;
    this.#isOver = true;
    this.#downstream.onGone(null);
    this.#deps.meter.coreappAnswered(route.class, answer, ms);
    permit.end(how);
  }
}
