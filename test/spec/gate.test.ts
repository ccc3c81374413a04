/** Standing in line for a slot, in virtual time: one class of 10/s with bursts of 1 unless a test says otherwise. */
import { describe, expect, test } from 'vitest';
import { canBeServed } from '../../src/model/quota.ts';
import { refusalTable } from '../../src/model/refusals.ts';
import type { Grant } from '../../src/model/slots.ts';
import { Fleet, roomyLimits, slotsBy } from '../support/fleet.ts';
import { Lines } from '../support/lines.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

const granting = (clock: VirtualClock, ms: number, grant: Grant): Promise<Grant> =>
  new Promise((resolve) => void clock.after(ms, () => resolve(grant)));

describe('A newcomer', () => {
  test('is sent at once where nobody waits, a slot is open and a permit is there', async () => {
    const lines = new Lines({ limits: { messages: { rate: 50, burst: 150 } } });
    const visits = await lines.arriveAll('abc');
    expect(lines.sent).toEqual(['a@0', 'b@1', 'c@2']);
    expect(visits.map(({ exchange }) => exchange.account.heldMs)).toEqual([0, 0, 0]);
  });

  test('that finds none waits for its slot, first come first served', async () => {
    const lines = new Lines();
    const visits = await lines.arriveAll('abcde');
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a@0', 'b@100', 'c@200', 'd@300', 'e@400']);
    expect(visits.map(({ exchange }) => Math.round(exchange.account.heldMs))).toEqual([0, 99, 198, 297, 396]);
  });

  test('never overtakes: while somebody waits it stands behind', async () => {
    const lines = new Lines({ permitsMax: 1, limits: { messages: { burst: 50 } } });
    const [a] = await lines.arriveAll('abc');
    await lines.clock.advance(1_000); // Dozens of slots are open; what b and c wait for is the permit.
    const d = lines.arrive('d');
    expect(d.state).toBe('waiting');
    if (a !== undefined) lines.answer(a);
    await lines.clock.settle();
    expect(lines.sent.map((text) => text[0])).toEqual(['a', 'b']);
  });

  test('whose caller has gone already takes nothing', async () => {
    const lines = new Lines({ permitsMax: 1 });
    const left = lines.arrive('a');
    await lines.clock.settle();
    left.side.hangUp();
    lines.answer(left, 'unused');
    await lines.clock.advance(200);
    const before = lines.asked.length;
    expect(lines.admit.gates('messages').admit(left.exchange, left.side)).toEqual({ kind: 'gone' });
    expect(lines.asked).toHaveLength(before);
    expect(lines.admit.room.inUse).toBe(0);
  });
});

describe('A caller that hangs up', () => {
  test('leaves at once, and its slot goes to the next', async () => {
    const lines = new Lines();
    const [, b] = await lines.arriveAll('abc');
    await lines.clock.run(50);
    b?.side.hangUp();
    expect(lines.line().requests).toBe(1);
    await lines.clock.advance(1_000);
    expect(b?.ends).toEqual([{ kind: 'gone', at: 50 }]);
    expect(lines.sent).toEqual(['a@0', 'c@100']);
  });

  test('as the last one leaves no trace', async () => {
    const lines = new Lines();
    const visits = await lines.arriveAll('abc');
    for (const { side } of visits.slice(1)) side.hangUp();
    await lines.clock.advance(0);
    expect(visits.map(({ state }) => state)).toEqual(['sent', 'gone', 'gone']);
    expect(lines.line()).toMatchObject({ requests: 0, oldestMs: 0 });
  });
});

