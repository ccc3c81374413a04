/** Forward: one attempt at the Coreapp. Its answer goes to the caller as it comes, or the request may be replayed. */
import { Spool } from '../bodies/spool.ts';
import { relayEnd, relayHead } from '../exchange/answer.ts';
import type { Admitted, PermitEnd } from '../exchange/exchange.ts';
import { type Attempt, type CutCause, gone } from '../exchange/outcome.ts';
import type { Downstream, GoneListener } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import type { Signal } from '../exchange/signal.ts';
import { endToEnd, type Fields } from '../http/fields.ts';
import { isFinal } from '../http/status.ts';
import { CountedAttempt } from './attempt.ts';
import { placesIn, Withheld, withoutThoseOfBytes } from './body-urls.ts';
import { fieldsAs, Keeping, keptMaxBytes } from './keeping.ts';
import type { CoreappCall, CoreappFailure } from './ports.ts';
import { pass } from './retry-policy.ts';
import { targetFor, withLocation } from './rewriting.ts';
import { addConfigured, type ForwardDeps, requestFields } from './towards.ts';
import { mayCome, nothingYet, Undecided } from './undecided.ts';
import { UsageReader } from './usage.ts';

export type Forward<From extends Downstream = Downstream> = (exchange: Admitted, downstream: From) => Promise<Attempt>;

/** How much of a refusal's body is read before its connection is given up. */
const refusalMaxBytes = 1_048_576;

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

class Sending extends CountedAttempt implements GoneListener {
  #call: CoreappCall | null = null;
  #undecided: Undecided | null = null;
  /** What an answer that passes teaches, once it is whole. */
  #taught: PermitEnd = 'answered';
  #refusalBytes = 0;
  /** Made once the caller has not taken a part of the answer at once. */
  #spool: Spool | null = null;
  /** Its head waits for its body. */
  #withheld: Withheld | null = null;

  start(): void {
    try {
      const { method, body } = this.exchange;
      const target = targetFor(this.exchange, this.deps.rewriting);
      const fields = requestFields(this.exchange, this.deps, this.began(target));
      const checked = fields.length;
      addConfigured(fields, this.exchange, this.deps);
      this.downstream.onGone(this);
      this.#call = this.upstream.coreapp.send({ method, target, fields, checked, body }, this);
    } catch (error) {
      this.threw(error);
    }
  }

  /** A call that is under way ends first, and says so. */
  callerGone(): void {
    if (this.isOver) this.#leave();
    else this.#call?.abort();
  }

  protected informed(status: number, fields: Fields): void {
    this.downstream.information(status, endToEnd(fields, this.deps.own.interim));
  }

  protected headed(status: number, fields: Fields): void {
    this.upstream.reachability.answered(this.sentAt);
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
    const verdict = this.policy.answered(this.exchange, status, fields, body);
    if (verdict.kind === 'retry') {
      this.retry = verdict;
      this.status = status;
      const { signal } = verdict;
      if (signal?.warn !== undefined) this.deps.alarmed(this.exchange.route.class, status, signal);
      if (signal !== undefined) {
        this.keeping = new Keeping(signal.as ?? status, fieldsAs(signal, status, fields), keptMaxBytes);
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
    if (signal.bulk || signal.warn !== undefined) this.deps.alarmed(this.exchange.route.class, status, signal);
    this.exchange.slots.signalled(signal, this.exchange);
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
    const { charge } = this.exchange;
    if (charge !== null && charge.toldIn.length > 0) this.usage = new UsageReader(charge.toldIn, fields);
    const { bodyUrls } = this.deps.rewriting;
    const places = bodyUrls === null ? null : placesIn(bodyUrls, this.exchange, status, fields);
    if (places === null) this.#relayNow(status, fields);
    else if (this.exchange.method === 'HEAD') this.#relayNow(status, withoutThoseOfBytes(fields));
    else this.#withheld = new Withheld(status, fields, places);
  }

  #relayNow(status: number, fields: Fields): void {
    const leads = status === 201 || (status >= 300 && status < 400);
    const told = leads ? withLocation(fields, this.exchange, this.deps.rewriting) : fields;
    relayHead(this.exchange, this.downstream, status, told, this.times());
    this.status = status;
  }

  /** The answer whose head waited goes on. @param isWhole only then something in it may be changed */
  #release(isWhole: boolean): boolean {
    const withheld = this.#withheld;
    const { bodyUrls } = this.deps.rewriting;
    if (withheld === null || bodyUrls === null) return true;
    this.#withheld = null;
    const { status, fields, body } = (isWhole ? withheld.changed(bodyUrls, this.exchange) : null) ?? withheld.answer;
    this.#relayNow(status, fields);
    return body.length === 0 || this.#pass(body);
  }

