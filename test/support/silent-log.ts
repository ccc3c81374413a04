import { type Log, noneLeftOut } from '../../src/observe/ports.ts';

/** A log that nobody reads. */
export const silentLog: Log = {
  request() {},
  audit() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  leftOut: () => noneLeftOut,
};
