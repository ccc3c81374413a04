/** Timers that stand still, in this process: what would end by itself does not, however slow the machine is. */
import { vi } from 'vitest';

/** Those that are set from now on never fire, also when it is over; sockets and promises go on. */
export function stopTimers(): Disposable {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}
