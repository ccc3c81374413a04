import { describe, expect, test } from 'vitest';
import { WindowCounts } from '../../src/adapters/login-guard/window-counts.ts';

const limit = 3;
const windowMs = 60_000;

describe('A window', () => {
  test('begins with the first count, is full at the limit and over after its time', () => {
    const counts = new WindowCounts(limit, windowMs, 10);
    const waits = [0, 10_000, 20_000].map((now) => {
      const before = counts.waitMs('a', now);
      counts.add('a', now);
      return before;
    });
    expect(waits).toEqual([0, 0, 0]);
    expect([20_000, 59_999, 60_000].map((now) => counts.waitMs('a', now))).toEqual([40_000, 1, 0]);
    counts.add('a', 60_000);
    expect(counts.waitMs('a', 60_000)).toBe(0);
  });

  test.each([
    ['more than here', 3, 45_000, 45_000],
    ['less than here', 1, 45_000, 0],
    ['as much', 2, 45_000, 0],
  ])('learns from one who counted %s', (_, count, until, waitMs) => {
    const counts = new WindowCounts(limit, windowMs, 10);
    counts.add('a', 0);
    counts.add('a', 0);
    counts.learn('a', count, until, 0);
    expect(counts.waitMs('a', 0)).toBe(waitMs);
  });

  test('of too many keys the oldest goes', () => {
    const counts = new WindowCounts(1, windowMs, 2);
    for (const [now, key] of ['a', 'b', 'c'].entries()) counts.add(key, now);
    expect(['a', 'b', 'c'].map((key) => counts.waitMs(key, 3) > 0)).toEqual([false, true, true]);
  });
});
