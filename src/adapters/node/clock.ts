// Not the global: that one is a getter, which costs more than asking for the time does.
import { performance } from 'node:perf_hooks';
import type { Alarm, Clock } from '../../clock.ts';

/** The machine's clock. The only file that may ask for the time or set a timer on behalf of the subjects. */
export const machineClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms: number, call: () => void): Alarm {
    const due = performance.now() + ms;
    let timer: NodeJS.Timeout | undefined;
    // setTimeout counts whole milliseconds from the loop's own idea of now, so it may fire a little early.
    const check = (): void => {
      const left = due - performance.now();
      if (left <= 0) call();
      else timer = setTimeout(check, Math.ceil(left));
    };
    timer = setTimeout(check, Math.ceil(ms));
    return { cancel: () => clearTimeout(timer) };
  },
};
