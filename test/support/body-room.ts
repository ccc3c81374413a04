/** Room for every body that stays in memory, and for no file. */
import type { BodyRoom } from '../../src/exchange/bodies.ts';

export const roomForAll: BodyRoom = {
  memoryMaxBytes: 1_000_000,
  mayCome: () => true,
  tryTake: () => true,
  openFile: () => null,
  coming() {},
  arrived() {},
};
