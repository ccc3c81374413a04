import { describe, expect, it } from 'vitest';
import { VirtualClock } from './virtual-clock.ts';

describe('a virtual clock', () => {
  it('stands still until it is told to go on', async () => {
    const clock = new VirtualClock(1_000_000);
    await clock.settle();
    expect([clock.now(), clock.wallMs()]).toEqual([0, 1_000_000]);
    await clock.advance(250.5);
    clock.advanceSync(249.5);
    expect([clock.now(), clock.wallMs()]).toEqual([500, 1_000_500]);
  });

  it('fires alarms in order of time, and those of one instant in the order in which they were set', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name} at ${clock.now()}`);
    for (const [ms, name] of [
      [30, 'd'],
      [10, 'a'],
      [20, 'b'],
      [20, 'c'],
      [40.25, 'e'],
      [-5, 'first'],
    ] as const) {
      clock.after(ms, note(name));
    }
    await clock.run(40);
    expect(fired).toEqual(['first at 0', 'a at 10', 'b at 20', 'c at 20', 'd at 30']);
    expect([clock.now(), clock.pending]).toEqual([40, 1]);
  });

  it('fires what an alarm sets, when it falls into the same stretch', () => {
    const clock = new VirtualClock();
    const ticks: number[] = [];
    const tick = (): void => {
      ticks.push(clock.now());
      clock.after(10, tick);
    };
    tick();
    clock.advanceSync(35);
    expect(ticks).toEqual([0, 10, 20, 30]);
  });

  it('never fires a cancelled alarm, and minds neither a second nor a late cancel', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const late = clock.after(5, () => fired.push('kept'));
    const gone = clock.after(5, () => fired.push('cancelled'));
    gone.cancel();
    gone.cancel();
    clock.advanceSync(10);
    late.cancel();
    expect(fired).toEqual(['kept']);
    expect(clock.pending).toBe(0);
  });

  it('lets promise jobs finish between two alarms', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
    const walk = async (name: string): Promise<void> => {
      for (let step = 1; step <= 3; step++) {
        await sleep(10);
        for (let hop = 0; hop < 50; hop++) await Promise.resolve();
        seen.push(`${name}${step}@${clock.now()}`);
      }
    };
    const walks = Promise.all([walk('a'), walk('b')]);
    await clock.run(30);
    await walks;
    expect(seen).toEqual(['a1@10', 'b1@10', 'a2@20', 'b2@20', 'a3@30', 'b3@30']);
  });

  it('keeps order with many alarms', () => {
    const clock = new VirtualClock();
    const due: number[] = [];
    for (let n = 0; n < 5_000; n++) clock.after((n * 7_919) % 4_999, () => due.push(clock.now()));
    clock.advanceSync(5_000);
    expect(due).toHaveLength(5_000);
    expect(due).toEqual(due.toSorted((a, b) => a - b));
  });

  it('says what is wrong instead of going astray', async () => {
    const clock = new VirtualClock();
    expect(() => clock.after(Number.NaN, () => {})).toThrow('NaN ms');
    const first = clock.advance(1);
    expect(() => clock.advanceSync(1)).toThrow('running already');
    await first;
  });
});
