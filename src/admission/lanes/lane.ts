/**
 * A lane: the requests of one value of a narrow limit in one replica, such as the messages to one recipient. Those that
 * can't go yet are parked in it, outside the line, so that nobody else waits behind them. It exists only while there is
 * something to remember.
 */
import type { Collected } from '../../exchange/exchange.ts';
import type { KeptAnswer } from '../../exchange/refusals.ts';
import type { NarrowQuota } from '../rate/quota.ts';
import { convertedUs, horizonMs, intervalUs, tauUs } from '../rate/slots.ts';
import type { Waiter, WaitersLane } from '../stay.ts';
import { type Costing, estimated } from './cost.ts';
import { Rows } from './rows.ts';

/** How long a lane is shut at most whose tokens other replicas may give back, milliseconds. */
const askAgainMs = 250;
/** Requests that would wait in vain for less than that are not looked for, milliseconds. */
const lateMinMs = 1_000;

/** What a parked request goes back to: its gate's line. */
export interface Home {
  /** The lane has opened for it. */
  released(waiter: Waiter): void;
  /** The lane opens only when it may wait no longer. */
  inVain(waiter: Waiter, lane: Lane, now: number): void;
}

export class Lane implements WaitersLane {
  readonly bucket: string;
  readonly serial: boolean;
  #quota: NarrowQuota | null;
  #costing: Costing | null;
  /** No token before, `Clock.now()`. */
  shutUntil = Number.NEGATIVE_INFINITY;
  /** No request goes before that, by a signal, `Clock.now()`, whatever its bucket says. */
  pausedUntil = Number.NEGATIVE_INFINITY;
  /** What the upstream said when it asked for that; null: nothing that can be told. */
  said: KeptAnswer | null = null;
  /** When the next token is there, by what its bucket said last, `Clock.now()`; in the past: some have been saved up. */
  nextAt = Number.NEGATIVE_INFINITY;
  /** For whom its bucket is being asked. */
  asking: Waiter | null = null;
  /** Let go to the line, and not sent yet. */
  released: Waiter | null = null;
  /**
   * Of a serial lane: those who have entered it, in the order of their coming, until their exchanges are over. The first
   * has it. Each enters all of its serial lanes at once, so two never wait for one another.
   */
  readonly entered = new Set<Collected>();
  /** Those of them that are parked here. */
  readonly #parkedHere = new Map<Collected, Waiter>();
  readonly #rows = new Rows(this);
  readonly #homes = new WeakMap<Waiter, Home>();
  #parked = 0;
  /** How many tokens they take together. */
  #parkedTokens = 0;
  readonly #settle: (lane: Lane) => void;

  constructor(
    bucket: string,
    quota: NarrowQuota | null,
    serial: boolean,
    costing: Costing | null,
    settle: (lane: Lane) => void,
  ) {
    this.bucket = bucket;
    this.#quota = quota;
    this.serial = serial;
    this.#costing = costing;
    this.#settle = settle;
  }

  /** Null: it is serial and nothing else. */
  get quota(): NarrowQuota | null {
    return this.#quota;
  }

  /** Null: each request takes one token. */
  get costing(): Costing | null {
    return this.#costing;
  }

