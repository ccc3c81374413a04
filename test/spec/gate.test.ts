/** Standing in line for a slot, in virtual time: one class of 10/s with bursts of 1 unless a test says otherwise. */
import { describe, expect, test } from 'vitest';
import { createCosts } from '../../src/admission/rate/costs.ts';
import type { Grant } from '../../src/admission/rate/slots.ts';
import { Fleet, roomyLimits, slotsBy, WaitingDownstream } from '../support/fleet.ts';
import { Lines } from '../support/lines.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

const granting = (clock: VirtualClock, ms: number, grant: Grant): Promise<Grant> =>
  new Promise((resolve) => void clock.after(ms, () => resolve(grant)));

describe('A newcomer', () => {
  test('is sent at once where nobody waits, a slot is open and a permit is there', async () => {
    const lines = new Lines({ limits: { messages: { rate: 50, burst: 150 } } });
    const visits = await lines.arriveAll('abc');
    expect(lines.sent).toEqual(['a@0', 'b@1', 'c@2']);
    expect(visits.map(({ exchange }) => exchange.counters.heldMs)).toEqual([0, 0, 0]);
  });

  test('that finds none waits for its slot, first come first served', async () => {
    const lines = new Lines();
    const visits = await lines.arriveAll('abcde');
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a@0', 'b@100', 'c@200', 'd@300', 'e@400']);
    expect(visits.map(({ exchange }) => Math.round(exchange.counters.heldMs))).toEqual([0, 99, 198, 297, 396]);
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
    left.downstream.hangUp();
    lines.answer(left, 'unused');
    await lines.clock.advance(200);
    const before = lines.asked.length;
    expect(lines.admit.gates('messages').admit(left.exchange, left.downstream, { settle() {} })).toEqual({
      kind: 'gone',
    });
    expect(lines.asked).toHaveLength(before);
    expect(lines.admit.budget.inUse).toBe(0);
  });
});

describe('A request that waits behind many', () => {
  test('has its fields as they came when it is sent', async () => {
    const lines = new Lines();
    const cameWith = ['Host', 'weir', 'Priority', 'u=3', 'X-Empty', '', 'Accept', 'a/b', 'accept', 'c/d'];
    const visits = Array.from({ length: 120 }, (_, i) =>
      lines.arrive(`${i}`, { fields: [...cameWith, 'X-No', `${i}`] }),
    );
    const bare = lines.arrive('bare', { fields: [] });
    await lines.clock.run(20_000);
    visits.forEach(({ state, exchange }, i) => {
      expect([state, exchange.fields]).toEqual(['sent', [...cameWith, 'X-No', `${i}`]]);
    });
    expect([bare.state, bare.exchange.fields]).toEqual(['sent', []]);
  });
});

describe('A caller that hangs up', () => {
  test('leaves at once, and its slot goes to the next', async () => {
    const lines = new Lines();
    const [, b] = await lines.arriveAll('abc');
    await lines.clock.run(50);
    b?.downstream.hangUp();
    expect(lines.line().requests).toBe(1);
    await lines.clock.advance(1_000);
    expect(b?.ends).toEqual([{ kind: 'gone', at: 50 }]);
    expect(lines.sent).toEqual(['a@0', 'c@100']);
  });

  test('while the bucket is asked leaves its slot to the next, who need not ask', async () => {
    const fleet = new Fleet({ limits: roomyLimits({ rate: 10, burst: 10 }), replicas: 1, oneWayMs: () => 2 });
    const downstream = new WaitingDownstream();
    void fleet.arrive(0, 'a', downstream);
    fleet.clock.after(1, () => downstream.hangUp());
    await fleet.clock.run(8);
    void fleet.arrive(0, 'b');
    await fleet.clock.run(9);
    expect(fleet.sent).toMatchObject([{ caller: 'b', at: 8, waitedMs: 0 }]);
    expect(fleet.store.calls).toBe(1);
  });

  test('as the last one leaves no trace', async () => {
    const lines = new Lines();
    const visits = await lines.arriveAll('abc');
    for (const { downstream } of visits.slice(1)) downstream.hangUp();
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
    expect(a?.exchange.joinedAt).toBe(0);
    expect(a?.exchange.counters.heldMs).toBeCloseTo(50, 6);
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
    a.downstream.hangUp();
    lines.sendBack(a);
    await lines.clock.settle();
    expect(a.ends.map(({ kind }) => kind)).toEqual(['sent', 'gone']);
    expect(lines.line().requests).toBe(0);
  });
});

