/** What a trace is told of a stay in line: from when to when, and what the request waited for. */
import { describe, expect, test } from 'vitest';
import { Recording, type Trace } from '../../src/exchange/trace.ts';
import { narrowLimit } from '../support/fleet.ts';
import { Lines } from '../support/lines.ts';

function traced(): { readonly trace: Trace; readonly told: () => unknown[] } {
  let spans = 0;
  const recording = new Recording(() => `span ${++spans}`, 1_000_000, 0);
  const trace = { traceId: 'a', flags: 1, parentId: null, said: null, spanId: 'own', state: '', recording };
  const told = () =>
    recording.holds.map(({ startedAt, endedAt, outcome, reasons }) => [
      `${startedAt} to ${endedAt}: ${outcome}`,
      ...reasons.map(({ reason, at }) => `${reason} at ${at}`),
    ]);
  return { trace, told };
}

describe('A stay in line', () => {
  test('of one that is sent at once is none', async () => {
    const lines = new Lines();
    const { trace, told } = traced();
    lines.arrive('a', { trace });
    await lines.clock.advance(100);
    expect([lines.sent, told()]).toEqual([['a@0'], []]);
  });

  test('waits for slots', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 1 } } });
    const { trace, told } = traced();
    lines.arrive('a');
    lines.arrive('b', { trace });
    await lines.clock.advance(1_000);
    expect(told()).toEqual([['0 to 100: sent', 'slots at 0']]);
  });

  test('waits for a permit, and those behind it for it', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1_000, burst: 1_000 } }, permitsMax: 1 });
    const [first, second] = [traced(), traced()];
    const sent = lines.arrive('a');
    lines.arrive('b', { trace: first.trace });
    await lines.clock.advance(50);
    const next = lines.visits[1];
    lines.answer(sent);
    await lines.clock.advance(50);
    expect(next?.state).toBe('sent');
    expect(first.told()).toEqual([['0 to 50: sent', 'permits at 0']]);
    lines.arrive('c', { trace: second.trace });
    lines.admit.refuseAll('stopping');
    await lines.clock.settle();
    expect(second.told()).toEqual([['100 to 100: refused', 'permits at 100']]);
  });

  test('rests before it goes again: each stay is told', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1_000, burst: 1_000, holdMaxMs: 60_000 } } });
    const { trace, told } = traced();
    const visit = lines.arrive('a', { trace });
    await lines.clock.advance(10);
    lines.sendBack(visit, 500);
    await lines.clock.advance(1_000);
    expect(told()).toEqual([['10 to 510: sent', 'pause at 10']]);
  });

  test('is parked in a lane, and then stands in line', async () => {
    const pair = narrowLimit('path:/v1/messages/{number}', { rate: 1 });
    const lines = new Lines({ limits: { messages: { rate: 1_000, burst: 1_000, holdMaxMs: 60_000, also: [pair] } } });
    const { trace, told } = traced();
    lines.arrive('a', { path: '/v1/messages/x' });
    lines.arrive('b', { path: '/v1/messages/x', trace });
    await lines.clock.run(3_000);
    expect(told()).toEqual([['0 to 1000: sent', 'lane at 0']]);
  });

  test('of one whose caller hangs up ends then', async () => {
    const lines = new Lines({ limits: { messages: { rate: 0.01, burst: 1 } } });
    const { trace, told } = traced();
    lines.arrive('a');
    const visit = lines.arrive('b', { trace });
    await lines.clock.advance(30);
    visit.downstream.hangUp();
    expect(told()).toEqual([['0 to 30: gone', 'slots at 0']]);
  });
});

test('what is kept of one request is bounded', () => {
  const { trace } = traced();
  const recording = trace.recording as Recording;
  for (let i = 0; i < 100; i++) {
    recording.holdBegan(i, 'line');
    for (const reason of ['slots', 'permits'] as const) for (let n = 0; n < 50; n++) recording.waits(i, reason);
    recording.holdEnded(i + 10, 'sent');
    recording.attemptBegan(i, 'http://a', '/');
  }
  expect([recording.holds.length, recording.attempts.length, recording.omitted]).toEqual([32, 32, 136]);
  recording.holdBegan(0, 'line');
});
