/** Limits that change while requests wait: places, ages and promises stay. Virtual time. */
import { describe, expect, it } from 'vitest';
import type { AdmitSettings } from '../../src/admission/admit.ts';
import type { NarrowLimit } from '../../src/admission/lanes/lanes.ts';
import type { ClassLimits } from '../../src/admission/limits.ts';
import { readScope, type Scope } from '../../src/admission/rate/scope.ts';
import { narrowLimit, plainOrder, roomyLimits } from '../support/fleet.ts';
import { Lines, type Visit } from '../support/lines.ts';

const usual = { rate: 1, burst: 1 };
const bySender = readScope('principal') as Scope;

function settings(limits: Readonly<Record<string, Partial<ClassLimits>>>, more: Partial<AdmitSettings> = {}) {
  const classes = Object.entries(limits).map(([name, one]) => [name, { ...roomyLimits(usual), ...one }] as const);
  const unbounded = { min: 1, initial: 1_000_000, max: 1_000_000 };
  return { ...plainOrder, limits: Object.fromEntries(classes), concurrency: unbounded, ...more };
}

/** Six requests, one second apart by the limit; the first one has gone. */
async function waiting(limits: Partial<ClassLimits> = {}): Promise<Lines> {
  const lines = new Lines({ limits: { messages: { ...usual, ...limits } } });
  await lines.arriveAll('abcdef');
  await lines.clock.advance(94);
  return lines;
}

/** Of those that were sent, the labels, each of one letter. */
const order = ({ sent }: Lines): string => sent.map((one) => one[0]).join('');

const states = ({ visits }: Lines): string[] => visits.map(({ label, state }) => `${label} ${state}`);

describe('those who wait', () => {
  it('go sooner by a higher rate, in their order', async () => {
    const lines = await waiting();
    lines.admit.configure(settings({ messages: { rate: 10 } }));
    await lines.clock.advance(2_000);
    expect(order(lines)).toBe('abcdef');
    // Of the one that was spent nine tenths had not flowed back after 0.1 s: that takes 90 ms now.
    expect(lines.sent.slice(1).map((one) => Number(one.slice(2)))).toEqual([190, 290, 390, 490, 590].map(near));
  });

  it('go at once by a larger burst', async () => {
    const lines = await waiting();
    lines.admit.configure(settings({ messages: { burst: 4 } }));
    await lines.clock.advance(30);
    expect(order(lines)).toBe('abcd');
  });

  it('go later by a lower rate', async () => {
    const lines = await waiting();
    lines.admit.configure(settings({ messages: { rate: 0.1 } }));
    await lines.clock.advance(8_950);
    expect(order(lines)).toBe('a');
    await lines.clock.advance(100);
    expect(order(lines)).toBe('ab');
  });

  it('have the slots by the new limit that had been asked for by the old one', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 1 } } });
    await lines.arriveAll('abcdefgh');
    const held = lines.held();
    expect(held).toBeGreaterThan(0);
    lines.admit.configure(settings({ messages: { rate: 10 } }));
    expect(lines.held()).toBe(held);
    await lines.clock.advance(500);
    expect(order(lines)).toBe('abcdef');
    await lines.clock.advance(2_000);
    expect(order(lines)).toBe('abcdefgh');
  });

  it('stay where fewer may wait than do; newcomers are refused', async () => {
    const lines = await waiting();
    lines.admit.configure(settings({ messages: { lineMaxRequests: 2 } }));
    expect(await lines.told('g')).toBe('lineFull');
    await lines.clock.advance(10_000);
    expect(states(lines)).toEqual(['a sent', 'b sent', 'c sent', 'd sent', 'e sent', 'f sent', 'g lineFull']);
  });

  it('keep the time that they were promised; newcomers get what is promised now', async () => {
    const lines = await waiting({ holdMaxMs: 10_000 });
    lines.admit.configure(settings({ messages: { holdMaxMs: 300 } }));
    expect(await lines.told('g')).toBe('lineFull');
    await lines.clock.advance(6_000);
    expect(states(lines).filter((state) => state.endsWith('sent'))).toHaveLength(6);
  });

  it('keep it also where the Coreapp sends them back', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 10, holdMaxMs: 10_000 } } });
    const visit = lines.arrive('a');
    await lines.clock.settle();
    lines.admit.configure(settings({ messages: { rate: 10, burst: 10, holdMaxMs: 300 } }));
    await lines.clock.advance(1_000);
    lines.sendBack(visit);
    await lines.clock.advance(1_000);
    expect(visit.state).toBe('sent');
  });

  it('are held no longer than before where their class is held no more', async () => {
    const lines = await waiting({ holdMaxMs: 10_000 });
    lines.admit.configure(settings({ messages: { hold: false, holdMaxMs: 10_000 } }));
    expect(await lines.told('g')).toBe('lineFull');
    await lines.clock.advance(6_000);
    expect(states(lines).filter((state) => state.endsWith('sent'))).toHaveLength(6);
  });

  it('keep their age and their order where requests share other buckets', async () => {
    const lines = new Lines({ limits: { messages: { ...usual } } });
    for (const [i, label] of [...'abcdef'].entries()) {
      lines.arrive(label, { user: String(i % 2) });
      await lines.clock.advance(1);
    }
    lines.admit.configure(settings({ messages: { scope: bySender } }));
    expect([lines.live(), lines.line().requests]).toEqual([2, 5]);
    await lines.clock.advance(3_500);
    // Each user has a bucket, which began empty: nobody knows who spent what of the one that there was.
    expect(order(lines).slice(0, 5)).toMatch(/^a(bc|cb)(de|ed)$/);
    lines.admit.configure(settings({ messages: {} }));
    expect(lines.live()).toBe(1);
    await lines.clock.advance(5_000);
    expect(states(lines).every((state) => state.endsWith('sent'))).toBe(true);
  });

  it('who hang up after they have moved are gone, and counted once', async () => {
    const lines = await waiting();
    lines.admit.configure(settings({ messages: { scope: bySender } }));
    lines.visits[3]?.downstream.hangUp();
    await lines.clock.settle();
    expect([lines.visits[3]?.state, lines.line().requests]).toEqual(['gone', 4]);
    await lines.clock.advance(10_000);
    expect(lines.line().requests).toBe(0);
  });

  it('rest on where they rest, and stand in the new line after that', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 10 } } });
    const visit = lines.arrive('a');
    await lines.clock.settle();
    lines.sendBack(visit, 2_000, 'failed', 'overloaded');
    await lines.clock.advance(100);
    lines.admit.configure(settings({ messages: { rate: 100, burst: 10, scope: bySender } }));
    await lines.clock.advance(1_800);
    expect(visit.state).toBe('waiting');
    await lines.clock.advance(200);
    expect(visit.state).toBe('sent');
  });

  it('are all refused by a stop that comes after a reload', async () => {
    const lines = await waiting();
    lines.admit.configure(settings({ messages: { scope: bySender } }));
    lines.admit.refuseAll('stopping');
    await lines.clock.settle();
    expect(lines.visits.slice(1).every(({ state }) => state === 'stopping')).toBe(true);
  });
});