describe('A hold time', () => {
  test('that is over ends in a refusal, at that moment', async () => {
    const lines = new Lines({ permitsMax: 1, limits: { messages: { burst: 50, holdMaxMs: 2_500 } } });
    const [a, ...others] = await lines.arriveAll('abcd');
    await lines.clock.run(1_000);
    if (a !== undefined) lines.answer(a);
    await lines.clock.run(10_000);
    expect(lines.sent).toEqual(['a@0', 'b@1000']); // b is never answered.
    expect(others.flatMap(({ story }) => story)).toEqual(['sent@1000', 'holdTimeOver@2502', 'holdTimeOver@2503']);
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
    b?.downstream.hangUp();
    expect(lines.arrive('d').state).toBe('waiting');
  });

  test('leaves room for others: one caller may have its share of what they leave', async () => {
    const lines = new Lines({ limits: { messages: { lineMaxRequests: 100, callerShareMax: 0.9 } } });
    const comes = (user: string, times: number): number =>
      Array.from({ length: times }, () => lines.arrive(user, { user })).filter(({ state }) => state !== 'lineFull')
        .length;
    lines.arrive('first', { user: 'somebody' }); // It has the only slot.
    expect(comes('a', 200)).toBe(90);
    expect(comes('b', 200)).toBe(9);
    expect(comes('c', 200)).toBe(1);
    await lines.clock.advance(100 * 100);
    expect(lines.line().requests).toBe(0);
    // Of two that take all they may, each has nearly a half.
    let [a, b] = [0, 0];
    for (let i = 0; i < 100; i++) [a, b] = [a + comes('a', 1), b + comes('b', 1)];
    expect([a, b]).toEqual([47, 47]);
    expect(comes('light', 1)).toBe(1);
  });
});

describe('A wait in vain', () => {
  test.each<[string, rate: number, burst: number, holdMaxMs: number, served: number]>([
    //                          what the bucket gives in the hold time, less the grace of an idle one (`admission/rate/slots.ts`)
    ['messages by default', 50, 150, 30_000, 1_648],
    ['other classes', 20, 60, 30_000, 659],
    ['no bursts', 10, 1, 1_000, 10],
    ['a slot a second', 1, 1, 2_500, 3],
  ])('is refused at once, a wait that is not is served: %s', async (_, rate, burst, holdMaxMs, served) => {
    const lines = new Lines({ limits: { messages: { rate, burst, holdMaxMs } } });
    const visits = Array.from({ length: served + 50 }, (_, i) => lines.arrive(`${i}`));
    const accepted = visits.filter(({ state }) => state !== 'lineFull');
    expect(accepted).toHaveLength(served);
    expect(visits.slice(0, accepted.length)).toEqual(accepted);
    await lines.clock.advance(holdMaxMs);
    expect(lines.sent).toHaveLength(accepted.length);
  });

  test('says so, and when to come back', async () => {
    const lines = new Lines({ limits: { messages: { holdMaxMs: 5_000 } } });
    for (let i = 0; i < 50; i++) lines.arrive(`${i}`);
    expect(lines.arrive('in vain').admission).toMatchObject({
      name: 'lineFull',
      details: 'Its turn could not come within 5 s.',
      retryAfterMs: 5_000,
    });
  });

  test('is none any more when somebody in front hangs up', async () => {
    const lines = new Lines({ limits: { messages: { holdMaxMs: 1_000 } } });
    const visits = Array.from({ length: 10 }, (_, i) => lines.arrive(`${i}`));
    expect(lines.arrive('in vain').state).toBe('lineFull');
    visits[5]?.downstream.hangUp();
    expect(lines.arrive('next').state).toBe('waiting');
  });

  test('is a matter of whose turn it is: one that has little in line is served beside one that has much', async () => {
    const lines = new Lines({ limits: { messages: { holdMaxMs: 1_000 } } });
    for (let i = 0; i < 50; i++) lines.arrive(`heavy ${i}`, { user: 'heavy' });
    const light = ['l1', 'l2', 'l3'].map((label) => lines.arrive(label, { user: 'light' }));
    expect(light.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting']);
    await lines.clock.advance(1_000);
    expect(light.flatMap(({ story }) => story)).toEqual(['sent@200', 'sent@400', 'sent@600']);
  });

  test('is known of several heavy callers as well: each is told of the part that it has no turns for', async () => {
    const lines = new Lines({ limits: { messages: { holdMaxMs: 10_000 } } });
    const visits = Array.from({ length: 200 }, (_, i) => lines.arrive(`${i}`, { user: `heavy ${i % 4}` }));
    const waiting = visits.filter(({ state }) => state !== 'lineFull');
    await lines.clock.advance(10_000);
    expect(lines.sent).toHaveLength(100);
    // The last class of `admission/line/backlog.ts` is rounded down: a few wait in vain all the same.
    expect(waiting.length).toBeLessThanOrEqual(115);
  });

  test('is one for the time that the Coreapp has asked for', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const a = lines.arrive('a');
    await lines.clock.settle();
    lines.sendBack(a, 3_000);
    const [b, c] = [2, 4].map((wait) => lines.arrive(`${wait}`, { fields: ['Prefer', `wait=${wait}`] }));
    expect([b?.state, c?.state]).toEqual(['lineFull', 'waiting']);
    expect(b?.admission).toMatchObject({ retryAfterMs: 3_000 });
  });
});