  /** Another limit, which has a rate if the one before had. What was spent stays spent, and flows back at the new rate. */
  configure(quota: NarrowQuota | null, costing: Costing | null, now: number): void {
    if (this.#quota !== null && quota !== null) {
      this.nextAt = movedTo(this.nextAt, this.#quota, quota, now);
      this.shutUntil = Math.ceil(movedTo(this.shutUntil, this.#quota, quota, now));
    }
    this.#quota = quota;
    this.#costing = costing;
    this.#parkedTokens = 0;
    for (const { exchange } of this.#rows) this.#parkedTokens += this.tokensFor(exchange);
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
    this.#sendAway(until, now);
    this.settle();
    return true;
  }

  /** Those whose time is over before the next token is there are told at once. */
  sendLateAway(now: number): void {
    if (this.#nextIsLate(now)) this.#sendAway(this.nextAt, now);
  }

  /** Whether a request is one of these. */
  isTooLateFor(waiter: Waiter, now: number): boolean {
    return this.#nextIsLate(now) && waiter.until <= this.nextAt;
  }

  /** If requests cost more than one token, answers may give some back. */
  #nextIsLate(now: number): boolean {
    return this.#quota !== null && this.#costing === null && this.nextAt >= now + lateMinMs;
  }

  /** Nobody goes before that. */
  #sendAway(until: number, now: number): void {
    const inVain = [...this.#rows].filter((waiter) => waiter.until <= until);
    for (const waiter of inVain) this.#homes.get(waiter)?.inVain(waiter, this, now);
  }

  get parked(): number {
    return this.#parked;
  }

  /** True: nobody needs it. That it may be shut for a while is found out anew. */
  get isIdle(): boolean {
    const { asking, released } = this;
    return this.#parked === 0 && asking === null && released === null && this.entered.size === 0;
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

  /** Its bucket has given tokens. Those that are parked need not ask before there is something to be had. */
  gave(nextInMs: number, now: number): void {
    this.nextAt = now + nextInMs;
    if (this.opensForFirst > now) this.#shut(this.opensForFirst, now);
  }

  /** Its bucket has not as many as were asked for; it will have by then. */
  exhausted(opensInMs: number, count: number, now: number): void {
    this.nextAt = now + opensInMs - ((count - 1) * 1_000) / (this.#quota?.rate ?? 1);
    this.#shut(now + opensInMs, now);
  }

  /** An answer has told how many tokens its request used: so many more than it took, or, negative, fewer. */
  settled(tokens: number): void {
    if (this.#quota === null) return;
    this.nextAt += (tokens * 1_000) / this.#quota.rate;
    if (tokens >= 0 || this.#parked === 0) return;
    this.shutUntil = Math.min(this.shutUntil, Math.ceil(this.opensForFirst));
    this.settle();
  }

  #shut(until: number, now: number): void {
    // Elsewhere answers may give tokens back, of which nobody tells here.
    const at = this.#costing === null ? until : Math.min(until, now + askAgainMs);
    // A timer is early by less than a millisecond, and a try that comes too early costs a call.
    this.shutUntil = now + Math.max(1, Math.ceil(at - now));
  }

  /** How many tokens a request takes of its bucket. */
  tokensFor(exchange: Collected): number {
    if (this.#costing === null || this.#quota === null) return 1;
    return estimated(this.#costing.cost.estimate, exchange, this.#quota.burst);
  }

  /** When a newcomer would be sent behind all that are parked, by what is known here, `Clock.now()`. */
  opensForNext(exchange: Collected, now: number): number {
    const from = Math.max(now, this.pausedUntil);
    if (this.#quota === null) return from;
    const own = this.tokensFor(exchange);
    const before = this.#costing?.expected(this.#parkedTokens) ?? this.#parkedTokens;
    return Math.max(from, this.#openFor(before + own, this.#quota));
  }

  /** When there will be enough for the one whose turn it is, `Clock.now()`; in the past, if nobody waits. */
  get opensForFirst(): number {
    const first = this.#parked === 0 ? null : this.#whoIsNext();
    if (first === null || this.#quota === null) return Number.NEGATIVE_INFINITY;
    return this.#openFor(this.tokensFor(first.exchange), this.#quota);
  }

  /** @param tokens 1 or more: `nextAt` is when there is one. */
  #openFor(tokens: number, { rate }: NarrowQuota): number {
    return this.nextAt + ((tokens - 1) * 1_000) / rate;
  }

  /** Whether one of those that are parked is next, once the lane is open. */
  get mayRelease(): boolean {
    if (this.#parked === 0 || this.asking !== null || this.released !== null) return false;
    return !this.serial || this.#holder() !== null;
  }

  park(waiter: Waiter, home: Home): void {
    this.#rows.add(waiter);
    waiter.parkedIn = this;
    this.#homes.set(waiter, home);
    this.#parked += 1;
    this.#parkedTokens += this.tokensFor(waiter.exchange);
    if (this.serial) this.#parkedHere.set(waiter.exchange, waiter);
    // It had its turn and found nothing: it is still its turn.
    if (waiter.releasedBy === this) this.#rows.first = waiter.caller;
  }

  /** It has left, or was let go. */
  unpark(waiter: Waiter): void {
    if (waiter.parkedIn !== this) return;
    waiter.parkedIn = null;
    this.#parked -= 1;
    this.#parkedTokens -= this.tokensFor(waiter.exchange);
    this.#parkedHere.delete(waiter.exchange);
    this.#rows.left(waiter.caller);
  }

  /** Lets the next one go to its line: callers take turns, unless the lane is serial. */
  release(): void {
    const waiter = this.#whoIsNext();
    if (waiter === null) return;
    this.#rows.tookTurn(waiter.caller);
    const home = this.#homes.get(waiter);
    this.unpark(waiter);
    this.released = waiter;
    waiter.releasedBy = this;
    home?.released(waiter);
  }

  /** Of a serial lane: whether another request has it. */
  #isOthers(exchange: Collected): boolean {
    const [first = exchange] = this.entered;
    return first !== exchange;
  }

  /** Of a serial lane: the one that has it, if it is parked here; null: it is elsewhere. */
  #holder(): Waiter | null {
    const [first] = this.entered;
    return first === undefined ? null : (this.#parkedHere.get(first) ?? null);
  }

  #whoIsNext(): Waiter | null {
    return this.serial ? this.#holder() : this.#rows.next;
  }
}

/** When a bucket has what it had at some moment, by another limit: milliseconds, as `now`. */
function movedTo(moment: number, from: NarrowQuota, to: NarrowQuota, now: number): number {
  const aheadUs = (moment - now) * 1_000 + tauUs(from);
  return now + (convertedUs(aheadUs, intervalUs(from), intervalUs(to)) - tauUs(to)) / 1_000;
}
