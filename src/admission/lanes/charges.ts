/** What a request was charged by its narrow limits, until its answer has told what it used. */
import type { Charge, UsagePlace } from '../../exchange/charge.ts';
import type { Buckets } from '../rate/ports.ts';
import type { NarrowQuota } from '../rate/quota.ts';
import type { Lane } from './lane.ts';

/** Tokens that a lane's bucket has given for a request. */
export interface Taken {
  readonly lane: Lane;
  readonly count: number;
  readonly mark: number;
}

/** How much was charged, and what it came to. */
export type Reckon = (bucket: string, charged: number, used: number) => void;

/** What an answer tells is believed up to here: more is no number of tokens. */
const usedMax = 1e9;

/** Null: none of the limits goes by what an answer tells. */
export function chargeFor(taken: readonly Taken[], buckets: Buckets, reckon: Reckon): Charge | null {
  const charged = taken.filter(({ lane }) => lane.costing !== null);
  return charged.length === 0 ? null : new Charges(charged, buckets, reckon);
}

class Charges implements Charge {
  readonly toldIn: readonly (readonly UsagePlace[])[];
  readonly #taken: readonly Taken[];
  readonly #buckets: Buckets;
  readonly #reckon: Reckon;
  #isOver = false;

  constructor(taken: readonly Taken[], buckets: Buckets, reckon: Reckon) {
    this.toldIn = taken.map(({ lane }) => lane.costing?.cost.settle ?? []);
    this.#taken = taken;
    this.#buckets = buckets;
    this.#reckon = reckon;
  }

  settle(used: readonly (number | null)[]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const [i, { lane, count, mark }] of this.#taken.entries()) {
      const told = Math.min(used[i] ?? count, usedMax);
      lane.costing?.settled(count, told);
      if (told !== count) this.#buckets.settle(lane.bucket, lane.quota as NarrowQuota, told - count, mark);
      this.#reckon(lane.bucket, count, told);
    }
  }
}
