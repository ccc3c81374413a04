/** Permits where one caller's requests last: nobody has to wait for them. In virtual time. */
import { describe, expect, test } from 'vitest';
import { lastingMs } from '../../src/admission/concurrency/permit-shares.ts';
import { Lines, type LinesOptions, type Visit } from '../support/lines.ts';

const messages = { rate: 1_000, burst: 1_000, holdMaxMs: 30_000, callerShareMax: 0.9 };

interface Coreapp {
  /** How long each caller's requests take, milliseconds; all others take 10. */
  readonly takesMs: Readonly<Record<string, number>>;
  /** How many it takes at once; one more is refused. */
  readonly places?: number;
}

/** A line in front of a Coreapp. */
function open({ takesMs, places = Number.POSITIVE_INFINITY }: Coreapp, options: LinesOptions = {}) {
  let inFlight = 0;
  const refusals: number[] = [];
  const of = new Map<string, number>();
  const lines: Lines = new Lines({
    permitsInitial: 16,
    permitsMax: 256,
    limits: { messages },
    ...options,
    onSent(visit) {
      const refused = inFlight >= places;
      if (refused) refusals.push(lines.clock.now());
      count(visit, 1);
      lines.clock.after(refused ? 1 : (takesMs[visit.label] ?? 10), () => {
        count(visit, -1);
        if (refused) lines.sendBack(visit, 0, 'refused', 'overloaded');
        else lines.answer(visit);
      });
    },
  });
  const count = (visit: Visit, by: number): void => {
    inFlight += by;
    of.set(visit.label, (of.get(visit.label) ?? 0) + by);
  };
  /** `… of light` is a caller's other kind of requests. */
  const send = (label: string, requests: number): Visit[] =>
    Array.from({ length: requests }, () => lines.arrive(label, { user: label.split(' of ').at(-1) ?? label }));
  return {
    lines,
    refusals,
    send,
    inFlight: (caller: string): number => of.get(caller) ?? 0,
    /** How long a caller's requests wait that come so often, milliseconds. */
    waits: async (caller: string, everyMs: number, times: number): Promise<(number | string)[]> => {
      const visits: Visit[] = [];
      for (let i = 0; i < times; i++) {
        visits.push(...send(caller, 1));
        await lines.clock.advance(everyMs);
      }
      await lines.clock.advance(5_000);
      return visits.map(({ ends, state, exchange }) =>
        state === 'sent' ? (ends.at(-1)?.at ?? 0) - exchange.joinedAt : state,
      );
    },
    permits: () => lines.admit.snapshot().permits.find((one) => one.class === 'messages'),
  };
}

describe('Sixteen requests of one caller that take a minute each', () => {
  test('keep nobody waiting: not at the beginning, and not at all once they have lasted', async () => {
    const { lines, send, waits } = open({ takesMs: { hog: 60_000 } });
    send('hog', 100);
    await lines.clock.settle();
    expect(lines.sent).toHaveLength(16);
    const [first, ...later] = await waits('light', 50, 200);
    expect(first).toBeLessThanOrEqual(lastingMs);
    // Those that came within that time go as soon as one before them is answered.
    expect(later.slice(5).every((ms) => ms === 0)).toBe(true);
    expect(later.every((ms) => typeof ms === 'number' && ms <= lastingMs)).toBe(true);
  });

  test('keep none of many waiting, who come one after the other', async () => {
    const { send, waits } = open({ takesMs: { hog: 60_000 } });
    send('hog', 100);
    for (let i = 0; i < 20; i++)
      expect((await waits(`light ${i}`, 10, 3)).filter((ms) => Number(ms) > 300)).toEqual([]);
  });

  test('get no more while others find more: what grows is for all', async () => {
    const { lines, send, waits, inFlight, permits } = open({ takesMs: { hog: 60_000 } });
    send('hog', 100);
    await waits('light', 20, 1_000);
    const { limit = 0 } = permits() ?? {};
    expect(limit).toBeGreaterThan(16);
    expect(inFlight('hog')).toBeLessThanOrEqual(Math.ceil(0.9 * limit));
    expect(lines.line().requests).toBe(100 - inFlight('hog'));
  });

  test('of a few such callers do not either', async () => {
    const { send, waits } = open({ takesMs: { hog: 60_000, boar: 60_000, sow: 60_000 } });
    for (const caller of ['hog', 'boar', 'sow']) send(caller, 50);
    const told = await waits('light', 50, 200);
    // One turn of each other caller, until each has its part; from then on there is always a permit.
    expect(told.filter((ms) => typeof ms !== 'number' || ms > 3 * lastingMs)).toEqual([]);
    expect(told.slice(100).filter((ms) => ms !== 0)).toEqual([]);
  });

  test('keep none waiting that has a few such requests itself', async () => {
    const { send, waits, inFlight } = open({ takesMs: { hog: 60_000, 'long of light': 60_000 } });
    send('hog', 100);
    for (let i = 0; i < 3; i++) send('long of light', 1);
    const told = await waits('light', 50, 100);
    expect(told.filter((ms) => typeof ms !== 'number' || ms > 4 * lastingMs)).toEqual([]);
    expect(inFlight('long of light')).toBe(3);
  });

  test('at a Coreapp that takes no more cost a refusal now and then, and the first that ends is another caller’s', async () => {
    const { lines, send, refusals, permits, inFlight } = open({ takesMs: { hog: 4_000 }, places: 16 });
    send('hog', 100);
    await lines.clock.advance(10);
    const [light] = send('light', 1);
    await lines.clock.advance(3_900);
    expect(light?.state).toBe('waiting');
    // One after they have begun to last, and one 1 to 2 s later.
    expect(refusals.length).toBeGreaterThanOrEqual(1);
    expect(refusals.length).toBeLessThanOrEqual(3);
    expect(permits()).toMatchObject({ limit: 16, probing: false });
    await lines.clock.advance(3_000);
    expect(light?.state).toBe('sent');
    expect(inFlight('hog')).toBeLessThan(16);
  });
});