describe('a class', () => {
  it('that is gone serves those who wait in it by its last limits, and is then forgotten', async () => {
    const lines = await waiting();
    const messages = lines.admit.gates('messages');
    lines.admit.configure(settings({ default: { rate: 100, burst: 1 } }));
    expect(lines.admit.gates('messages')).toBe(messages);
    expect(lines.admit.snapshot().lines.map((one) => [one.class, one.requests])).toEqual([
      ['default', 0],
      ['messages', 5],
    ]);
    await lines.clock.advance(6_000);
    expect(order(lines)).toBe('abcdef');
    for (const visit of lines.visits) lines.answer(visit);
    expect(lines.admit.snapshot().lines.map((one) => one.class)).toEqual(['default']);
    // One that was on its way to it belongs to no other.
    expect(lines.admit.gates('messages')).toBe(lines.admit.gates('default'));
  });

  it('that comes back has the line that it had', async () => {
    const lines = await waiting();
    const messages = lines.admit.gates('messages');
    lines.admit.configure(settings({ default: {} }));
    lines.admit.configure(settings({ default: {}, messages: { rate: 10 } }));
    expect(lines.admit.gates('messages')).toBe(messages);
    await lines.clock.advance(1_000);
    expect(order(lines)).toBe('abcdef');
  });

  it('that is new is there at once', async () => {
    const lines = await waiting();
    lines.admit.configure(settings({ default: {}, messages: {}, orders: { rate: 5 } }));
    expect(await lines.told('x', { name: 'orders' })).toBe('sent');
  });
});

describe('permits', () => {
  it('become more, which those who wait for them notice; and fewer', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 100 } }, permitsMax: 2 });
    await lines.arriveAll('abcd');
    expect(states(lines)).toEqual(['a sent', 'b sent', 'c waiting', 'd waiting']);
    const plenty = { messages: { rate: 100, burst: 100 } };
    const bounds = (max: number) => ({ concurrency: { min: max, initial: max, max } });
    lines.admit.configure(settings(plenty, bounds(3)));
    await lines.clock.settle();
    expect(states(lines)).toEqual(['a sent', 'b sent', 'c sent', 'd waiting']);
    lines.admit.configure(settings(plenty, bounds(1)));
    for (const visit of lines.visits.slice(0, 2)) lines.answer(visit);
    await lines.clock.settle();
    expect(lines.visits[3]?.state).toBe('waiting');
    lines.answer(lines.visits[2] as (typeof lines.visits)[number]);
    await lines.clock.settle();
    expect([lines.visits[3]?.state, lines.admit.budget.inUse]).toEqual(['sent', 1]);
  });

  it('that were taken of a class that was held are given back where they were taken', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 100 } }, permitsMax: 2 });
    await lines.arriveAll('ab');
    const bounds = { concurrency: { min: 1, initial: 2, max: 2 } };
    lines.admit.configure(settings({ messages: { rate: 100, burst: 100, hold: false } }, bounds));
    await lines.arriveAll('cd');
    expect(states(lines).every((state) => state.endsWith('sent'))).toBe(true);
    lines.admit.configure(settings({ messages: { rate: 100, burst: 100 } }, bounds));
    for (const visit of lines.visits) lines.answer(visit);
    expect(lines.admit.budget.inUse).toBe(0);
  });
});

