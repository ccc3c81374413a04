/**
 * Whatever goes wrong at once, each caller gets exactly one answer, no message is sent twice, and nothing is left over.
 * `npm run soak` plays many more of these runs; with `--seed` one of them again.
 */
import { describe, expect, it } from 'vitest';
import { soak } from '../support/soak/run.ts';

const seeds = [1, 2, Math.floor(Math.random() * 2 ** 31)];

describe('five seconds with faults of every kind', () => {
  it.each(seeds)('run %i: one answer each, no POST twice, nothing left over', async (seed) => {
    const { problems, ends } = await soak({ seed, seconds: 5 });
    expect(problems).toEqual([]);
    // There was something to see: callers who were served, and some who were not.
    expect(ends).toMatchObject({ 201: expect.any(Number), gone: expect.any(Number) });
  });
});
