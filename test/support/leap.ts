/** Time that jumps, for what a whole Weir in this process does only after minutes. */
import { machineClock } from '../../src/adapters/node/clock.ts';
import type { Clock } from '../../src/clock.ts';

/**
 * Has the machine's clock be one that can be put ahead, for all tests of a file: to be called before a Weir starts. The
 * timers of sockets (src/wire/) don't go by it.
 * @returns puts it ahead by so many milliseconds; the alarms whose time is over by then go off soon, in their order
 */
export function leapingClock(): (ms: number) => void {
  const machine = { ...machineClock };
  let aheadMs = 0;
  const waiting = new Set<{ readonly due: number; readonly fire: () => void; alarm: ReturnType<Clock['after']> }>();
  const leaping: Pick<Clock, 'now' | 'after'> = {
    now: () => machine.now() + aheadMs,
    after(ms, call) {
      const fire = (): void => {
        waiting.delete(one);
        call();
      };
      const one = { due: leaping.now() + ms, fire, alarm: machine.after(ms, fire) };
      waiting.add(one);
      return {
        cancel() {
          waiting.delete(one);
          one.alarm.cancel();
        },
      };
    },
  };
  Object.assign(machineClock, leaping);
  return (ms) => {
    aheadMs += ms;
    for (const one of [...waiting].sort((a, b) => a.due - b.due)) {
      one.alarm.cancel();
      one.alarm = machine.after(Math.max(0, one.due - leaping.now()), one.fire);
    }
  };
}
