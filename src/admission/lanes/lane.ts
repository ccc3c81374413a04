/**
 * A lane: the requests of one value of a narrow limit in one replica, such as the messages to one recipient. Those that
 * can't go yet are parked in it, outside the line, so that nobody else waits behind them. It exists only while there is
 * something to remember.
 */
import type { Collected } from '../../exchange/exchange.ts';
import type { KeptAnswer } from '../../exchange/refusals.ts';
import { horizonMs } from '../rate/lease.ts';
import type { Quota } from '../rate/quota.ts';
import type { Waiter, WaitersLane } from '../stay.ts';

/** Whose line a parked request goes back to. */
export interface Home {
  /** The lane has opened for it. */
  released(waiter: Waiter): void;
  /** The lane pauses for longer than it may wait. */
  inVain(waiter: Waiter, lane: Lane, now: number): void;
}

/** Parked requests of one caller, the oldest first; some may have left. */
interface Row {
  readonly waiters: Waiter[];
  gone: number;
}

export class Lane implements WaitersLane {
  readonly bucket: string;
  /** Null: it is serial and nothing else. */
  readonly quota: Quota | null;
  readonly serial: boolean;
  /** No token before, `Clock.now()`. */
  shutUntil = Number.NEGATIVE_INFINITY;
  /** Nobody before, by a signal, `Clock.now()`, whatever its bucket says. */
  pausedUntil = Number.NEGATIVE_INFINITY;
  /** What the upstream said when it asked for that; null: nothing that can be told. */
  said: KeptAnswer | null = null;
  /** When the next token is there, by what its bucket said last, `Clock.now()`; in the past: some have been saved up. */
  nextAt = Number.NEGATIVE_INFINITY;
  /** For whom its bucket is being asked. */
  asking: Waiter | null = null;
  /** Let go to the line, and not sent yet. */
  released: Waiter | null = null;
  /** Of a serial lane: the request that has it, until its exchange is over. */
  holder: Collected | null = null;
  readonly #rows = new Map<string, Row>();
  readonly #homes = new WeakMap<Waiter, Home>();
  #parked = 0;
  /** Whose turn it is, whatever the order; null: nobody's in particular. */
  #first: string | null = null;
  /** Parked although it has the lane: it waits for a token. */
  #holding: Waiter | null = null;
  readonly #settle: (lane: Lane) => void;

  constructor(bucket: string, quota: Quota | null, serial: boolean, settle: (lane: Lane) => void) {
    this.bucket = bucket;
    this.quota = quota;
    this.serial = serial;
    this.#settle = settle;
  }

  settle(): void {
    this.#settle(this);
  }

  /** When it opens, `Clock.now()`; in the past: it is open. */
  get opensAt(): number {
    return Math.max(this.shutUntil, this.pausedUntil);
  }

  /** A signal speaks of it. False: it is no news. Those who would wait in vain leave. */
  pause(until: number, answer: KeptAnswer | null, now: number): boolean {
    if (until - this.pausedUntil < horizonMs) return false;
    this.pausedUntil = until;
    this.said = answer;
    const inVain = [...this.#rows.values()].flatMap(({ waiters }) =>
      waiters.filter((waiter) => waiter.parkedIn === this && waiter.until <= until),
    );
    for (const waiter of inVain) this.#homes.get(waiter)?.inVain(waiter, this, now);
    this.settle();
    return true;
  }

  get parked(): number {
    return this.#parked;
  }

  /** True: nobody needs it. That it may be shut for a while is found out anew. */
  get isIdle(): boolean {
    const { asking, released, holder } = this;
    return this.#parked === 0 && asking === null && released === null && holder === null;
  }

  /** Whether a request may not even stand in line. Those that are parked were there before. */
  isShutTo(exchange: Collected, now: number): boolean {
    if (this.serial) return this.#isOthers(exchange);
    return this.#parked > 0 || this.opensAt > now;
  }

  /** The same when it is its turn. */
  isShutAtTurn(waiter: Waiter, now: number): boolean {
    if (this.asking !== null || this.opensAt > now) return true;
    if (this.serial) return this.#isOthers(waiter.exchange);
    return this.#parked > 0 && this.released !== waiter;
  }

  /** When one would be sent that comes behind all that are parked, by what is known here, `Clock.now()`. */
  opensForNext(now: number): number {
    const from = Math.max(now, this.pausedUntil);
    return this.quota === null ? from : Math.max(from, this.nextAt + (this.#parked * 1_000) / this.quota.rate);
  }

  /** Whether one of those that are parked is next, once the lane is open. */
  get mayRelease(): boolean {
    if (this.#parked === 0 || this.asking !== null || this.released !== null) return false;
    return this.holder === null || this.#holding !== null;
  }

  park(waiter: Waiter, home: Home): void {
    const row = this.#rows.get(waiter.caller) ?? { waiters: [], gone: 0 };
    this.#rows.set(waiter.caller, row);
    let at = row.waiters.length;
    while (at > 0 && (row.waiters[at - 1] as Waiter).since > waiter.since) at -= 1;
    row.waiters.splice(at, 0, waiter);
    waiter.parkedIn = this;
    this.#homes.set(waiter, home);
    this.#parked += 1;
    if (waiter.exchange === this.holder) this.#holding = waiter;
    // It had its turn and found nothing: it is still its turn.
    if (waiter.releasedBy === this) this.#first = waiter.caller;
  }

  /** It has left, or was let go. */
  unpark(waiter: Waiter): void {
    if (waiter.parkedIn !== this) return;
    waiter.parkedIn = null;
    this.#parked -= 1;
    if (waiter === this.#holding) this.#holding = null;
    const row = this.#rows.get(waiter.caller);
    if (row === undefined) return;
    row.gone += 1;
    if (row.gone === row.waiters.length) this.#rows.delete(waiter.caller);
    else if (row.gone > 32 && row.gone > row.waiters.length / 2) this.#tidy(waiter.caller, row);
  }

  /** Lets the next one go to its line: callers take turns, unless the lane is serial. */
  release(): void {
    const waiter = this.#holding ?? (this.serial ? this.#oldest() : this.#nextTurn());
    if (waiter === null) return;
    const home = this.#homes.get(waiter);
    this.unpark(waiter);
    this.released = waiter;
    waiter.releasedBy = this;
    if (this.serial) this.holder = waiter.exchange;
    home?.released(waiter);
  }

  /** Of a serial lane: whether another request has it, or was there before. */
  #isOthers(exchange: Collected): boolean {
    return this.holder !== exchange && (this.holder !== null || this.#parked > 0);
  }

  #nextTurn(): Waiter | null {
    const first = this.#first !== null && this.#rows.has(this.#first) ? this.#first : this.#rows.keys().next().value;
    this.#first = null;
    const row = first === undefined ? undefined : this.#rows.get(first);
    if (first === undefined || row === undefined) return null;
    const caller = first;
    // Behind all others, for its next turn.
    this.#rows.delete(caller);
    this.#rows.set(caller, row);
    return this.#headOf(row);
  }

  #oldest(): Waiter | null {
    let oldest: Waiter | null = null;
    for (const row of this.#rows.values()) {
      const head = this.#headOf(row);
      if (head !== null && (oldest === null || head.since < oldest.since)) oldest = head;
    }
    return oldest;
  }

  #headOf(row: Row): Waiter | null {
    return row.waiters.find((waiter) => waiter.parkedIn === this) ?? null;
  }

  #tidy(caller: string, row: Row): void {
    this.#rows.set(caller, { waiters: row.waiters.filter((waiter) => waiter.parkedIn === this), gone: 0 });
  }
}
