/** Forward: one attempt at the Coreapp. Its answer goes to the caller as it comes, or the attempt may be replayed. */
import type { Admitted, Fields, PermitEnd } from '../model/exchange.ts';
import { endToEnd, fieldOf } from '../model/fields.ts';
import { addForwarded } from '../model/forwarded.ts';
import type { Attempt } from '../model/outcome.ts';
import { gone } from '../model/outcome.ts';
import { type OwnFields, travelling } from '../model/own-fields.ts';
import type { RefusalName } from '../model/refusals.ts';
import { refuse } from '../model/refusals.ts';
import type { ReplayReason } from '../model/replay.ts';
import { isKeyed, replayAfterAnswer, replayAfterFailure, retryAfterMs } from '../model/replay.ts';
import type { RouteClass } from '../model/routes.ts';
import { serverTiming } from '../model/server-timing.ts';
import type { Caller, Clock, Coreapp, CoreappCall, CoreappFailure, Meter } from '../ports.ts';
import { relayEnd, relayHead } from './answer.ts';
import { GuardedObserver } from './guarded.ts';
import type { Reachability } from './reachability.ts';

export interface ForwardWorld {
  readonly clock: Clock;
  readonly coreapp: Coreapp;
  readonly meter: Meter;
  readonly reachability: Reachability;
  /** The value of `Authorization` towards the Coreapp; null: none. */
  readonly authorization: string | null;
  /** The fields that are Weir's to write or to take out. */
  readonly own: OwnFields;
  /** The classes where the Coreapp honours `Idempotency-Key`. */
  readonly honoursIdempotencyKey: readonly RouteClass[];
  /** The classes whose requests are never held: whatever the Coreapp answers is told at once, and nothing is sent again. */
  readonly notHeld: readonly RouteClass[];
  /** How often a request goes again after an exchange that broke; 0: never. */
  readonly brokenRepeatsMax: number;
  /** Whether callers are told where the time went. */
  readonly serverTiming: boolean;
}

export type Forward = (exchange: Admitted, side: Caller) => Promise<Attempt>;

/** How much of a refusal's body is read before its connection is given up. */
const refusalMaxBytes = 1_048_576;

/** When to come back where the disk has failed: to another replica, as a rule. */
const diskRetryAfterMs = 1_000;

const refusalAfter: Readonly<Record<Exclude<CoreappFailure['cause'], 'late'>, RefusalName>> = {
  connect: 'unreachable',
  timeout: 'timedOut',
  broken: 'broken',
  aborted: 'broken',
  invalid: 'malformed',
  body: 'diskFailed',
};

/**
 * A request that gives so many slots up in a row is sent with the next one, however late that is. A way to the Coreapp that
 * always takes longer than a slot is open would let nothing pass; and the tokens that it left are still unused.
 */
export const slotsGivenUpMax = 8;

export function createForward(world: ForwardWorld): Forward {
  return (exchange, side) =>
    new Promise((settle, threw) => {
      if (side.gone) {
        exchange.permit.end('unused');
        settle(gone);
        return;
      }
      new Sending(world, exchange, side, settle, threw).start();
    });
}

/** The fields of the request as the Coreapp gets it. */
function requestFields(exchange: Admitted, { own, authorization }: ForwardWorld): string[] {
  const out = travelling(exchange.fields, exchange.origin.trusted, own);
  addForwarded(out, exchange.origin, exchange.fields);
  out.push('X-Request-Id', exchange.id);
  if (authorization !== null) out.push('Authorization', authorization);
  return out;
}

/**
 * What an answer that refuses teaches the number of permits. Whatever was sent had a slot, so a 429 never means that our
 * own bucket was empty: the Coreapp counts otherwise, or others use it too. Where it says for how long, the bucket rests
 * so long, and there is nothing more to learn; where it does not, only fewer in flight keep it from the next one.
 */
function endAfter(reason: ReplayReason, pauseMs: number, refusals: number): PermitEnd {
  if (reason === 'throttled' && pauseMs > 0) return 'failed';
  return refusals > 0 ? 'again' : 'refused';
}

/**
 * What an exchange that got no answer teaches: not to be reached, or no sign of life for `answerTimeoutMs`, is trouble.
 * One that broke may be the doing of that one request.
 */
function endWithout({ cause }: CoreappFailure): PermitEnd {
  return cause === 'connect' || cause === 'timeout' ? 'refused' : 'failed';
}

class Sending extends GuardedObserver {
  readonly #world: ForwardWorld;
  readonly #exchange: Admitted;
  readonly #side: Caller;
  readonly #settle: (attempt: Attempt) => void;
  readonly #reject: (error: unknown) => void;
  readonly #sentAt: number;
  #call: CoreappCall | null = null;
  /** What the answer's status came to; null while there is no answer. */
  #status: number | null = null;
  #replay: ReplayReason | null = null;
  #pauseMs = 0;
  #refusalBytes = 0;

  constructor(
    world: ForwardWorld,
    exchange: Admitted,
    side: Caller,
    settle: (attempt: Attempt) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#world = world;
    this.#exchange = exchange;
    this.#side = side;
    this.#settle = settle;
    this.#reject = reject;
    this.#sentAt = world.clock.now();
  }

