/** What a request was charged by its narrow limits, until its answer has told what it used. */
import type { Clock } from '../../clock.ts';
import type { Charge, UsagePlace } from '../../exchange/charge.ts';
import type { Buckets } from '../rate/ports.ts';
import type { NarrowQuota } from '../rate/quota.ts';
import type { Lane } from './lane.ts';

/** Tokens that a lane's bucket has given for a request. */
export interface Taken {
  readonly lane: Lane;
  readonly count: number;
  readonly mark: number;
  /**
   * Until then, `Clock.now()`, they can go back whole where no answer settles them: the bucket has not been full since it
   * gave them, so nobody has had what would have been there without them (lows.ts). Half of that time is left for the way.
   */
  readonly wholeUntil: number;
}

/** What becomes known of what was charged. */
export interface Reckoning {
  /** How many were charged, and how many it came to, by what an answer told or by the estimate. */
  settled(bucket: string, charged: number, used: number): void;
  /** So many are in the bucket again. */
  wentBack(bucket: string, count: number): void;
}

/** What an answer tells is believed up to here: more is no number of tokens. */
const usedMax = 1e9;

/** Null: no narrow limit has given anything. */
export function chargeFor(
  taken: readonly Taken[],
  buckets: Buckets,
  clock: Pick<Clock, 'now'>,
  reckoning: Reckoning,
): Charge | null {
  return taken.length === 0 ? null : new Charges(taken, buckets, clock, reckoning);
}

class Charges implements Charge {
  readonly toldIn: readonly (readonly UsagePlace[])[];
  readonly #taken: readonly Taken[];
  /** Those of them that answers settle. */
  readonly #settled: readonly Taken[];
  readonly #buckets: Buckets;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #reckoning: Reckoning;
  #isOver = false;

  constructor(taken: readonly Taken[], buckets: Buckets, clock: Pick<Clock, 'now'>, reckoning: Reckoning) {
    this.#taken = taken;
    this.#settled = taken.filter(({ lane }) => lane.costing !== null);
    this.toldIn = this.#settled.map(({ lane }) => lane.costing?.cost.settle ?? []);
    this.#buckets = buckets;
    this.#clock = clock;
    this.#reckoning = reckoning;
  }

  settle(used: readonly (number | null)[]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const [i, { lane, count, mark }] of this.#settled.entries()) {
      const told = Math.min(used[i] ?? count, usedMax);
      lane.costing?.settled(count, told);
      if (told !== count) this.#buckets.settle(lane.bucket, lane.quota as NarrowQuota, told - count, mark);
      this.#reckoning.settled(lane.bucket, count, told);
    }
  }

  unsent(): void {
    if (this.#isOver) return;
    const now = this.#clock.now();
    for (const { lane, count, mark, wholeUntil } of this.#taken) {
      if (lane.costing !== null || now >= wholeUntil) continue;
      this.#buckets.settle(lane.bucket, lane.quota as NarrowQuota, -count, mark);
      this.#reckoning.wentBack(lane.bucket, count);
    }
    this.settle(this.#settled.map(() => 0));
  }
}
