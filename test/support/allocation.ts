/** Room for every body that stays in memory, and for no file. */
import type { Allocation } from '../../src/exchange/bodies.ts';

export const roomForAll: Allocation = {
  memoryMaxBytes: 1_000_000,
  mayCome: () => true,
  tryTake: () => true,
  openFile: () => null,
  coming() {},
  arrived() {},
};
