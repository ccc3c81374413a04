/** Several limits for a request: those whose narrow limit is exhausted wait in lanes of their own. */
import { describe, expect, test } from 'vitest';
import { MemoryBuckets } from '../../src/adapters/memory/buckets.ts';
import type { Gates } from '../../src/admission/gates.ts';
import { type NarrowLimit, pausesMax } from '../../src/admission/lanes/lanes.ts';
import { deafMeter, gatesOn, messageFrom, narrowLimit, roomyLimits, WaitingDownstream } from '../support/fleet.ts';
import { Lines, type Visit } from '../support/lines.ts';
import { stood } from '../support/stood.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const byNumber = 'path:/v1/messages/{number}';
const pair = narrowLimit(byNumber, { rate: 1 });
const wide = { rate: 1_000, burst: 1_000, holdMaxMs: 60_000 };

function scene(also: readonly NarrowLimit[], limits = {}) {
  const lines = new Lines({ limits: { messages: { ...wide, ...limits, also } } });
  let n = 0;
  const to = (number: string, user = 'a') => lines.arrive(`${number}${++n}`, { path: `/v1/messages/${number}`, user });
  return { lines, to };
}

const done = (lines: Lines, ...visits: readonly Visit[]) => {
  for (const visit of visits) {
    lines.answer(visit);
    visit.exchange.serialLanes?.[Symbol.dispose]();
  }
};