describe('A caller that is alone', () => {
  test.each([
    [1, 1],
    [2, 2],
    [8, 8],
    [9, 9],
  ])('with room for %i has it all', async (permitsMax, expected) => {
    const { lines, send } = open({ takesMs: { one: 60_000 } }, { permitsMax, permitsInitial: permitsMax });
    send('one', 100);
    await lines.clock.advance(10_000);
    expect(lines.admit.budget.inUse).toBe(expected);
  });

  test('leaves a tenth of what all classes together may have in flight', async () => {
    const { lines, send, inFlight } = open({ takesMs: { one: 60_000 } }, { permitsInitial: 256 });
    send('one', 1_000);
    await lines.clock.advance(10);
    expect(inFlight('one')).toBe(231);
    const other = lines.arrive('other', { name: 'contacts', user: 'other' });
    await lines.clock.settle();
    expect(other.state).toBe('sent');
  });

  test('gets more as its answers come, however long each takes', async () => {
    const { lines, send, inFlight } = open({ takesMs: { one: 3_000 } });
    send('one', 1_000);
    await lines.clock.advance(3_100);
    expect(inFlight('one')).toBeGreaterThanOrEqual(30);
    await lines.clock.advance(9_000);
    expect(inFlight('one')).toBeGreaterThanOrEqual(200);
  });

  test('with short requests has no share to keep to: all is as if there were none', async () => {
    const played = await Promise.all(
      [0.9, 1].map(async (callerShareMax) => {
        const limits = { messages: { ...messages, callerShareMax } };
        const { lines, send } = open({ takesMs: { one: 200 }, places: 16 }, { limits });
        for (let ms = 0; ms < 10_000; ms += 10) {
          if (lines.line().requests < 50) send('one', 20);
          await lines.clock.advance(10);
        }
        return lines.sent;
      }),
    );
    expect(played[0]).toEqual(played[1]);
  });
});

describe('A caller that has its share', () => {
  test('keeps its place in line: once it may, its oldest request is the next', async () => {
    const { lines, send } = open({ takesMs: { hog: 1_000 } }, { permitsMax: 16 });
    send('hog', 15);
    await lines.clock.advance(lastingMs);
    const oldest = lines.arrive('oldest', { user: 'hog' });
    lines.arrive('later', { user: 'hog' });
    const others = Array.from({ length: 5 }, (_, index) => lines.arrive(`other ${index}`, { user: 'other' }));
    await lines.clock.advance(100);
    expect([oldest.state, ...others.map(({ state }) => state)]).toEqual(['waiting', ...others.map(() => 'sent')]);
    await lines.clock.advance(1_000);
    const order = lines.sent.map((text) => text.split('@')[0]);
    expect(order.indexOf('oldest')).toBeLessThan(order.indexOf('later'));
    expect(lines.line().requests).toBe(0);
  });
});