describe('A request that the Coreapp sent back', () => {
  test('goes in front of everybody younger, with its age kept', async () => {
    const lines = new Lines();
    const [a] = await lines.arriveAll('abc');
    await lines.clock.run(50);
    if (a !== undefined) lines.sendBack(a);
    await lines.clock.run(1_000);
    expect(lines.sent).toEqual(['a@0', 'a@100', 'b@200', 'c@300']);
    expect(a?.exchange.account.joinedAt).toBe(0);
    expect(a?.exchange.account.heldMs).toBeCloseTo(50, 6);
  });

  test('goes behind those who are older', async () => {
    const lines = new Lines();
    const [a, b] = await lines.arriveAll('abc');
    await lines.clock.run(150);
    if (b !== undefined) lines.sendBack(b);
    if (a !== undefined) lines.sendBack(a);
    await lines.clock.run(1_000);
    expect(lines.sent).toEqual(['a@0', 'b@100', 'a@200', 'b@300', 'c@400']);
  });

  test('gets in whatever the bounds', async () => {
    const lines = new Lines({ limits: { messages: { lineMaxRequests: 1 } } });
    const a = lines.arrive('a');
    await lines.clock.advance(1);
    lines.arrive('b');
    lines.sendBack(a);
    expect(lines.line()).toMatchObject({ requests: 2 });
    expect(lines.arrive('c').state).toBe('lineFull');
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a@0', 'a@100', 'b@200']);
  });

  test('is refused when its hold time is over already', async () => {
    const lines = new Lines({ limits: { messages: { holdMaxMs: 500 } } });
    const a = lines.arrive('a');
    await lines.clock.advance(500);
    lines.sendBack(a);
    await lines.clock.settle();
    expect(a.state).toBe('holdTimeOver');
    expect(lines.line().requests).toBe(0);
  });

  test('whose caller has gone meanwhile does not come back', async () => {
    const lines = new Lines();
    const a = lines.arrive('a');
    await lines.clock.advance(0);
    a.side.hangUp();
    lines.sendBack(a);
    await lines.clock.settle();
    expect(a.ends.map(({ kind }) => kind)).toEqual(['sent', 'gone']);
    expect(lines.line().requests).toBe(0);
  });
});

describe('A hold time', () => {
  test('that is over ends in a refusal, at that moment', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1, holdMaxMs: 2_500 } } });
    const visits = await lines.arriveAll('abcde');
    await lines.clock.advance(10_000);
    expect(lines.sent).toEqual(['a@0', 'b@1000', 'c@2000']);
    expect(visits.slice(3).map(({ ends }) => ends)).toEqual([
      [{ kind: 'holdTimeOver', at: 2_503 }],
      [{ kind: 'holdTimeOver', at: 2_504 }],
    ]);
  });

  test('counts from the first time in line', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1, holdMaxMs: 1_500 } } });
    const [a] = await lines.arriveAll('ab');
    await lines.clock.run(900);
    if (a !== undefined) lines.sendBack(a);
    await lines.clock.run(1_100);
    if (a !== undefined) lines.sendBack(a);
    await lines.clock.run(5_000);
    expect(lines.sent).toEqual(['a@0', 'a@1000']);
    expect(a?.ends.at(-1)).toEqual({ kind: 'holdTimeOver', at: 1_500 });
  });
});

describe('A refusal of the line', () => {
  test.each<[string, rate: number, waiting: number, retryAfterMs: number]>([
    //                          in line   when to come back
    ['the time that the backlog takes', 2, 9, 5_000],
    ['at a higher rate less', 5, 9, 2_000],
    ['never less than a second', 1_000, 3, 1_000],
  ])('says when to come back: %s', async (_, rate, waiting, retryAfterMs) => {
    const lines = new Lines({ limits: { messages: { rate, lineMaxRequests: waiting } } });
    for (let i = 0; i <= waiting; i++) lines.arrive(`${i}`);
    expect(lines.line().requests).toBe(waiting);
    const { admission } = lines.arrive('too many');
    expect(admission).toMatchObject({ kind: 'refusal', name: 'lineFull', retryAfterMs });
  });

  test.each(['lineFull', 'holdTimeOver'] as const)('%s is the documented overload answer', (name) => {
    expect(refusalTable[name]).toMatchObject({ status: 503, code: 1016, blame: 'weir' });
  });
});

describe('A line with bounds', () => {
  test('refuses at once whom it has no room for', async () => {
    const lines = new Lines({ limits: { messages: { lineMaxRequests: 3 } } });
    const visits = await lines.arriveAll('abcde');
    expect(visits.map(({ state }) => state)).toEqual(['sent', 'waiting', 'waiting', 'waiting', 'lineFull']);
  });

  test('has room again when somebody leaves', async () => {
    const lines = new Lines({ limits: { messages: { lineMaxRequests: 1 } } });
    const [, b] = await lines.arriveAll('ab');
    expect(lines.arrive('c').state).toBe('lineFull');
    b?.side.hangUp();
    expect(lines.arrive('d').state).toBe('waiting');
  });
});

