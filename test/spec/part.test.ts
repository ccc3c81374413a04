/** What a caller may have of something scarce, at the edges. */
import { expect, test } from 'vitest';
import { mayHaveOneMore, partOf } from '../../src/shares/part.ts';

test.each([
  [0.9, 10, 9],
  [0.9, 9, 8],
  [0.29, 100, 29],
  [1, 7, 7],
  [0.5, 1, 0],
])('%d of %i are %i', (share, amount, part) => {
  expect(partOf(share, amount)).toBe(part);
});

test.each([
  ['the first one, of however few', 0.5, 0, 1, true],
  ['up to its part', 0.9, 8, 2, true],
  ['no more than its part', 0.9, 9, 1, false],
  ['less beside others', 0.5, 3, 3, false],
])('a caller may have %s', (_, share, own, left, may) => {
  expect(mayHaveOneMore(share, own, left)).toBe(may);
});