describe('A caller that wants to wait less', () => {
  const holdMaxMs = 30_000;

  /** One that can only be served after 20 s of waiting for a permit. */
  async function waitingWith(...fields: string[]) {
    const lines = new Lines({ permitsMax: 1, limits: { messages: { burst: 50, holdMaxMs } } });
    lines.arrive('first');
    await lines.clock.settle();
    const visit = lines.arrive('asks', { fields });
    await lines.clock.advance(40_000);
    return { end: visit.ends.at(-1), seconds: visit.exchange.waitSeconds };
  }

  test.each<[string, fields: string[], overAt: number, honoured: number]>([
    //                                                    its time is over at, and the seconds that it is told of
    ['is told after its own time', ['Prefer', 'wait=5'], 5_000, 5],
    ['may name it among others', ['Prefer', 'respond-async, wait=7; x=1, handling=lenient'], 7_000, 7],
    ['may write it in any case, with blanks', ['prefer', 'WAIT = 8'], 8_000, 8],
    ['may name it in a second field', ['Prefer', 'respond-async', 'Prefer', 'wait=9'], 9_000, 9],
    ['is taken by its first word', ['Prefer', 'wait=4', 'Prefer', 'wait=9'], 4_000, 4],
    ['not by one within quotes', ['Prefer', 'x="a, wait=1", wait=6'], 6_000, 6],
    ['may ask for as long as all wait', ['Prefer', 'wait=30'], holdMaxMs, 30],
    ['with 0 waits as long as it takes to ask for a slot', ['Prefer', 'wait=0'], 100, 0],
    ['but not for longer: then the preference is not honoured', ['Prefer', 'wait=31'], holdMaxMs, -1],
    ['… however much longer', ['Prefer', 'wait=1000000000000000000000'], holdMaxMs, -1],
    ['is not heard with -1, which is no number of seconds', ['Prefer', 'wait=-1'], holdMaxMs, -1],
    ['is not heard with 1e9', ['Prefer', 'wait=1e9'], holdMaxMs, -1],
    ['is not heard with abc', ['Prefer', 'wait=abc'], holdMaxMs, -1],
    ['is not heard with 1.5', ['Prefer', 'wait=1.5'], holdMaxMs, -1],
    ['is not heard without a value', ['Prefer', 'wait'], holdMaxMs, -1],
    ['is not heard where the first word is none, whatever follows', ['Prefer', 'wait=abc, wait=5'], holdMaxMs, -1],
    ['is not heard in other words', ['Prefer', 'await=5'], holdMaxMs, -1],
    ['is not heard in nonsense', ['Prefer', ',;= "'], holdMaxMs, -1],
  ])('%s', async (_, fields, overAt, honoured) => {
    expect(await waitingWith(...fields)).toEqual({ end: { kind: 'holdTimeOver', at: overAt }, seconds: honoured });
  });

  test('is refused at once where its turn comes too late for it, and only it', async () => {
    const lines = new Lines({ limits: { messages: { rate: 1 } } });
    await lines.arriveAll('abcd');
    expect(lines.arrive('e', { fields: ['Prefer', 'wait=2'] }).state).toBe('lineFull');
    expect(lines.arrive('f', { fields: ['Prefer', 'wait=5'] }).state).toBe('waiting');
  });

  test('leaves at its own time, whatever those before and behind it have', async () => {
    const lines = new Lines({ permitsMax: 1, limits: { messages: { burst: 50 } } });
    const waits = [null, 9, 2, 5, null, 3];
    const visits = waits.map((wait, i) =>
      lines.arrive(`${i}`, { fields: wait === null ? [] : ['Prefer', `wait=${wait}`] }),
    );
    await lines.clock.advance(20_000);
    expect(visits.map(({ ends }) => ends.at(-1)?.at)).toEqual([0, 9_000, 2_000, 5_000, undefined, 3_000]);
  });

  test('keeps its time when the Coreapp sends it back', async () => {
    const lines = new Lines({ permitsMax: 2 });
    const a = lines.arrive('a', { fields: ['Prefer', 'wait=2'] });
    await lines.clock.run(1_500);
    lines.sendBack(a, 5_000);
    await lines.clock.run(10_000);
    expect(a.ends).toMatchObject([{ kind: 'sent' }, { kind: 'holdTimeOver', at: 2_000 }]);
  });
});

