/** One timer for all that have equally long. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Dated, Deadlines } from '../../../src/wire/client/deadlines.ts';
import { driveTimers } from '../../support/still-timers.ts';

class One extends Dated {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

describe('Deadlines of 1 s', () => {
  let timers: Disposable;
  let over: string[];
  let deadlines: Deadlines<One>;
  beforeEach(() => {
    timers = driveTimers(true);
    over = [];
    deadlines = new Deadlines(1_000, (one: One) => over.push(`${one.name}@${performance.now()}`));
  });
  afterEach(() => {
    deadlines.close();
    timers[Symbol.dispose]();
  });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new One(name)) as [One, One, One];
  const pass = (ms: number): void => void vi.advanceTimersByTime(ms);

  it('are over one after the other, each once, at its time', () => {
    const from = performance.now();
    deadlines.touch(a);
    pass(400);
    deadlines.touch(b);
    pass(400);
    deadlines.touch(c);
    pass(5_000);
    expect(over).toEqual([`a@${from + 1_001}`, `b@${from + 1_401}`, `c@${from + 1_801}`]);
  });

  it('begin anew when touched, and are none when stopped', () => {
    const from = performance.now();
    for (const one of [a, b, c]) deadlines.touch(one);
    pass(900);
    deadlines.touch(a);
    deadlines.stop(b);
    deadlines.stop(b);
    pass(5_000);
    expect(over).toEqual([`c@${from + 1_001}`, `a@${from + 1_901}`]);
    deadlines.touch(b);
    pass(1_001);
    expect(over.at(-1)).toBe(`b@${from + 6_901}`);
  });

  it('are moved by what comes before the immediate that judges', () => {
    deadlines.touch(a);
    deadlines.touch(b);
    vi.advanceTimersToNextTimer();
    deadlines.touch(a);
    pass(1);
    expect(over).toHaveLength(1);
    expect(over[0]).toMatch(/^b@/);
  });

  it('have one timer together', () => {
    for (const one of [a, b, c]) deadlines.touch(one);
    for (let i = 0; i < 100; i++) deadlines.touch(a);
    expect(vi.getTimerCount()).toBe(1);
    for (const one of [a, b, c]) deadlines.stop(one);
    pass(1_000);
    expect([vi.getTimerCount(), over]).toEqual([0, []]);
  });
});
