/** What is made once in a while for all who ask. */
import { describe, expect, it } from 'vitest';
import { Shared } from '../../src/observe/shared.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A number for each time that it is made, by a clock of its own. */
function counted(maxAgeMs: number) {
  const clock = new VirtualClock();
  const made = { times: 0 };
  const make = async () => ++made.times;
  return { clock, made, shared: sharedBy(make, clock, maxAgeMs) };
}

const sharedBy = <Value>(make: () => Promise<Value>, clock = new VirtualClock(), maxAgeMs = 1_000) =>
  new Shared(
    make,
    () => maxAgeMs,
    () => clock.now(),
  );

describe('A shared value', () => {
  it('is made once for all who ask within its age, counted from when it was begun', async () => {
    const { clock, made, shared } = counted(1_000);
    expect(await Promise.all([shared.get(), shared.get()])).toEqual([1, 1]);
    await clock.advance(899);
    expect(await shared.get()).toBe(1);
    await clock.advance(1);
    expect([await shared.get(), await shared.get(), made.times]).toEqual([2, 2, 2]);
  });

  it('is a new one each time for one who asks once in its age by a timer that is not exact', async () => {
    const { clock, shared } = counted(1_000);
    for (const [i, pauseMs] of [0, 1_001, 998, 1_030, 960, 999].entries()) {
      await clock.advance(pauseMs);
      expect(await shared.get()).toBe(i + 1);
    }
  });

  it('is waited for while it is being made, however long that takes', async () => {
    const clock = new VirtualClock();
    const making: ((value: number) => void)[] = [];
    const shared = sharedBy(() => new Promise<number>((resolve) => making.push(resolve)), clock);
    const first = shared.get();
    await clock.advance(5_000);
    const second = shared.get();
    making[0]?.(7);
    expect([await first, await second, making.length]).toEqual([7, 7, 1]);
    void shared.get();
    expect(making).toHaveLength(2);
  });

  it('that could not be made is made anew for the next one', async () => {
    let tries = 0;
    const make = async (): Promise<number> => {
      tries += 1;
      if (tries === 1) throw new Error('not yet');
      return tries;
    };
    const shared = sharedBy(make);
    const both = [shared.get(), shared.get()];
    for (const one of both) await expect(one).rejects.toThrow('not yet');
    expect(await shared.get()).toBe(2);
  });

  it('of no age is made for each', async () => {
    const { shared } = counted(0);
    expect([await shared.get(), await shared.get()]).toEqual([1, 2]);
  });
});