describe('narrow limits', () => {
  const wide = { rate: 1_000, burst: 1_000 };
  const alsoBy = (limit: Partial<NarrowLimit>): Partial<ClassLimits> => ({
    ...wide,
    also: [narrowLimit('principal', { rate: 1, ...limit })],
  });
  /** Six of one caller, of which the first has gone; the others are in its lane. */
  async function inLane(limits: Partial<ClassLimits> = alsoBy({})): Promise<Lines> {
    const lines = new Lines({ limits: { messages: limits } });
    for (let i = 1; i <= 6; i++) lines.arrive(String(i), { user: 'anna' });
    await lines.clock.advance(100);
    expect(order(lines)).toBe('1');
    return lines;
  }
  const sentIn = async (lines: Lines, ms: number): Promise<string> => {
    await lines.clock.advance(ms);
    return order(lines);
  };

  /** Its exchange is over. */
  const over = ({ exchange }: Visit): void => exchange.serialLanes?.[Symbol.dispose]();

  it.each([
    [
      'become higher: those in their lanes go by them, from what was spent',
      { rate: 10 },
      { 80: '1', 100: '12', 500: '123456' },
    ],
    ['become lower: what was spent flows back at the lower rate', { rate: 0.1 }, { 8900: '1', 9100: '12' }],
    ['get a larger burst, which is there at once', { burst: 4 }, { 30: '1234' }],
  ])('%s', async (_, limit, sentAfter) => {
    const lines = await inLane();
    lines.admit.configure(settings({ messages: alsoBy(limit) }));
    const since = lines.clock.now();
    for (const [ms, sent] of Object.entries(sentAfter)) {
      await lines.clock.run(since + Number(ms));
      expect(order(lines), `after ${ms} ms`).toBe(sent);
    }
  });

  it('that are gone bind nobody any more', async () => {
    const lines = await inLane();
    lines.admit.configure(settings({ messages: wide }));
    expect(await sentIn(lines, 30)).toBe('123456');
    expect(lines.admit.gates('messages').lanes).toBe(null);
  });

  it('that are new bind also those that stand in line', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1, burst: 1 } } });
    for (let i = 1; i <= 6; i++) lines.arrive(String(i), { user: 'anna' });
    lines.admit.configure(settings({ messages: alsoBy({ rate: 2 }) }));
    expect(await sentIn(lines, 1_400)).toBe('1234');
    expect(await sentIn(lines, 1_500)).toBe('123456');
  });

  it('that become serial have one in flight, also where it was sent before and comes back', async () => {
    const lines = await inLane();
    lines.admit.configure(settings({ messages: alsoBy({ rate: 1_000, burst: 1, serial: true }) }));
    expect(await sentIn(lines, 100)).toBe('12');
    const [first, second] = lines.visits as [Visit, Visit];
    lines.sendBack(first);
    expect(await sentIn(lines, 100)).toBe('12');
    over(second);
    // Those that were in line when it became serial have entered before the one that came back.
    expect(await sentIn(lines, 100)).toBe('123');
  });

  it('that stay serial know who is in flight', async () => {
    const lines = await inLane(alsoBy({ rate: null, serial: true }));
    const more = narrowLimit('fleet', { rate: 100, burst: 100 });
    const { also = [] } = alsoBy({ rate: null, serial: true });
    lines.admit.configure(settings({ messages: { ...wide, also: [...also, more] } }));
    expect(await sentIn(lines, 1_000)).toBe('1');
    over(lines.visits[0] as Visit);
    expect(await sentIn(lines, 100)).toBe('12');
  });
});

describe('what a request costs, and who goes first', () => {
  it('is by the new configuration for newcomers', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1, burst: 4 } } });
    lines.admit.configure(settings({ messages: { rate: 1, burst: 4 } }, { costOf: () => 4 }));
    lines.arrive('a');
    await lines.clock.advance(100);
    expect(lines.visits[0]?.state).toBe('sent');
    lines.arrive('b');
    await lines.clock.advance(3_800);
    expect(lines.visits[1]?.state).toBe('waiting');
    await lines.clock.advance(200);
    expect(lines.visits[1]?.state).toBe('sent');
  });
});

const near = (ms: number) => expect.closeTo(ms, -1);