describe('A request goes when each of its limits has something for it', () => {
  test('and one whose narrow limit is exhausted holds up nobody', async () => {
    const { lines, to } = scene([pair]);
    for (const number of ['x', 'x', 'y', 'x', 'z']) to(number);
    await lines.clock.run(5_000);
    expect(lines.sent).toEqual(['x1@0', 'y3@0', 'z5@0', 'x2@1000', 'x4@2000']);
    // Each was asked for when there was something to be had, but for the first that found nothing.
    expect(lines.tried).toHaveLength(6);
  });

  test('a burst of the narrow limit goes at once', async () => {
    const { lines, to } = scene([{ ...pair, burst: 3 }]);
    for (let i = 0; i < 5; i++) to('x');
    await lines.clock.run(5_000);
    expect(lines.sent.map((one) => one.split('@')[1])).toEqual(['0', '0', '20', '1020', '2020']);
  });

  test('a request without a value is not bound', async () => {
    const { lines } = scene([pair]);
    for (const label of ['a', 'b']) lines.arrive(label, { path: '/v1/messages' });
    await lines.clock.run(100);
    expect(lines.sent).toEqual(['a@0', 'b@0']);
    expect(lines.tried).toEqual([]);
  });

  test('of two narrow limits both bind, and a token that was of no use is given back', async () => {
    const user = narrowLimit('principal', { rate: 1, burst: 3 });
    const { lines, to } = scene([user, pair]);
    to('x');
    to('x');
    await lines.clock.advance(0);
    // The second found nothing for x, and gave back what it had of its user.
    to('y');
    await lines.clock.advance(0);
    expect(lines.sent).toEqual(['x1@0', 'y3@0']);
    await lines.clock.run(5_000);
    expect(lines.sent.slice(2).map((one) => one.split('@')[0])).toEqual(['x2']);
  });

  test('a slot that one could not use is used by the next', async () => {
    const { lines, to } = scene([pair], { rate: 10, burst: 1 });
    for (const number of ['x', 'x', 'y']) to(number);
    await lines.clock.run(5_000);
    expect(lines.sent).toEqual(['x1@0', 'y3@100', 'x2@1000']);
  });

  test('of several callers in one lane each has its turn', async () => {
    const { lines, to } = scene([pair]);
    for (let i = 0; i < 4; i++) to('x', 'flood');
    to('x', 'other');
    await lines.clock.run(10_000);
    expect(lines.sent.map((one) => one.split('@')[0])).toEqual(['x1', 'x2', 'x5', 'x3', 'x4']);
  });

  test('a lane that can’t open in time refuses at once, and says when', async () => {
    const { lines, to } = scene([{ ...pair, rate: 0.1 }], { holdMaxMs: 25_000 });
    const visits = ['x', 'x', 'x', 'x'].map((number) => to(number));
    await lines.clock.advance(0);
    expect(visits.map(({ state }) => state)).toEqual(['sent', 'waiting', 'waiting', 'lineFull']);
    expect(visits[3]?.admission).toMatchObject({
      details: 'Its lane could not open within 25 s.',
      retryAfterMs: 30_000,
    });
    await lines.clock.run(30_000);
    expect(lines.sent).toEqual(['x1@0', 'x2@10000', 'x3@20000']);
  });

  test.each<[string, NarrowLimit, refused: string, at: number]>([
    ['whose next token is hours away', { ...pair, rate: 0.0001 }, 'lineFull', 0],
    ['that one has and does not give back', { ...pair, rate: null, serial: true }, 'holdTimeOver', 10_000],
  ])(
    'a lane that never opens, %s, keeps nobody for longer than the hold time, and others not at all',
    async (_, limit, refused, at) => {
      const { lines, to } = scene([limit], { holdMaxMs: 10_000 });
      const visits = ['x', 'x', 'x', 'y'].map((number) => to(number));
      await lines.clock.advance(10_001);
      expect(lines.sent).toEqual(['x1@0', 'y4@0']);
      for (const { ends } of visits.slice(1, 3)) expect(ends).toEqual([{ kind: refused, at }]);
      const late = to('x');
      await lines.clock.run(60_000);
      expect(late.state).toBe(refused);
      done(lines, visits[0] as Visit, visits[3] as Visit);
      for (const { exchange } of [...visits, late]) exchange.serialLanes?.[Symbol.dispose]();
      expect([lines.admit.gates('messages').lanes?.size, lines.clock.pending]).toEqual([0, 0]);
    },
  );

  test('who finds out only at its turn that its lane opens too late is told then, and the slot is another’s', async () => {
    const { lines, to } = scene([{ ...pair, rate: 0.0001 }], { rate: 1, burst: 1, holdMaxMs: 10_000 });
    const visits = ['x', 'x', 'x', 'y'].map((number) => to(number));
    await lines.clock.advance(5_000);
    expect(lines.sent).toEqual(['x1@0', 'y4@1000']);
    for (const { ends, admission } of visits.slice(1, 3)) {
      expect(ends).toEqual([{ kind: 'lineFull', at: 1_000 }]);
      expect(admission).toMatchObject({ details: 'Its lane could not open within 10 s.', retryAfterMs: 9_999_000 });
    }
  });

  test('who leaves is gone from its lane, and the next takes its place', async () => {
    const { lines, to } = scene([pair]);
    const visits = ['x', 'x', 'x'].map((number) => to(number));
    await lines.clock.advance(500);
    visits[1]?.downstream.hangUp();
    await lines.clock.run(5_000);
    expect(lines.sent).toEqual(['x1@0', 'x3@1000']);
    expect(visits.map(({ state }) => state)).toEqual(['sent', 'gone', 'sent']);
  });

  test('its hold time bounds it there as well', async () => {
    const { lines, to } = scene([pair], { holdMaxMs: 10_000 });
    const [first, second] = [to('x'), to('x')];
    await lines.clock.advance(0);
    // Others take the tokens.
    const lane = lines.admit.gates('messages').lanes?.of(second.exchange)[0];
    if (lane !== undefined) lane.shutUntil = 20_000;
    await lines.clock.run(30_000);
    expect([first.state, second.ends]).toEqual(['sent', [{ kind: 'holdTimeOver', at: 10_000 }]]);
  });

  test('a stop refuses those in lanes, too', async () => {
    const { lines, to } = scene([pair]);
    const visits = ['x', 'x'].map((number) => to(number));
    await lines.clock.advance(0);
    done(lines, visits[0] as Visit);
    lines.admit.refuseAll('stopping');
    await lines.clock.advance(0);
    expect(visits.map(({ state }) => state)).toEqual(['sent', 'stopping']);
    await lines.clock.run(70_000);
    expect(lines.clock.pending).toBe(0);
  });

  test('pauses of lanes that others tell of are kept up to a number', async () => {
    const { lines } = scene([pair]);
    const hear = (i: number): void =>
      lines.admit.heard({ class: 'messages', bucket: `messages~1:n${i}`, bulk: false, ms: 5_000, answer: null });
    for (let i = 0; i < pausesMax + 500; i++) hear(i);
    const { lanes } = lines.admit.gates('messages');
    expect(lanes?.size).toBe(pausesMax);
    await lines.clock.run(10_000);
    expect(lanes?.size).toBe(0);
  });

  test('and so are those that this replica has met itself', async () => {
    const { lines, to } = scene([pair], { rate: 1_000_000, burst: 1_000_000, lineMaxRequests: 100_000 });
    const visits = Array.from({ length: pausesMax + 500 }, (_, i) => to(`n${i}`));
    await lines.clock.advance(0);
    for (const visit of visits) {
      if (visit.admission?.kind !== 'exchange') throw new Error('it was not sent');
      visit.admission.slots.signalled({ of: 1, pauseMs: 5_000, bulk: false, as: null }, visit.admission);
    }
    done(lines, ...visits);
    const { lanes } = lines.admit.gates('messages');
    expect(lanes?.size).toBe(pausesMax);
    await lines.clock.run(10_000);
    expect(lanes?.size).toBe(0);
  });

  test('a pause of a lane is in its bucket, for replicas that have not heard of it', async () => {
    const clock = new VirtualClock();
    const buckets = new MemoryBuckets(clock, deafMeter);
    const limits = { ...roomyLimits({ rate: 100, burst: 100 }), also: [{ ...pair, rate: 10, burst: 5 }] };
    const [one, other] = [gatesOn(buckets, clock, limits), gatesOn(buckets, clock, limits)];
    const send = (gates: Gates) =>
      stood((stander) => gates.admit(messageFrom('a', { path: '/v1/messages/x' }), new WaitingDownstream(), stander));
    const first = await send(one);
    if (first.kind !== 'exchange') throw new Error('it was not sent');
    first.slots.signalled({ of: 1, pauseMs: 20_000, bulk: false, as: null }, first);
    const sentAt = Promise.resolve(send(other)).then(() => clock.now());
    await clock.advance(60_000);
    expect(await sentAt).toBeGreaterThanOrEqual(20_000);
  });

  test.each([
    ['limits', pair],
    ['serial limits', { ...pair, serial: true }],
  ])('who is refused, leaves or waits in vain for the wide limit leaves no lane of %s behind', async (_, limit) => {
    const { lines, to } = scene([limit], { rate: 1, burst: 1, holdMaxMs: 5_000 });
    const visits = Array.from({ length: 60 }, (_, i) => to(`n${i}`));
    await lines.clock.advance(0);
    for (const visit of visits) if (visit.state === 'waiting' && visit.label.endsWith('3')) visit.downstream.hangUp();
    await lines.clock.run(20_000);
    const states = new Set(visits.map(({ state }) => state));
    expect([...states].toSorted()).toEqual(['gone', 'lineFull', 'sent']);
    for (const visit of visits) {
      if (visit.state === 'sent') done(lines, visit);
      else visit.exchange.serialLanes?.[Symbol.dispose]();
    }
    expect(lines.admit.gates('messages').lanes?.size).toBe(0);
  });

  test('its lanes are counted by narrow limit', async () => {
    const user = narrowLimit('principal', { rate: 10, burst: 10 });
    const { lines, to } = scene([user, pair]);
    for (const number of ['x', 'x', 'x', 'y', 'y', 'z']) to(number);
    await lines.clock.advance(0);
    expect(lines.admit.snapshot().lanes).toEqual([
      { class: 'messages', limit: 'also 1', live: 0, parked: 0, paused: 0 },
      { class: 'messages', limit: 'also 2', live: 2, parked: 3, paused: 0 },
    ]);
  });

  test('lanes that are idle are forgotten', async () => {
    const { lines, to } = scene([pair], { rate: 1_000_000, burst: 1_000_000, lineMaxRequests: 1_000_000 });
    const visits = Array.from({ length: 100_000 }, (_, i) => to(`n${i}`));
    await lines.clock.advance(0);
    expect(visits.every(({ state }) => state === 'sent')).toBe(true);
    expect(lines.admit.gates('messages').lanes?.size).toBe(0);
  });
});

