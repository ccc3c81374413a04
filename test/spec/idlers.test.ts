/** One sweep watches over every body that comes in. */
import { afterEach, describe, expect, it } from 'vitest';
import { Idlers } from '../../src/wire/server/idlers.ts';
import { until } from '../support/until.ts';

describe('a body that is watched', () => {
  const idlers = new Idlers(20, 0);
  afterEach(() => idlers.close());

  it('is called idle once when nothing moves, and whoever was done or still moves is not', async () => {
    const called: string[] = [];
    const watch = (name: string) => idlers.watch(() => called.push(name));
    const [first, , moving] = [watch('done at once'), watch('idle'), watch('moving')];
    watch('idle too');
    first?.done();
    first?.done();
    const sweeps = idlers.sweeps;
    const isSwept = (): boolean => {
      moving?.moved(1);
      return idlers.sweeps >= sweeps + 12;
    };
    await until(isSwept, { what: 'a dozen sweeps' });
    expect(called).toEqual(['idle', 'idle too']);
  });

  it('is not called idle any more when another one that is ends it', async () => {
    const called: string[] = [];
    const second = { done: () => {} };
    idlers.watch(() => {
      called.push('first');
      second.done();
    });
    second.done = () => ended.done();
    const ended = idlers.watch(() => called.push('ended'));
    idlers.watch(() => called.push('last'));
    await until(() => called.includes('last'), { what: 'the last one to be called idle' });
    expect(called).toEqual(['first', 'last']);
  });

  it('may bring another one when it is called idle', async () => {
    const called: string[] = [];
    idlers.watch(() => {
      called.push('first');
      idlers.watch(() => called.push('second'));
    });
    await until(() => called.length === 2, { what: 'both to be called idle' });
    expect(called).toEqual(['first', 'second']);
  });

  it('is called idle as well when it moves, but too slowly; at the least that is asked, it is not', async () => {
    const slow = new Idlers(20, 5_000); // 100 bytes within the limit.
    const called: string[] = [];
    const [trickle, steady] = ['trickle', 'steady'].map((name) => slow.watch(() => called.push(name)));
    try {
      for (let sweep = 0; sweep < 12; sweep = slow.sweeps) {
        // Each sweep is a quarter of the limit.
        trickle?.moved(10);
        steady?.moved(25);
        await until(() => slow.sweeps > sweep, { what: 'the next sweep' });
      }
      expect(called).toEqual(['trickle']);
    } finally {
      slow.close();
    }
  });
});
