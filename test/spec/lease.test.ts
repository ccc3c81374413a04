/** What a replica asks of its bucket, and when: one of 1,000/s with bursts of 101 unless a test says otherwise. */
import { describe, expect, test } from 'vitest';
import { Lease } from '../../src/admission/rate/lease.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { grantOf } from '../../src/admission/rate/slots.ts';

const quota: Quota = { rate: 1_000, burst: 101 };
const tauMs = 100;

interface Left {
  readonly slots: number;
  /** When the first of them opens. */
  readonly opensInMs: number;
}

/** A lease at the time 0 that got so many slots with a reply that took no time. */
function leaseWith({ slots, opensInMs }: Left, roundTripMs = 0): Lease {
  const lease = new Lease(quota);
  lease.add(grantOf((opensInMs + tauMs) * 1_000, slots, quota), -roundTripMs, 0);
  return lease;
}

/** The lease at the time 0, after one arrival every `everyMs` for as long as it takes to be sure of it. */
function expecting(everyMs: number, last: Left): Lease {
  const lease = new Lease(quota);
  for (let number = Math.ceil(400 / everyMs); number >= 0; number--) lease.arrivals.add(-number * everyMs);
  lease.add(grantOf((last.opensInMs + tauMs) * 1_000, last.slots, quota), 0, 0);
  return lease;
}