describe('A wait in vain', () => {
  test.each<[rate: number, burst: number, holdMaxMs: number, servable: number]>([
    // the bucket gives burst + rate × holdMaxMs / 1000 in the hold time
    [50, 150, 30_000, 1_650],
    [20, 60, 30_000, 660],
    [2, 1, 1_000, 3],
    [1, 1, 100, 1], // 1.1
  ])('with %d/s, bursts of %d and %d ms is one behind more than so many: %d', (rate, burst, holdMaxMs, servable) => {
    const limits = roomyLimits({ rate, burst });
    const behind = [0, servable, servable + 1].map((ahead) => canBeServed(ahead, { ...limits, holdMaxMs }));
    expect(behind).toEqual([true, true, false]);
  });

  test('is refused at once, until somebody in front hangs up', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 1, holdMaxMs: 1_000 } } });
    const first = lines.arrive('first');
    await lines.clock.advance(0);
    const visits = Array.from({ length: 20 }, (_, i) => lines.arrive(`${i}`));
    // Behind 11 is one too many; when one of them hangs up, the next may come.
    expect(visits.map(({ state }) => state)).toEqual([...Array(12).fill('waiting'), ...Array(8).fill('lineFull')]);
    expect(visits.at(-1)?.admission).toMatchObject({ name: 'lineFull', retryAfterMs: 1_300 });
    visits[5]?.side.hangUp();
    expect(lines.arrive('next').state).toBe('waiting');
    expect(first.state).toBe('sent');
    await lines.clock.advance(1_000);
    expect(lines.line().requests).toBe(0);
    expect(lines.sent).toHaveLength(10); // The slot that opens with the end of the hold time comes too late.
  });
});

describe('A 429 of the Coreapp', () => {
  test('with Retry-After holds its bucket, and no other; the bucket is empty then, as the Coreapp’s own is', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const a = lines.arrive('a');
    await lines.clock.settle();
    lines.sendBack(a, 2_000);
    const asked = lines.asked.length;
    await lines.arriveAll('bc');
    await lines.arriveAll('o', 'contacts');
    await lines.clock.run(1_999);
    expect(lines.sent).toEqual(['a@0', 'o@2']);
    expect(lines.asked.slice(asked)).toEqual(['contacts']);
    await lines.clock.run(2_200);
    expect(lines.sent.slice(2)).toEqual(['a@2000', 'b@2100', 'c@2200']);
  });

  test.each<[string, pausesMs: [number, number], until: number]>([
    // for a and b, sent back at t = 20        a goes again at
    ['is taken at its word', [2_000, 0], 2_020],
    ['is taken at its word up to five seconds', [3_600_000, 0], 5_020],
    ['that asks for less does not shorten the pause', [3_000, 1_000], 3_020],
    ['that asks for more prolongs it', [1_000, 4_000], 4_020],
    ['without Retry-After is no pause: the next slot is as good', [0, 0], 20],
  ])('%s', async (_, pausesMs, until) => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const visits = await lines.arriveAll('ab');
    await lines.clock.run(20);
    visits.forEach((visit, index) => {
      lines.sendBack(visit, pausesMs[index]);
    });
    await lines.clock.run(10_000);
    expect(lines.sent.slice(2)).toEqual([`a@${until}`, `b@${pausesMs[0] === 0 ? until : until + 100}`]);
  });

  test('throws away the slots that are held', async () => {
    const tenSlots = { count: 10, opensInUs: 0, closesInUs: 10_000_000, intervalUs: 0 };
    const lines = new Lines({ buckets: (clock) => slotsBy(() => granting(clock, 20, tenSlots)) });
    const [a] = await lines.arriveAll('a');
    await lines.clock.run(30);
    expect([lines.sent, lines.held()]).toEqual([['a@20'], 9]);
    if (a !== undefined) lines.sendBack(a, 1_000);
    expect(lines.held()).toBe(0);
    await lines.clock.run(1_100);
    expect(lines.sent).toEqual(['a@20', 'a@1050']); // Asked for when the pause is over.
  });

  test('throws away the slots that are under way', async () => {
    const oneSlot = { count: 1, opensInUs: 0, closesInUs: 10_000_000, intervalUs: 0 };
    const lines = new Lines({ buckets: (clock) => slotsBy(() => granting(clock, 20, oneSlot)) });
    const [a] = await lines.arriveAll('ab');
    await lines.clock.run(30); // The slot for b was asked for at 20.
    if (a !== undefined) lines.sendBack(a, 1_000);
    await lines.clock.run(1_100);
    expect(lines.sent).toEqual(['a@20', 'a@1050', 'b@1070']);
  });

  test('for a burst of requests that were in flight together is one call to the store', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1_000, burst: 1_000 } } });
    const visits = await lines.arriveAll('x'.repeat(100));
    for (const visit of visits) {
      lines.sendBack(visit, 2_000);
      await lines.clock.advance(0.9);
    }
    expect(lines.pushed).toEqual(['messages+2000@100']);
    await lines.clock.run(2_189);
    expect(lines.sent).toHaveLength(100); // The last of them asked for so long.
    await lines.clock.run(2_500);
    expect(lines.sent).toHaveLength(200);
  });

  test('that asks for clearly more is another one', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const [a, b] = await lines.arriveAll('ab');
    if (a !== undefined) lines.sendBack(a, 1_000);
    if (b !== undefined) lines.sendBack(b, 3_000);
    expect(lines.pushed).toEqual(['messages+1000@2', 'messages+3000@2']);
  });
});

