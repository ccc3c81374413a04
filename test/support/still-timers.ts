/** Timers that stand still, or go when they are told to: what would end by itself does not, however slow the machine is. */
import { vi } from 'vitest';

/** Those that are set from now on never fire, also when it is over; sockets and promises go on. */
export function stopTimers(): Disposable {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}

/**
 * From now on timers and `performance.now()` go by `vi.advanceTimersByTime`; sockets and promises go on.
 * @param immediates they go by it, too, and each takes a millisecond
 */
export function driveTimers(immediates = false): Disposable {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'performance', ...(immediates ? (['setImmediate'] as const) : [])],
  });
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}

/** What goes on at intervals goes by `vi.advanceTimersByTime`, and `vi.getTimerCount` tells whether it does; all else goes on. */
export function driveIntervals(): Disposable {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}

/** From now on timers and dates go by `vi.advanceTimersByTime`. */
export function driveDates(): Disposable {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}
