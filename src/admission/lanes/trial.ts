/** One request with a slot and a permit in hand, while its narrow buckets are asked, one after the other. */
import type { Permit } from '../../exchange/exchange.ts';
import type { Buckets } from '../rate/ports.ts';
import type { Quota } from '../rate/quota.ts';
import type { Tried } from '../rate/slots.ts';
import type { Waiter } from '../stay.ts';
import type { Lane } from './lane.ts';

export class Trial {
  readonly waiter: Waiter;
  readonly lanes: readonly Lane[];
  readonly permit: Permit;
  /** When the slot closes, or a token that was taken for it, `Clock.now()`. */
  closesAt: number;
  /** When the slot itself closes. */
  readonly slotClosesAt: number;
  #next = 0;
  readonly #taken: Lane[] = [];

  constructor(waiter: Waiter, lanes: readonly Lane[], permit: Permit, slotClosesAt: number) {
    this.waiter = waiter;
    this.lanes = lanes;
    this.permit = permit;
    this.closesAt = slotClosesAt;
    this.slotClosesAt = slotClosesAt;
    for (const lane of lanes) lane.asking = waiter;
  }

  /**
   * Asks on from where it stands. True: each has given a token. A lane: it has none. A promise: it has to be asked
   * again once that is over.
   */
  ask(buckets: Buckets, now: () => number): true | Lane | Promise<true | Lane> {
    for (; this.#next < this.lanes.length; this.#next++) {
      const lane = this.lanes[this.#next] as Lane;
      if (lane.quota === null) continue;
      const reply = buckets.tryTake(lane.bucket, lane.quota);
      if (reply instanceof Promise) return this.#later(reply, lane, buckets, now);
      if (!this.#took(lane, reply, now())) return lane;
    }
    return true;
  }

  /** What was taken is not needed. */
  giveBack(buckets: Buckets): void {
    for (const lane of this.#taken) buckets.giveBack(lane.bucket, lane.quota as Quota);
  }

  async #later(reply: Promise<Tried>, lane: Lane, buckets: Buckets, now: () => number): Promise<true | Lane> {
    const tried = await reply;
    if (!this.#took(lane, tried, now())) return lane;
    this.#next += 1;
    return await this.ask(buckets, now);
  }

  #took(lane: Lane, tried: Tried, now: number): boolean {
    lane.nextAt = now + (tried.taken ? tried.nextInUs : tried.opensInUs) / 1_000;
    // A timer is early by less than a millisecond, and a try that comes too early costs a call.
    const shutUntil = now + Math.max(1, Math.ceil(lane.nextAt - now));
    if (!tried.taken) {
      lane.shutUntil = shutUntil;
      return false;
    }
    this.#taken.push(lane);
    // Those that are parked need not ask before there is something to be had.
    if (lane.parked > 0 && lane.nextAt > now) lane.shutUntil = shutUntil;
    this.closesAt = Math.min(this.closesAt, now + tried.closesInUs / 1_000);
    return true;
  }
}
