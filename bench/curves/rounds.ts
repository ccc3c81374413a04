/** How the points of a curve are measured. */
import type { Weir } from '../contestants.ts';
import { median as medianOf } from '../figures.ts';
import type { Load } from '../measure.ts';

export type Point = readonly [x: number, cpuUs: number];

export interface Rounds {
  /** How long one takes, and how many there are for a point. */
  readonly ms: number;
  readonly rounds: number;
  /** Points beyond this are left out. */
  readonly most: number;
}

/** Measures for each x that is not too much, in this order. */
export async function each(
  xs: readonly number[],
  { most }: Rounds,
  measure: (x: number) => Promise<number>,
): Promise<Point[]> {
  const points: Point[] = [];
  for (const x of xs) if (x <= most) points.push([x, await measure(x)]);
  return points;
}

/** The median of a few rounds; one before them is for what is new. */
export async function cpu(
  load: Load,
  weir: Weir,
  { ms, rounds }: Rounds,
  how: Parameters<Load['on']>[2],
): Promise<number> {
  return await median(rounds, async () => (await load.on(weir, ms, how)).cpuUs);
}

export async function median(rounds: number, measure: () => Promise<number>): Promise<number> {
  const measured: number[] = [];
  for (let round = 0; round <= rounds; round++) measured.push(await measure());
  return medianOf(measured.slice(1));
}