describe('How urgent a request is', () => {
  const bestUrgency = { users: 3, admins: 2, names: new Map([['otp', 0]]) };

  /** The order in which one by `by` with such a field goes beside three of `campaign`, who came before. */
  async function orderWith(user: string, ...fields: string[]): Promise<string> {
    const lines = new Lines({ bestUrgency });
    lines.arrive('first', { user: 'somebody' });
    for (const label of ['c', 'c', 'c']) lines.arrive(label, { user: 'campaign' });
    lines.arrive('X', { user, fields });
    await lines.clock.advance(1_000);
    return lines.sent
      .slice(1)
      .map((text) => text[0])
      .join('');
  }

  test.each<[string, user: string, priority: string[], order: string]>([
    ['says its Priority field', 'otp', ['Priority', 'u=0'], 'Xccc'],
    ['beside other members', 'otp', ['priority', 'i, u=0;x=1'], 'Xccc'],
    ['by the last of several', 'otp', ['Priority', 'u=7', 'Priority', 'u=0'], 'Xccc'],
    ['is 3 without one', 'otp', [], 'cXcc'],
    ['is 3 where it cannot be read', 'otp', ['Priority', 'u=0, ???'], 'cXcc'],
    ['is 3 where it is out of range', 'otp', ['Priority', 'u=-1'], 'cXcc'],
    ['is 3 where it is too large', 'otp', ['Priority', 'u=8'], 'cXcc'],
    ['is 3 where it is no integer', 'otp', ['Priority', 'u=0.0'], 'cXcc'],
    ['is 3 where it is text', 'otp', ['Priority', 'u="0"'], 'cXcc'],
    ['is 3 where it is a list', 'otp', ['Priority', 'u=(0)'], 'cXcc'],
    ['may be less than 3 for everybody', 'anna', ['Priority', 'u=7'], 'cccX'],
    ['is no better than its user may have', 'anna', ['Priority', 'u=0'], 'cXcc'],
  ])('%s', async (_, user, priority, order) => {
    expect(await orderWith(user, ...priority)).toBe(order);
  });
});

describe('A request that costs three slots', () => {
  const costOf = createCosts({ '/v1/messages': 3 });

  test('takes them as they open, and as many as that are gone', async () => {
    const lines = new Lines({ ...(costOf === null ? {} : { costOf }) });
    await lines.arriveAll('ab');
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a@200', 'b@500']);
  });

  test('takes them at once where they are open', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9 } }, ...(costOf === null ? {} : { costOf }) });
    await lines.arriveAll('ab');
    expect(lines.sent).toEqual(['a@0', 'b@1']);
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
    ['of more seconds than a number can tell is no longer', [Number.MAX_SAFE_INTEGER, 0], 5_020],
    ['that asks for less does not shorten the pause', [3_000, 1_000], 3_020],
    ['that asks for more prolongs it', [1_000, 4_000], 4_020],
    ['without Retry-After is no pause: the next slot is as good', [0, 0], 20],
  ])('%s', async (_, pausesMs, until) => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const visits = await lines.arriveAll('ab');
    await lines.clock.run(20);
    for (const [index, visit] of visits.entries()) lines.sendBack(visit, pausesMs[index]);
    await lines.clock.run(10_000);
    expect(lines.sent.slice(2)).toEqual([`a@${until}`, `b@${pausesMs[0] === 0 ? until : until + 100}`]);
  });

  test('throws away the slots that are left', async () => {
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
    const ends = visits.map((visit) => visit.ends.map(({ kind }) => kind).join());
    expect(ends).toEqual(['sent', 'stopping', 'stopping', 'sent', 'stopping']);
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