  start(): void {
    try {
      const { method, target, body, account } = this.#exchange;
      account.attempts += 1;
      const fields = requestFields(this.#exchange, this.#world);
      this.#side.onGone(() => this.#call?.abort());
      this.#call = this.#world.coreapp.send({ method, target, fields, body }, this);
    } catch (error) {
      this.threw(error);
    }
  }

  /**
   * Between taking the slot and this moment a connection was opened, or the process had to wait for a processor. A slot that
   * has closed meanwhile is given up, so that lateness never adds to what the limit lets through.
   */
  mayWrite(): boolean {
    const { account, slotClosesAt } = this.#exchange;
    return this.#world.clock.now() <= slotClosesAt || account.slotsGivenUp >= slotsGivenUpMax;
  }

  protected informed(status: number, fields: Fields): void {
    this.#side.information(status, endToEnd(fields, this.#world.own.droppedOf.trusted));
  }

  protected headed(status: number, fields: Fields): void {
    this.#world.reachability.answered(this.#sentAt);
    this.#replay = this.#isHeld() ? replayAfterAnswer(status) : null;
    if (this.#replay === null) relayHead(this.#exchange, this.#side, status, fields, this.#timing());
    else this.#pauseMs = retryAfterMs(fieldOf(fields, 'retry-after'), this.#world.clock.wallMs());
    this.#status = status;
  }

  protected came(chunk: Buffer): boolean {
    if (this.#replay !== null) {
      // Read to its end, so that the connection can be used again; but not for ever.
      this.#refusalBytes += chunk.length;
      if (this.#refusalBytes > refusalMaxBytes) this.#call?.abort();
      return true;
    }
    this.#exchange.account.bytesOut += chunk.length;
    if (this.#side.data(chunk)) return true;
    this.#side.onDrain(() => this.#call?.resume());
    return false;
  }

  protected ended(trailers: Fields): void {
    const status = this.#status ?? 0;
    if (this.#replay !== null) {
      this.#finish(status, this.#endAfter(this.#replay), this.#refused(this.#replay));
      return;
    }
    const passed: Attempt = { kind: 'passed', status, cut: null };
    const taken = relayEnd(this.#side, trailers);
    this.#over(status, 'answered');
    if (taken) {
      this.#settle(passed);
      return;
    }
    this.#side.onGone(() => this.#settle(this.#gone()));
    this.#side.onDrain(() => {
      this.#side.onGone(null);
      this.#settle(passed);
    });
  }

  protected failed(failure: CoreappFailure): void {
    if (this.#side.gone) {
      this.#finish('failure', failure.phase === 'unsent' ? 'unused' : 'failed', this.#gone());
    } else if (this.#replay !== null) {
      // The status line said that it did not act; what broke is only the rest of that answer.
      this.#finish(this.#status ?? 0, this.#endAfter(this.#replay), this.#refused(this.#replay));
    } else if (this.#status !== null) {
      this.#side.cut();
      this.#finish('failure', 'failed', { kind: 'passed', status: this.#status, cut: 'coreappBroke' });
    } else if (failure.cause === 'late') {
      this.#giveSlotUp();
    } else {
      if (failure.cause === 'connect') this.#world.reachability.unreached(this.#sentAt, failure.detail);
      this.#finish('failure', this.#endWithout(failure), this.#unanswered(failure, failure.cause));
    }
  }

  /** What it is to have no caller any more: one that was cut off in its answer has seen the status. */
  #gone(): Attempt {
    const { cutFor } = this.#side;
    return cutFor === null || this.#status === null ? gone : { kind: 'passed', status: this.#status, cut: cutFor };
  }

  /** The first one counts: what follows is the end of a call that was given up. */
  protected threw(error: unknown): void {
    this.#reject(error);
    this.#side.onGone(null);
    this.#exchange.permit.end('failed');
    this.#call?.abort();
  }

  #timing(): string | null {
    if (!this.#world.serverTiming) return null;
    return serverTiming(this.#exchange.account, this.#world.clock.now() - this.#sentAt);
  }

  #isHeld(): boolean {
    const { notHeld } = this.#world;
    return notHeld.length === 0 || !notHeld.includes(this.#exchange.route.class);
  }

  #endWithout(failure: CoreappFailure): PermitEnd {
    return this.#isHeld() ? endWithout(failure) : 'failed';
  }

  #endAfter(reason: ReplayReason): PermitEnd {
    return endAfter(reason, this.#pauseMs, this.#exchange.account.refusals);
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
    const { method, route, account } = this.#exchange;
    const honoured = this.#world.honoursIdempotencyKey.includes(route.class);
    // By the fields that were sent: of a key that did not travel on the Coreapp knows nothing.
    const known = honoured && isKeyed(method, requestFields(this.#exchange, this.#world));
    const reason = replayAfterFailure(method, failure.phase, known);
    if (reason === null || (reason === 'broken' && account.brokenRepeats >= this.#world.brokenRepeatsMax)) {
      return refuse(name);
    }
    return { kind: 'replay', reason, pauseMs: 0, otherwise: name };
  }

  /** This was no attempt: nothing is known of the Coreapp that was not known before. */
  #giveSlotUp(): void {
    const { account, permit } = this.#exchange;
    account.attempts -= 1;
    account.slotsGivenUp += 1;
    account.coreappMs += this.#world.clock.now() - this.#sentAt;
    this.#side.onGone(null);
    permit.end('unused');
    this.#settle({ kind: 'replay', reason: 'late', pauseMs: 0, otherwise: null });
  }

  #finish(answer: number | 'failure', how: PermitEnd, attempt: Attempt): void {
    this.#over(answer, how);
    this.#settle(attempt);
  }

  /** The exchange with the Coreapp is over. */
  #over(answer: number | 'failure', how: PermitEnd): void {
    const { account, permit, route } = this.#exchange;
    const ms = this.#world.clock.now() - this.#sentAt;
    account.slotsGivenUp = 0;
    account.coreappMs += ms;
    this.#side.onGone(null);
    this.#world.meter.coreappAnswered(route.class, answer, ms);
    permit.end(how);
  }
}