  protected came(chunk: Buffer): boolean {
    if (this.#undecided !== null) return this.#cameUndecided(chunk);
    if (this.retry !== null) {
      // Read to its end, so that the connection can be used again; but not for ever.
      this.#refusalBytes += chunk.length;
      this.#keep(chunk);
      if (this.#refusalBytes > refusalMaxBytes) this.#call?.abort();
      return true;
    }
    this.usage?.add(chunk);
    if (this.#withheld !== null) return this.#withheld.add(chunk) || this.#release(false);
    return this.#pass(chunk);
  }

  /** Others are not told of one that is too long. */
  #keep(chunk: Buffer): void {
    if (this.keeping?.add(chunk) === false) this.keeping = null;
  }

  #pass(chunk: Buffer): boolean {
    if (this.#spool !== null) return this.#spool.add(chunk);
    const { counters, principal } = this.exchange;
    counters.bytesOut += chunk.length;
    if (this.downstream.data(chunk)) return true;
    this.#spool = new Spool(this.downstream, nameOf(principal), counters, this.deps.answers, {
      resume: () => this.#call?.resume(),
      ended: (cut) => this.#answered(cut),
      threw: (error) => this.threw(error),
    });
    return this.#spool.mayGoOn;
  }

  protected ended(trailers: Fields): void {
    this.#judgeEnded();
    this.#release(true);
    const status = this.status ?? 0;
    if (this.retry !== null) {
      this.refused(status, this.retry);
      return;
    }
    this.usage?.end(trailers);
    const taken = this.#spool === null && relayEnd(this.downstream, trailers);
    this.over(status, this.#taught);
    if (taken) {
      this.#answered(null);
      return;
    }
    this.downstream.onGone(this);
    if (this.#spool === null) this.downstream.onDrain(() => this.#answered(null));
    else this.#spool.end(trailers);
  }

  protected failed(failure: CoreappFailure): void {
    this.failure = failure.cause;
    if (this.cut !== null) {
      this.over('failure', 'failed');
      this.#answered(this.cut);
      return;
    }
    if (this.downstream.gone) {
      if (failure.phase === 'unsent') this.exchange.charge?.unsent();
      this.over('failure', failure.phase === 'unsent' ? 'unused' : 'failed');
      this.#leave();
      return;
    }
    this.#judgeEnded();
    this.#release(false);
    // The answer's beginning said that the Coreapp did not act; what broke is only the rest of it.
    if (this.retry !== null) this.refused(this.status ?? 0, this.retry);
    else if (this.status !== null) this.#brokeOff(failure.cause === 'timeout' ? 'coreappTimeout' : 'coreappBroke');
    else if (failure.cause === 'late') this.giveSlotUp();
    else this.unanswered(failure, failure.cause);
  }

  /** The caller gets what has come of the answer. */
  #brokeOff(why: CutCause): void {
    this.over('failure', 'failed');
    if (this.#spool === null) {
      this.downstream.cut();
      this.#answered(why);
      return;
    }
    this.downstream.onGone(this);
    this.#spool.breakOff(why);
  }

  /** The caller has its answer, or was cut off. */
  #answered(cut: CutCause | null): void {
    this.downstream.onGone(null);
    if (this.isOver) {
      this.settle({ kind: 'passed', status: this.status ?? 0, cut });
      return;
    }
    this.cut = cut;
    this.#call?.abort();
  }

  /** There is no caller any more. One that was cut off in its answer has seen the status. */
  #leave(): void {
    const { cutFor } = this.downstream;
    this.#spool?.abandon();
    this.settle(cutFor === null || this.status === null ? gone : { kind: 'passed', status: this.status, cut: cutFor });
  }

  /** The first one counts: what follows is the end of a call that was given up. */
  protected threw(error: unknown): void {
    this.reject(error);
    this.#spool?.abandon();
    this.downstream.onGone(null);
    this.exchange.permit.end('failed');
    this.#call?.abort();
  }
}
