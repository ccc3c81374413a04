/**
 * A Coreapp that can take only so many at once, with more offered than that, in virtual time: how much of it is used, how
 * often it has to refuse, how soon the flow is back. docs/decisions/0011-permits.md has the same as a table.
 */
import { describe, expect, test } from 'vitest';
import { BusyCoreapp, type BusyOptions } from '../support/busy-coreapp.ts';

const seeds = [1, 2, 3];

/** One that was there for so long. */
function ran(options: BusyOptions, forMs: number): BusyCoreapp {
  const coreapp = new BusyCoreapp(options);
  coreapp.run(forMs);
  return coreapp;
}

/** The worst of some runs, once settled. */
function settled(options: Omit<BusyOptions, 'seed'>, forMs = Math.max(4_000, 150 * options.serviceMs)) {
  const settleMs = Math.max(2_000, 40 * options.serviceMs);
  const flows = seeds.map((seed) => {
    const coreapp = ran({ ...options, seed }, settleMs + forMs);
    return coreapp.flow(settleMs, coreapp.clock.now());
  });
  return {
    used: Math.min(...flows.map(({ used }) => used)),
    refused: Math.max(...flows.map(({ refused }) => refused)),
    fairness: Math.min(...flows.map(({ fairness }) => fairness)),
  };
}

describe('With more offered than it can take, at least 90 % of a Coreapp is used, and it refuses fewer than 5 %', () => {
  test.each([
    // It takes at once, replicas, milliseconds for one, varying by
    [1, 1, 5, 0.1],
    [1, 1, 40, 0.9],
    [1, 1, 1_000, 0.1],
    [2, 1, 5, 0.9],
    [2, 1, 40, 0.1],
    [2, 2, 40, 0.1],
    [8, 1, 5, 0.1],
    [8, 1, 40, 0.1],
    [8, 1, 40, 0.9],
    [8, 1, 1_000, 0.1],
    [8, 2, 5, 0.9],
    [8, 2, 40, 0.1],
    [8, 2, 1_000, 0.1],
    [8, 4, 40, 0.1],
    [8, 4, 40, 0.9],
    [64, 1, 5, 0.1],
    [64, 1, 40, 0.9],
    [64, 2, 40, 0.1],
    [64, 4, 5, 0.9],
    [64, 4, 40, 0.1],
    [64, 4, 1_000, 0.9],
  ])('%i at once, %i replicas, %i ms ± %d', (capacity, replicas, serviceMs, jitter) => {
    const { used, refused } = settled({ capacity: () => capacity, replicas, serviceMs, jitter });
    expect(used).toBeGreaterThanOrEqual(0.9);
    expect(refused).toBeLessThan(0.05);
  });

  test.each([
    [0.5, 1],
    [0.5, 4],
    [0.95, 1],
    [0.95, 4],
    [2, 4],
  ])('%d times what it can take, at random moments, from %i replicas', (load, replicas) => {
    const { used, refused } = settled({ capacity: () => 8, replicas, serviceMs: 40, offeredPerS: load * 200 });
    expect(used).toBeGreaterThanOrEqual(0.9 * Math.min(1, load));
    expect(refused).toBeLessThan(0.05);
  });

  test('a queue in front of its workers makes no difference', () => {
    const { used, refused } = settled({ capacity: () => 8, queueMax: 4, replicas: 2, serviceMs: 40, jitter: 0.5 });
    expect(used).toBeGreaterThanOrEqual(0.9);
    expect(refused).toBeLessThan(0.05);
  });

  test('replicas that have too few keep getting more, so none has it all', () => {
    expect(settled({ capacity: () => 8, replicas: 2, serviceMs: 40 }, 30_000).fairness).toBeGreaterThan(0.55);
    expect(settled({ capacity: () => 64, replicas: 4, serviceMs: 40 }, 20_000).fairness).toBeGreaterThan(0.8);
  });
});

describe('After three seconds in which it refused everything', () => {
  test.each([
    // At once, replicas, milliseconds for one
    [1, 1, 40],
    [8, 1, 5],
    [8, 1, 40],
    [8, 1, 200],
    [8, 4, 40],
    [8, 4, 200],
    [64, 1, 5],
    [64, 1, 40],
    [64, 1, 200],
    [64, 4, 40],
  ])(
    '%i at once, %i replicas, %i ms: nine tenths again within two seconds, after few probes',
    (capacity, replicas, serviceMs) => {
      for (const seed of seeds) {
        const [from, to] = [5_000, 8_000];
        const closed = (at: number): boolean => at >= from && at < to;
        const capacityAt = (at: number): number => (closed(at) ? 0 : capacity);
        const coreapp = ran({ capacity: capacityAt, replicas, serviceMs, seed }, to + 4_000);
        expect(coreapp.backAfterMs(to, 0.9, Math.max(250, 4 * serviceMs))).toBeLessThanOrEqual(2_000);
        const inVain = coreapp.attempts.filter(({ at }) => closed(at)).length;
        expect(inVain).toBeLessThanOrEqual(capacity + 15 * replicas);
      }
    },
  );

  test('replicas do not come back all at once: no more are refused than it can take', () => {
    const coreapp = ran({ capacity: (at) => (at < 3_000 ? 0 : 8), replicas: 4, serviceMs: 40 }, 6_000);
    expect(coreapp.attempts.filter(({ at, taken }) => at > 3_000 && !taken).length).toBeLessThanOrEqual(32);
  });
});

describe('What it can take may change', () => {
  test.each([
    // From, to, replicas, 90 % of it within ms, refused until then and 5 s on
    [8, 64, 1, 2_000, 50],
    [8, 64, 4, 2_000, 150],
    [1, 16, 1, 1_500, 50],
    [64, 8, 1, 500, 100],
    [64, 8, 4, 500, 120],
    [8, 2, 1, 500, 30],
  ])(
    'from %i at once to %i, %i replicas: nine tenths of that within %i ms',
    (before, after, replicas, withinMs, refusals) => {
      const capacity = (at: number): number => (at < 10_000 ? before : after);
      const coreapp = ran({ capacity, replicas, serviceMs: 40 }, 15_000);
      expect(coreapp.backAfterMs(10_000, 0.9, 500)).toBeLessThanOrEqual(withinMs);
      expect(coreapp.attempts.filter(({ at, taken }) => at > 10_000 && !taken).length).toBeLessThanOrEqual(refusals);
    },
  );
});

describe('One that nobody knows yet', () => {
  test('is not met with all that waits: the first flight is of 16 requests', () => {
    const coreapp = ran({ capacity: () => 8, serviceMs: 40 }, 20);
    expect(coreapp.attempts).toHaveLength(16);
    coreapp.run(1_000);
    expect(coreapp.attempts.filter(({ taken }) => !taken).length).toBeLessThanOrEqual(20);
  });

  test('and takes more is sent more within a few flights', () => {
    expect(ran({ capacity: () => 1_000, serviceMs: 20 }, 200).limiters[0]?.limit).toBe(256);
  });
});
