/** What a request was charged by its narrow limits, until its answer has told what it used. */
import type { Clock } from '../../clock.ts';
import type { Charge, UsagePlace } from '../../exchange/charge.ts';
import type { Meter } from '../../observe/ports.ts';
import type { Buckets } from '../rate/ports.ts';
import type { NarrowQuota } from '../rate/quota.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';

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

export interface ChargesDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly buckets: Buckets;
  readonly meter: Pick<Meter, 'settled'>;
}

/** What an answer tells is believed up to here: more is no number of tokens. */
const usedMax = 1e9;

export class Charges implements Charge {
  readonly toldIn: readonly (readonly UsagePlace[])[];
  readonly #taken: readonly Taken[];
  /** Those of them that answers settle. */
  readonly #settled: readonly Taken[];
  readonly #lanes: Lanes;
  readonly #deps: ChargesDeps;
  #isOver = false;

  /** @param lanes of the class: there may be others of those names once an answer tells what was used */
  constructor(taken: readonly Taken[], lanes: Lanes, deps: ChargesDeps) {
    this.#taken = taken;
    this.#settled = taken.filter(({ lane }) => lane.costing !== null);
    this.toldIn = this.#settled.map(({ lane }) => lane.costing?.cost.settle ?? []);
    this.#lanes = lanes;
    this.#deps = deps;
  }

  settle(used: readonly (number | null)[]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const [i, { lane, count, mark }] of this.#settled.entries()) {
      const told = Math.min(used[i] ?? count, usedMax);
      lane.costing?.settled(count, told);
      if (told !== count) this.#deps.buckets.settle(lane.bucket, lane.quota as NarrowQuota, told - count, mark);
      this.#lanes.settled(lane.bucket, told - count);
      this.#deps.meter.settled(lane.bucket, count, told);
    }
  }

  unsent(): void {
    if (this.#isOver) return;
    const now = this.#deps.clock.now();
    for (const { lane, count, mark, wholeUntil } of this.#taken) {
      if (lane.costing !== null || now >= wholeUntil) continue;
      this.#deps.buckets.settle(lane.bucket, lane.quota as NarrowQuota, -count, mark);
      this.#lanes.settled(lane.bucket, -count);
    }
    this.settle(this.#settled.map(() => 0));
  }
}