describe('A serial lane', () => {
  const serial = narrowLimit(byNumber);

  test('and another one never wait for each other, whatever they wait for', async () => {
    const also = [serial, narrowLimit('header:X-Account')];
    const lines = new Lines({ limits: { messages: { ...wide, also } } });
    const send = (label: string, number: string, account: string) =>
      lines.arrive(label, { path: `/v1/messages/${number}`, fields: ['X-Account', account] });
    // The third waits for the account that the first has; the fourth for the number that the second has, and for that account.
    const visits = [
      send('a', 'x', '1'),
      send('b', 'y', '2'),
      send('c', 'y', '1'),
      send('d', 'x', '2'),
      send('e', 'y', '1'),
    ];
    for (const label of ['a', 'b', 'c', 'd', 'e']) {
      await lines.clock.advance(1);
      const visit = visits.find((one) => one.label === label) as Visit;
      expect(visit.state, label).toBe('sent');
      done(lines, visit);
    }
    expect(lines.admit.gates('messages').lanes?.size).toBe(0);
  });

  test('has one in flight, in the order of their coming, whoever they are of', async () => {
    const { lines, to } = scene([serial]);
    const visits = [to('x', 'a'), to('x', 'a'), to('x', 'b'), to('y', 'a')];
    await lines.clock.advance(10);
    expect(lines.sent).toEqual(['x1@0', 'y4@0']);
    for (const visit of visits.slice(0, 3)) {
      done(lines, visit);
      await lines.clock.advance(10);
    }
    expect(lines.sent).toEqual(['x1@0', 'y4@0', 'x2@10', 'x3@20']);
    done(lines, visits[3] as Visit);
    expect(lines.tried).toEqual([]);
    expect(lines.admit.gates('messages').lanes?.size).toBe(0);
  });

  test('keeps the place of one that is sent again', async () => {
    const { lines, to } = scene([serial]);
    const [first, second] = [to('x'), to('x')];
    await lines.clock.advance(10);
    lines.sendBack(first, 1_000);
    await lines.clock.advance(500);
    expect(second.state).toBe('waiting');
    await lines.clock.advance(600);
    expect(lines.sent).toEqual(['x1@0', 'x1@1010']);
    done(lines, first);
    await lines.clock.advance(10);
    expect(second.state).toBe('sent');
    done(lines, second);
  });

  test('is free when its request was refused or has left', async () => {
    const { lines, to } = scene([serial]);
    const [first, second, third] = [to('x'), to('x'), to('x')];
    await lines.clock.advance(10);
    second.downstream.hangUp();
    second.exchange.serialLanes?.[Symbol.dispose]();
    done(lines, first);
    await lines.clock.advance(10);
    expect([second.state, third.state]).toEqual(['gone', 'sent']);
    done(lines, third);
  });
});
