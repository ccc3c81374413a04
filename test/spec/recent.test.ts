/** What happened in the last 15 minutes: a ring of fixed size over counters that are there anyway. */
import { expect, test } from 'vitest';
import { PrometheusMeter } from '../../src/adapters/prometheus/meter.ts';
import { Recent, recentStepMs, recentSteps } from '../../src/observe/recent.ts';
import { busy } from '../support/snapshots.ts';

const meterOf = () =>
  new PrometheusMeter({
    version: '0',
    classes: ['messages', 'contacts'],
    ownClasses: [],
    form: null,
    snapshot: () => busy,
  });

test('it is fifteen minutes', () => {
  expect(recentSteps * recentStepMs).toBe(15 * 60_000);
});

test('each step has what happened in it, and idle classes are left out', () => {
  const meter = meterOf();
  meter.answered('messages', 'POST', 200, 5);
  const recent = new Recent(() => meter.totals());
  expect(recent.figures().classes).toEqual([]);
  meter.answered('messages', 'POST', 200, 5);
  meter.held('messages', 'sent', 0);
  meter.held('messages', 'sent', 40);
  meter.held('messages', 'gone', 40);
  recent.step();
  meter.coreappAnswered('messages', 429, 1);
  meter.coreappAnswered('messages', 200, 1);
  meter.replayed('messages', 'throttled');
  meter.refused('lineFull', 'messages');
  expect(recent.figures()).toEqual({
    stepMs: recentStepMs,
    classes: [{ class: 'messages', came: [1, 0], held: [2, 0], sent: [0, 2], replayed: [0, 1], refused: [0, 1] }],
  });
});

test('steps older than that are forgotten', () => {
  const meter = meterOf();
  const recent = new Recent(() => meter.totals());
  for (let step = 0; step < 3 * recentSteps; step++) {
    for (let i = 0; i <= step; i++) meter.answered('messages', 'GET', 200, 1);
    recent.step();
  }
  const came = recent.figures().classes[0]?.came ?? [];
  expect(came).toHaveLength(recentSteps);
  expect([came[0], came.at(-2), came.at(-1)]).toEqual([2 * recentSteps + 2, 3 * recentSteps, 0]);
});

test('a class that came with a reload has all that it brought', () => {
  const meter = meterOf();
  const recent = new Recent(() => meter.totals());
  meter.know(['orders'], 30_000);
  meter.answered('orders', 'GET', 200, 1);
  recent.step();
  expect(recent.figures().classes).toMatchObject([{ class: 'orders', came: [1, 0] }]);
});
