/** The lanes of a class as one of its gates uses them: who has to wait in one, and who may go when its turn has come. */
import type { Charge } from '../../exchange/charge.ts';
import type { Collected, Permit } from '../../exchange/exchange.ts';
import { type Admission, gone } from '../../exchange/outcome.ts';
import { type KeptAnswer, type Refusal, type RefusalName, refuse } from '../../exchange/refusals.ts';
import type { Waiter } from '../stay.ts';
import type { Waiting } from '../waiting.ts';
import { Charges, type ChargesDeps } from './charges.ts';
import type { Home, Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import { Trial } from './trial.ts';

/** What lanes ask of their gate. */
export interface LanesGate {
  /**
   * @param closesAt when its slot closes, or a token that was taken for it
   * @param charge null: it took no more than is known
   */
  admitted(exchange: Collected, permit: Permit, closesAt: number, now: number, charge: Charge | null): Admission;
  /** A slot that was in hand is for the next one, until it closes. */
  spare(closesAt: number): void;
  /** Why nobody may go any more; null: they may. */
  refusal(now: number): Refusal | null;
  pump(): void;
}

export class GateLanes implements Home {
  readonly #lanes: Lanes;
  readonly #waiting: Waiting;
  readonly #gate: LanesGate;
  readonly #deps: ChargesDeps;
  #trials = 0;

  constructor(lanes: Lanes, waiting: Waiting, gate: LanesGate, deps: ChargesDeps) {
    this.#lanes = lanes;
    this.#waiting = waiting;
    this.#gate = gate;
    this.#deps = deps;
  }

  /** How many have a slot in hand while their narrow limits are asked. */
  get trials(): number {
    return this.#trials;
  }

  /** When a newcomer's lanes would have something for it, by what is known here, `Clock.now()`. */
  opensFor(exchange: Collected, now: number): number {
    return Math.max(now, ...this.#lanes.inUseBy(exchange).map((lane) => lane.opensForNext(exchange, now)));
  }

  /** A newcomer stands in line, or is parked behind those of its lane that were there before. */
  join(waiter: Waiter, now: number): void {
    const { exchange } = waiter;
    const shut = this.#lanes.inUseBy(exchange).find((lane) => lane.isShutTo(exchange, now));
    this.enter(exchange);
    if (shut === undefined) {
      this.#waiting.join(waiter);
      return;
    }
    this.#waiting.joinLane(waiter);
    shut.park(waiter, this);
    shut.settle();
  }

  /** In its serial lanes it is behind all that are there. In a lane that it has been in before it keeps its place. */
  enter(exchange: Collected): void {
    const serial = this.#lanes.serialOf(exchange);
    if (serial.length > 0) exchange.serialLanes = holdingOf(exchange, serial);
    for (const lane of serial) lane.entered.add(exchange);
  }

  /** The lanes of one whose turn it is; null: one of them is shut, and it is parked there. */
  lanesOf(next: Waiter, now: number): readonly Lane[] | null {
    const shut = this.#lanes.inUseBy(next.exchange).find((lane) => lane.isShutAtTurn(next, now));
    if (shut === undefined) return this.#lanes.of(next.exchange);
    this.#waiting.toLane(next);
    this.#park(next, shut);
    if (shut.isTooLateFor(next, now)) this.inVain(next, shut, now);
    return null;
  }

  /** Asks its narrow limits for one that has a slot and a permit. Returns how many were sent at once: 1, or 0. */
  try(waiter: Waiter, lanes: readonly Lane[], permit: Permit, closesAt: number): number {
    const trial = new Trial(waiter, lanes, permit, closesAt, this.#deps);
    this.#trials += 1;
    const end = trial.ask();
    if (!(end instanceof Promise)) return this.#tried(trial, end);
    void end.then((ended) => {
      this.#tried(trial, ended);
      this.#gate.pump();
    });
    return 0;
  }

  released(waiter: Waiter): void {
    this.#waiting.fromLane(waiter);
    this.#gate.pump();
  }

  inVain(waiter: Waiter, lane: Lane, now: number): void {
    const { since, until } = waiter;
    const pauses = lane.pausedUntil >= until;
    const refusal = pauses ? refusalBy(lane, 'holdTimeOver', now) : tooLate(until - since, lane.nextAt, now);
    this.#waiting.refuse(waiter, refusal, now);
  }

  /** Why a newcomer need not wait in a lane that pauses; null: none does for so long. */
  refusalFor(exchange: Collected, until: number, now: number): Refusal | null {
    const paused = this.#lanes.inUseBy(exchange).find((lane) => lane.pausedUntil >= until);
    return paused === undefined ? null : refusalBy(paused, 'lineFull', now);
  }

  /** A signal speaks of a lane of the request. Null: it has none, or it is no news. */
  pause(exchange: Collected, number: number, until: number, answer: KeptAnswer | null, now: number): Lane | null {
    return this.#lanes.pause(exchange, number, until, answer, now);
  }

  /** @param end true: each lane has given its tokens; else the one that has too few */
  #tried(trial: Trial, end: true | Lane): number {
    const { waiter, lanes, permit, closesAt, slotClosesAt } = trial;
    const now = this.#deps.clock.now();
    this.#trials -= 1;
    for (const lane of lanes) lane.asking = null;
    const refusal = this.#gate.refusal(now);
    const goes = end === true && !waiter.downstream.gone && refusal === null;
    if (goes) {
      const charge = trial.taken.length === 0 ? null : new Charges(trial.taken, this.#lanes, this.#deps);
      const admission = this.#gate.admitted(waiter.exchange, permit, closesAt, now, charge);
      this.#waiting.ended(waiter, admission, 'sent', now);
    } else {
      trial.giveBack();
      permit.end('unused');
      this.#gate.spare(slotClosesAt);
      if (waiter.downstream.gone) this.#waiting.ended(waiter, gone, 'gone', now);
      else if (refusal !== null) this.#waiting.ended(waiter, refusal, 'refused', now);
      else {
        this.#waiting.backToLane(waiter);
        this.#park(waiter, end as Lane);
      }
    }
    for (const lane of lanes) {
      lane.sendLateAway(now);
      lane.settle();
    }
    return goes ? 1 : 0;
  }

  /** It waits in that lane now, and no longer for the one that had let it go. */
  #park(waiter: Waiter, lane: Lane): void {
    const by = waiter.releasedBy;
    if (by?.released === waiter) by.released = null;
    lane.park(waiter, this);
    waiter.releasedBy = null;
    for (const one of by === null || by === lane ? [lane] : [lane, by]) one.settle();
  }
}

/** @param opensAt when its lane would have something for it, by what is known, `Clock.now()` */
export function tooLate(holdMs: number, opensAt: number, now: number): Refusal {
  return refuse('lineFull', `Its lane could not open within ${holdMs / 1_000} s.`, Math.max(1_000, opensAt - now));
}

function refusalBy({ pausedUntil, said }: Lane, name: RefusalName, now: number): Refusal {
  const refusal = refuse(name, null, Math.max(1_000, pausedUntil - now));
  return said === null ? refusal : { ...refusal, answer: said };
}

/** A serial lane is for the next one once the exchange is over. */
function holdingOf(exchange: Collected, serial: readonly Lane[]): Disposable {
  return {
    [Symbol.dispose]() {
      for (const lane of serial) {
        lane.entered.delete(exchange);
        lane.settle();
      }
    },
  };
}
