/** Which round trip to the store is the usual one: what a lease may rely on where its windows are narrow. */
import { expect, test } from 'vitest';
import { Trips } from '../../src/admission/rate/trips.ts';

const long = [30, 31, 32, 33, 34, 35, 36];

test.each<[string, number[], usualMs: number]>([
  ['none, before any', [], 0],
  ['none, after a few: connections and cold code may be in each, or a busy machine', Array(7).fill(20), 0],
  ['the shortest, if another was hardly longer', [20, 21.5, ...long], 20],
  ['none, where each took as long as it liked', [120, 90, 250, 60, 400, 33, 510, 170], 0],
  ['what it is without those that stood still', [0.3, ...long, 0.4], 0.3],
  ['what it is without a single one that was quicker', [20, 20.5, 15, ...long], 20],
  ['the new one, once a link has become slow for long', [...Array(32).fill(1), ...Array(32).fill(40)], 40],
  ['not the new one before', [...Array(32).fill(1), ...Array(30).fill(40)], 1],
])('%s', (_, trips, usualMs) => {
  const seen = new Trips();
  for (const ms of trips) seen.add(ms);
  expect(seen.usualMs).toBe(usualMs);
});
