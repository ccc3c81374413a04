/**
 * How well the number of permits adapts, in virtual time: a table for docs/decisions/0011-permits.md.
 *
 *     node bench/permits.ts
 */
import { BusyCoreapp } from '../test/support/busy-coreapp.ts';

const seeds = [1, 2, 3, 4, 5, 6];

interface Row {
  readonly used: number;
  readonly refused: number;
  readonly fairness: number;
  readonly backMs: number;
}

/** Half a minute or 150 flights, once settled; then an outage of three seconds. */
function measure(capacity: number, replicas: number, serviceMs: number): Row {
  const settleMs = Math.max(5_000, 40 * serviceMs);
  const outageMs = settleMs + Math.max(30_000, 150 * serviceMs);
  const closed = (at: number): boolean => at >= outageMs && at < outageMs + 3_000;
  const runs = seeds.map((seed) => {
    const coreapp = new BusyCoreapp({ capacity: (at) => (closed(at) ? 0 : capacity), replicas, serviceMs, seed });
    coreapp.run(outageMs + 3_000 + Math.max(5_000, 20 * serviceMs));
    const backMs = coreapp.backAfterMs(outageMs + 3_000, 0.9, Math.max(250, 4 * serviceMs));
    return { ...coreapp.flow(settleMs, outageMs), backMs };
  });
  return {
    used: Math.min(...runs.map(({ used }) => used)),
    refused: runs.reduce((sum, { refused }) => sum + refused, 0) / runs.length,
    fairness: Math.min(...runs.map(({ fairness }) => fairness)),
    backMs: Math.max(...runs.map(({ backMs }) => backMs)),
  };
}

console.log('| at once | replicas | ms for one | used | refused | fairness | 90 % back after |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const capacity of [1, 2, 8, 64]) {
  for (const replicas of [1, 2, 4]) {
    for (const serviceMs of [5, 40, 200]) {
      const { used, refused, fairness, backMs } = measure(capacity, replicas, serviceMs);
      const cells = [
        `${(100 * used).toFixed(0)} %`,
        `${(100 * refused).toFixed(1)} %`,
        fairness.toFixed(2),
        `${backMs} ms`,
      ];
      console.log(`| ${[capacity, replicas, serviceMs, ...cells].join(' | ')} |`);
    }
  }
}
