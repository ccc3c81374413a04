/** One request with a slot and a permit in hand, while its narrow buckets are asked, one after the other. */
import type { Permit } from '../../exchange/exchange.ts';
import type { NarrowQuota } from '../rate/quota.ts';
import { type Tried, tauUs } from '../rate/slots.ts';
import type { Waiter } from '../stay.ts';
import type { ChargesDeps, Taken } from './charges.ts';
import type { Lane } from './lane.ts';

export class Trial {
  readonly waiter: Waiter;
  readonly lanes: readonly Lane[];
  readonly permit: Permit;
  /** When the slot closes, or a token that was taken for it, `Clock.now()`. */
  closesAt: number;
  /** When the slot itself closes. */
  readonly slotClosesAt: number;
  /** The tokens that its lanes have given. */
  readonly taken: Taken[] = [];
  readonly #deps: ChargesDeps;
  #next = 0;

  constructor(waiter: Waiter, lanes: readonly Lane[], permit: Permit, slotClosesAt: number, deps: ChargesDeps) {
    this.waiter = waiter;
    this.lanes = lanes;
    this.permit = permit;
    this.closesAt = slotClosesAt;
    this.slotClosesAt = slotClosesAt;
    this.#deps = deps;
    for (const lane of lanes) lane.asking = waiter;
  }

  /**
   * Asks on from where it stands. True: each has given its tokens. A lane: it has too few. A promise: it has to be asked
   * again once that is over.
   */
  ask(): true | Lane | Promise<true | Lane> {
    const { buckets, clock } = this.#deps;
    for (; this.#next < this.lanes.length; this.#next++) {
      const lane = this.lanes[this.#next] as Lane;
      if (lane.quota === null) continue;
      const count = lane.tokensFor(this.waiter.exchange);
      const askedAt = clock.now();
      const reply = buckets.tryTake(lane.bucket, lane.quota, count);
      if (reply instanceof Promise) return this.#later(reply, lane, count, askedAt);
      if (!this.#took(lane, count, reply, askedAt, askedAt)) return lane;
    }
    return true;
  }

  /** What was taken is not needed. */
  giveBack(): void {
    for (const { lane, count, mark } of this.taken) {
      this.#deps.buckets.settle(lane.bucket, lane.quota as NarrowQuota, -count, mark);
    }
  }

  async #later(reply: Promise<Tried>, lane: Lane, count: number, askedAt: number): Promise<true | Lane> {
    const tried = await reply;
    if (!this.#took(lane, count, tried, askedAt, this.#deps.clock.now())) return lane;
    this.#next += 1;
    return await this.ask();
  }

  #took(lane: Lane, count: number, tried: Tried, askedAt: number, now: number): boolean {
    if (!tried.taken) {
      lane.exhausted(tried.opensInUs / 1_000, count, now);
      return false;
    }
    const fullInUs = tried.nextInUs + tauUs(lane.quota as NarrowQuota);
    this.taken.push({ lane, count, mark: tried.mark, wholeUntil: askedAt + fullInUs / 2_000 });
    lane.gave(tried.nextInUs / 1_000, now);
    this.closesAt = Math.min(this.closesAt, now + tried.closesInUs / 1_000);
    return true;
  }
}
