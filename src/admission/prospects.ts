/**
 * What a request has to expect at one bucket: a slot at once, a turn in time, or a refusal, which says when to come back.
 */
import type { Collected } from '../exchange/exchange.ts';
import { nameOf } from '../exchange/principal.ts';
import { type Refusal, type RefusalName, refuse } from '../exchange/refusals.ts';
import type { HoldReason } from '../exchange/trace.ts';
import type { GateClass, GateDeps } from './gate-parts.ts';
import { type GateLanes, tooLate } from './lanes/gate-lanes.ts';
import { bulkUrgency, urgencyOf } from './line/urgency.ts';
import type { Pausing } from './pausing.ts';
import { slotsToCome } from './rate/quota.ts';
import { type Left, leftOf, RateLimitFields } from './rate/rate-limit-fields.ts';
import type { Supply } from './rate/supply.ts';
import type { Stay } from './stay.ts';
import type { Waiting } from './waiting.ts';

/** What the gate of one bucket is made of. */
export interface GateParts {
  readonly bucket: string;
  readonly ofClass: GateClass;
  readonly deps: GateDeps;
  readonly waiting: Waiting;
  readonly supply: Supply;
  readonly pausing: Pausing;
  /** Null: the class has no narrow limits. */
  readonly lanes: GateLanes | null;
}

export class Prospects {
  readonly #parts: GateParts;
  /** What callers are told of the bucket; null: nothing. */
  rateLimit: RateLimitFields | null = null;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.configure();
  }

  /** By the limits that the class has. */
  configure(): void {
    const { bucket, ofClass } = this.#parts;
    const { limits } = ofClass;
    this.rateLimit = limits.rateLimitFields ? new RateLimitFields(bucket, limits, () => this.#left()) : null;
  }

  /** Nothing but the bucket itself could keep a newcomer. */
  mayTake({ principal, fields }: Collected, now: number): boolean {
    const { ofClass, deps, pausing } = this.#parts;
    const caller = nameOf(principal);
    const isBulkPaused = now < ofClass.pauses.bulkUntil;
    if (isBulkPaused && urgencyOf(fields, principal, deps.bestUrgency) >= bulkUrgency) return false;
    if (now < pausing.until || !ofClass.limiter.availableTo(caller, now)) return false;
    return !ofClass.pausedByOperator(caller) && !this.isPaused(caller, now);
  }

  /** Whether one caller is paused, apart from all. */
  isPaused(caller: string, now: number): boolean {
    return this.#parts.pausing.pausesCallers(now) && this.#parts.pausing.untilOf(caller) > now;
  }

  /** Why a newcomer may not wait: the line is full, or its turn could not come in time. Null: it may. */
  refusalOf(stay: Stay, now: number): Refusal | null {
    const { caller, urgency, cost, holdMs, until } = stay;
    const { line } = this.#parts.waiting;
    const inLine = line.slots + cost;
    if (!this.#parts.ofClass.headcount.hasRoomFor(caller)) return this.refusal('lineFull', inLine, now);
    const inVain = this.#parts.lanes?.refusalFor(stay.exchange, until, now) ?? null;
    if (inVain !== null) return inVain;
    const lanesOpenAt = this.#parts.lanes?.opensFor(stay.exchange, now) ?? now;
    if (lanesOpenAt >= until) return tooLate(holdMs, lanesOpenAt, now);
    const { lease } = this.#parts.supply;
    const toCome = slotsToCome(this.#parts.ofClass.limits, lease.fullAt, now, until);
    const opening = this.#parts.pausing.untilFor(caller, urgency) < until ? lease.left(now) + toCome : 0;
    if (inLine <= opening) return null;
    const needed = line.slotsUntil(caller, urgency, cost);
    if (needed <= opening) return null;
    return this.refusal('lineFull', needed, now, `Its turn could not come within ${holdMs / 1_000} s.`);
  }

  /** For its trace. What keeps the whole line says more than that there is one. */
  whyHeld({ caller, urgency }: Stay, now: number, restsUntil: number | null): HoldReason {
    if (restsUntil !== null && restsUntil > now) return 'rest';
    if (Math.max(this.#parts.pausing.until, this.#parts.pausing.untilFor(caller, urgency)) > now) return 'pause';
    if (!this.#parts.supply.isOpen(now)) return 'slots';
    return this.#parts.ofClass.limiter.availableTo(caller, now) ? 'line' : 'permits';
  }

  /** @param slots how many are to be used until it would have been its turn */
  refusal(name: RefusalName, slots: number, now: number, details: string | null = null): Refusal {
    const backlogMs = (slots / this.#parts.ofClass.limits.rate) * 1_000;
    const refusal = refuse(name, details, Math.max(1_000, backlogMs, this.#parts.pausing.until - now));
    const answer = this.#parts.pausing.said(now);
    return answer === null ? refusal : { ...refusal, answer };
  }

  readonly holdTimeOver = (now: number): Refusal => this.refusalOfAll('holdTimeOver', now);

  /** A refusal of whoever is behind all that are in line. */
  refusalOfAll(name: RefusalName, now: number): Refusal {
    return this.refusal(name, this.#parts.waiting.line.slots, now);
  }

  /** What a newcomer would find. */
  #left(): Left {
    const { deps, ofClass, waiting, supply, pausing } = this.#parts;
    const now = deps.clock.now();
    const level = supply.lease.level(now) + supply.lease.open(now);
    return leftOf(ofClass.limits, level, waiting.line.requests, pausing.until - now);
  }
}