describe('A 503 of the Coreapp', () => {
  test('with Retry-After holds the class in this replica, and leaves the buckets alone', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const [a] = await lines.arriveAll('a');
    if (a !== undefined) lines.sendBack(a, 2_000, 'failed', 'overloaded');
    await lines.arriveAll('bc');
    await lines.clock.run(5_000);
    expect(lines.sent).toEqual(['a@0', 'a@2001', 'b@2001', 'c@2001']);
    expect(lines.pushed).toEqual([]);
  });
});

describe('A stop', () => {
  test('refuses all that wait, once each, and leaves the rest alone', async () => {
    const lines = new Lines();
    const visits = [...(await lines.arriveAll('abc')), ...(await lines.arriveAll('xy', 'contacts'))];
    await lines.clock.advance(0);
    lines.admit.refuseAll('stopping');
    await lines.clock.advance(10_000);
    expect(visits.map(({ ends }) => ends.map(({ kind }) => kind))).toEqual([
      ['sent'],
      ['stopping'],
      ['stopping'],
      ['sent'],
      ['stopping'],
    ]);
  });
});

describe('A store that is far away', () => {
  test.each<[rate: number, burst: number, oneWayMs: number]>([
    // the window is (burst − 1) / rate long: 77, 40, 0 and 9 ms
    [13, 2, 38.3],
    [50, 3, 15],
    [10, 1, 60],
    [1_000, 10, 6],
  ])('whose replies take most of a slot’s window serves all the same: %d/s, bursts of %d, %d ms', async (...row) => {
    const [rate, burst, oneWayMs] = row;
    const fleet = new Fleet({ limits: roomyLimits({ rate, burst }), replicas: 1, oneWayMs: () => oneWayMs });
    for (let i = 0; i < 20; i++) void fleet.arrive(0);
    await fleet.clock.advance(20_000 / rate + 2_000);
    expect(fleet.sent).toHaveLength(20);
  });
});

describe('The bucket', () => {
  test('is asked once at a time, whatever comes meanwhile', async () => {
    let open = 0;
    let most = 0;
    const lines = new Lines({
      buckets: (clock) =>
        slotsBy(async () => {
          most = Math.max(most, ++open);
          await new Promise<void>((resolve) => void clock.after(20, resolve));
          open -= 1;
          return { count: 1, opensInUs: 0, closesInUs: 50_000, intervalUs: 100_000 };
        }),
    });
    for (let i = 0; i < 20; i++) {
      lines.arrive(`${i}`);
      await lines.clock.advance(3);
    }
    await lines.clock.advance(10_000);
    expect(most).toBe(1);
    expect(lines.sent).toHaveLength(20);
  });

  test('that grants nothing is asked again soon, not at once and not in vain for ever', async () => {
    let calls = 0;
    const lines = new Lines({
      buckets: () =>
        slotsBy(() => {
          calls += 1;
          if (calls <= 5) return Promise.reject(new Error('away'));
          return Promise.resolve({ count: 1, opensInUs: 0, closesInUs: 50_000, intervalUs: 100_000 });
        }),
    });
    lines.arrive('a');
    await lines.clock.advance(1_000);
    expect(calls).toBe(6);
    expect(lines.sent).toEqual(['a@250']);
  });

  test('is asked for no more than a replica can use within the horizon', async () => {
    // 100/s come for two seconds; the burst serves them, and there is one more a second.
    const lines = new Lines({ limits: { messages: { rate: 1, burst: 400 } } });
    for (let i = 0; i < 200; i++) {
      lines.arrive(`${i}`);
      await lines.clock.advance(10);
    }
    expect(lines.sent).toHaveLength(200);
    expect(lines.held()).toBeLessThanOrEqual(20);
  });
});
