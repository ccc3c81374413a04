/** Limits that change while requests are sent, and by how much these break the highest in force (promise P1). */
import fc from 'fast-check';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { tolerance } from './fleet.ts';

export const quotas: fc.Arbitrary<Quota> = fc.record({
  rate: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0.5, max: 50, noNaN: true })),
  burst: fc.integer({ min: 1, max: 200 }),
});

/** A limit in a replica from some moment on. */
export interface InForce extends Quota {
  readonly from: number;
  readonly replica: number;
}

/** By how many requests the worst span breaks the highest limits that were in force in it. */
export function excessOver(history: readonly InForce[], instants: readonly number[]): number {
  const spans = history.map((one) => {
    const next = history.find(({ replica, from }) => replica === one.replica && from > one.from);
    return { ...one, until: next?.from ?? Number.POSITIVE_INFINITY };
  });
  const edges = [...new Set([...history.map(({ from }) => from), ...instants])];
  let worst = Number.NEGATIVE_INFINITY;
  for (const [first, begin] of instants.entries()) {
    if (first > 0 && instants[first - 1] === begin) continue;
    for (const end of edges) {
      if (end < begin) continue;
      const last = instants.findLastIndex((at) => at <= end);
      const within = spans.filter(({ from, until }) => from <= end && until >= begin);
      const rate = Math.max(...within.map((one) => one.rate));
      const burst = Math.max(...within.map((one) => one.burst));
      worst = Math.max(worst, last - first + 1 - (rate * (end - begin)) / 1_000 - burst);
    }
  }
  return worst;
}

/** A slot whose window is stretched may be used under the next limit: there the tolerances of both add up. */
export const tolerated = (limits: readonly Quota[]): number => {
  const [most = 0, second = 0] = limits.map(tolerance).toSorted((a, b) => b - a);
  return most + second + 1e-6;
};

/** A replica reckons anew what it has at hand, and Redis the rest when the call has come: milliseconds later. */
export const onTheWay = (limits: readonly Quota[], changes: number): number =>
  0.001 * changes * Math.max(...limits.map(({ rate }) => rate));
