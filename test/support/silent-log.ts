import { type Log, noneLeftOut } from '../../src/observe/ports.ts';

export interface Event {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

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

/** A log whose events the test has. */
export function eventLog(): { readonly log: Log; readonly events: Event[] } {
  const events: Event[] = [];
  const event = (level: Event['level']) => (message: string, fields?: Event['fields']) =>
    void events.push({ level, message, fields: fields ?? {} });
  const levels = { debug: event('debug'), info: event('info'), warn: event('warn'), error: event('error') };
  return { log: { ...silentLog, ...levels }, events };
}