describe('The next call leaves', () => {
  test.each<[string, waiting: number, left: Left, askAt: number]>([
    //                                                         in line   slots            at
    ['at once for the first who waits', 1, { slots: 0, opensInMs: 0 }, 0],
    ['not while there is a slot for everybody who waits', 5, { slots: 5, opensInMs: 0 }, Number.POSITIVE_INFINITY],
    ['not for nobody', 0, { slots: 0, opensInMs: 0 }, Number.POSITIVE_INFINITY],
    ['three milliseconds before the last slot opens', 9, { slots: 5, opensInMs: 20 }, 21],
    ['at once where that is already open', 9, { slots: 5, opensInMs: -50 }, -49],
  ])('%s', (_, waiting, left, askAt) => {
    expect(leaseWith(left).askAt(0, waiting)).toBeCloseTo(askAt, 6);
  });

  test('two round trips before the last slot opens, where the store is far', () => {
    const lease = new Lease(quota);
    for (let i = 0; i < 50; i++) lease.add(grantOf(-1e6, 0, quota), -10, 0);
    lease.add(grantOf((40 + tauMs) * 1_000, 1, quota), -10, 0);
    expect(lease.askAt(0, 9)).toBeCloseTo(20, 3);
  });

  test('for those who are to be expected before its reply, with nobody in line', () => {
    const lease = expecting(0.4, { slots: 2, opensInMs: -10 });
    expect(lease.askAt(0, 0)).toBeLessThanOrEqual(0);
    expect(expecting(0.6, { slots: 2, opensInMs: -10 }).askAt(0, 0)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('A call asks for', () => {
  test.each<[string, waiting: number, left: Left, wanted: number]>([
    ['as many slots as are missing', 9, { slots: 5, opensInMs: 20 }, 4],
    ['at least one', 5, { slots: 5, opensInMs: 20 }, 1],
  ])('%s', (_, waiting, left, wanted) => {
    expect(leaseWith(left).wanted(0, waiting)).toBe(wanted);
  });

  test.each<[string, everyMs: number, last: Left, wanted: number]>([
    // one arrival every …                                                    ms    last grant
    ['what comes while its slots are open: 20 ms, and what closes later', 2, { slots: 0, opensInMs: -80 }, 20],
    ['what comes within the horizon, however long the slots are open', 2, { slots: 0, opensInMs: -5 }, 50],
    ['no more than the horizon’s slots, however many come', 0.05, { slots: 0, opensInMs: -5 }, 100],
    ['what is sure to use its slots, where they open only later', 5, { slots: 0, opensInMs: 20 }, 14],
    ['nothing for a trickle', 90, { slots: 0, opensInMs: -80 }, 1],
  ])('slots for arrivals that are to be expected: %s', (_, everyMs, last, wanted) => {
    expect(expecting(everyMs, last).wanted(0, 0)).toBe(wanted);
  });

  test('nothing for arrivals that were to be expected a while ago', () => {
    const lease = expecting(2, { slots: 0, opensInMs: -5 });
    expect([380, 401].map((now) => lease.wanted(now, 0))).toEqual([50, 1]);
  });

  test('little for one burst, however large', () => {
    const lease = leaseWith({ slots: 0, opensInMs: -50 });
    for (let i = 0; i < 1_000; i++) lease.arrivals.add(0);
    expect(lease.wanted(0, 0)).toBe(1);
    lease.arrivals.add(390);
    expect(lease.wanted(390, 0)).toBeLessThanOrEqual(100);
  });
});

describe('A slot', () => {
  test('can be used from its opening to its closing, by whoever is next', () => {
    const lease = leaseWith({ slots: 3, opensInMs: 10 });
    expect([9, 10, 10.5, 11].map((now) => lease.take(now))).toEqual([false, true, false, true]);
    expect(lease.left(11)).toBe(1);
    expect(lease.take(tauMs + 12)).toBe(true);
  });

  test('lapses when it closes, one after the other', () => {
    const lease = leaseWith({ slots: 3, opensInMs: 10 });
    expect([0, 110, 110.5, 111.5, 112.5].map((now) => lease.left(now))).toEqual([3, 3, 2, 1, 0]);
    expect(lease.take(112.5)).toBe(false);
  });

  test('is used before those that close later', () => {
    const lease = leaseWith({ slots: 1, opensInMs: 0 });
    lease.add(grantOf((50 + tauMs) * 1_000, 1, quota), 0, 0);
    expect(lease.take(60)).toBe(true);
    expect(lease.opensAt(60)).toBe(50);
    expect(lease.left(120)).toBe(1);
  });
});

describe('Slots whose window is narrower than the round trip', () => {
  const narrow: Quota = { rate: 1_000, burst: 3 };

  /** What can be used of a slot that opens now, by a reply that took so long; those before it took 20 ms. */
  const leftAfter = (tripMs: number, of = narrow, usual = 10): number[] => {
    const lease = new Lease(of);
    const grant = (count: number) => grantOf(((of.burst - 1) / of.rate) * 1e6, count, of);
    for (let i = 0; i < usual; i++) lease.add(grant(0), -20, 0);
    lease.add(grant(1), -tripMs, 0);
    return [0, 1.9, 3.9, 4.9, 5.1].map((now) => lease.left(now));
  };

  test.each<[string, tripMs: number, left: number[]]>([
    //                                                          after    0  1.9 3.9 4.9 5.1 ms
    ['are used all the same: all are late by the same way back', 20, [1, 1, 1, 1, 0]],
    ['by as much less as the reply took longer than usual', 21, [1, 1, 1, 0, 0]],
    ['and not at all where that is longer than they', 26, [0, 0, 0, 0, 0]],
    ['nor are they longer by a reply that was quick', 15, [1, 1, 1, 1, 0]],
  ])('%s', (_, tripMs, left) => {
    expect(leftAfter(tripMs)).toEqual(left);
  });

  test('are not used where nobody knows yet what is usual', () => {
    expect(leftAfter(20, narrow, 0)).toEqual([0, 0, 0, 0, 0]);
  });

  test('are late by what the promise tolerates, where nobody knows: half an interval beside half of one', () => {
    expect(leftAfter(40, { rate: 20, burst: 1 }, 0)).toEqual([1, 1, 0, 0, 0]);
    expect(leftAfter(52, { rate: 20, burst: 1 }, 0)).toEqual([0, 0, 0, 0, 0]);
  });

  test('alone depend on that: a wide one holds what is certain', () => {
    expect(leftAfter(40, { rate: 1_000, burst: 61 })).toEqual([1, 1, 1, 1, 1]);
  });
});
