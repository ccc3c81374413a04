import type { Meter } from '../../src/observe/ports.ts';

/** A meter that counts nothing. */
export const deafMeter: Meter = {
  answered() {},
  held() {},
  coreappAnswered() {},
  alarmed() {},
  replayed() {},
  refused() {},
  cut() {},
  monitored() {},
  reserved() {},
  settled() {},
  storeCalled() {},
  spans() {},
  reloaded() {},
};
