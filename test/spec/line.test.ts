/** The line: whose turn it is, what it counts, and what a newcomer is told of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Line } from '../../src/admission/line/line.ts';
import { Place } from '../../src/admission/line/queue.ts';
import { urgencies } from '../../src/admission/line/rounds.ts';

interface Coming {
  readonly caller: string;
  readonly urgency?: number;
  readonly cost?: number;
  readonly since?: number;
  readonly until?: number;
}

class Waiting extends Place<Waiting> {
  constructor({ caller, urgency = 3, cost = 1, since = 0, until = since + 30_000 }: Coming) {
    super(caller, urgency, cost, since, until);
  }

  get text(): string {
    return this.urgency === 3 ? this.caller : `${this.caller}${this.urgency}`;
  }
}

/** One for each word: the caller's letter, and its urgency where it is not 3. */
function lineOf(words: string) {
  const line = new Line<Waiting>();
  const places = words.split(' ').map((word, since) => {
    const place = new Waiting({ caller: word[0] as string, urgency: Number(word[1] ?? 3), since });
    line.join(place);
    return place;
  });
  return { line, places };
}

/** Gives slots until nobody waits, or as many as are said. Who was sent, in order. */
function serve(line: Line<Waiting>, slots = Number.POSITIVE_INFINITY): Waiting[] {
  const sent: Waiting[] = [];
  for (let used = 0; used < slots && line.requests > 0; used++) {
    const place = line.take();
    if (place !== null) sent.push(place);
  }
  return sent;
}

const textOf = (places: readonly Waiting[]): string => places.map(({ text }) => text).join(' ');
const tally = (places: readonly Waiting[]): Record<string, number> =>
  Object.fromEntries(
    Object.entries(Object.groupBy(places, ({ text }) => text)).map(([text, those = []]) => [text, those.length]),
  );

describe('A line serves', () => {
  test.each<[string, joined: string, served: string]>([
    ['one caller in the order of coming', 'a a a', 'a a a'],
    ['callers in turns', 'a a a b b c', 'a b c a b a'],
    ['whoever came while others waited after all of them, once', 'a a b b c', 'a b c a b'],
    ['the more urgent of one caller first', 'a a5 a2', 'a2 a a5'],
    ['but not only: the less urgent have their turns in between', 'a a1 a1 a1 a1 a1', 'a1 a1 a1 a1 a a1'],
    [
      'the more urgent of two callers sooner, and twice as often for each step',
      'a a a b2 b2 b2 b2',
      'b2 b2 a b2 b2 a a',
    ],
    ['one at 0 before a flood at 7 that was there first', 'a7 a7 a7 b0', 'b0 a7 a7 a7'],
    ['a caller less often once the more urgent of what it has is gone', 'a a6 a7 b b b', 'a b b b a6 a7'],
  ])('%s', (_, joined, served) => {
    expect(textOf(serve(lineOf(joined).line))).toBe(served);
  });

  test.each<[string, joined: string, turns: number, shares: Record<string, number>]>([
    //                                                            who has how many of the turns while all of them wait
    ['equal callers get equal shares', 'a b c d', 400, { a: 100, b: 100, c: 100, d: 100 }],
    ['each step of urgency doubles the share', 'a2 b c4 d5', 1_500, { a2: 800, b: 400, c4: 200, d5: 100 }],
    ['urgency 0 leaves a flood at 7 its part', 'a0 b7', 1_290, { a0: 1_280, b7: 10 }],
    ['one that sends at several urgencies gets no more than at its best one', 'a a4 a5 b', 1_400, { b: 700 }],
    ['one that marks some as less urgent gets no less', 'a a7 b', 1_000, { b: 500 }],
  ])('by weight: %s', (_, kinds, turns, shares) => {
    const { line } = lineOf(Array<string>(2_000).fill(kinds).join(' '));
    const counts = tally(serve(line, turns));
    for (const [text, share] of Object.entries(shares)) {
      expect.soft(Math.abs((counts[text] ?? 0) - share), text).toBeLessThanOrEqual(1 + share / 100);
    }
  });
});

describe('A request that was sent back', () => {
  test.each<[string, back: number[], order: number[]]>([
    //                                     by age, all of one caller and urgency; three more wait
    ['goes before all that wait', [2], [2, 3, 4, 5]],
    ['several in the order of their age', [0, 1, 2], [0, 1, 2, 3, 4, 5]],
    ['whichever came back first', [1, 2, 0], [0, 1, 2, 3, 4, 5]],
  ])('%s', (_, back, order) => {
    const { line, places } = lineOf('a a a a a a');
    serve(line, 3);
    for (const since of back) line.rejoin(new Waiting({ caller: 'a', since }));
    expect(places).toHaveLength(6);
    expect(serve(line).map(({ since }) => since)).toEqual(order);
  });

  test('takes no turn from another caller', () => {
    const { line } = lineOf('a a a b b b');
    const [first] = serve(line, 2);
    line.rejoin(new Waiting({ caller: 'a', since: first?.since ?? -1 }));
    expect(serve(line).map(({ text, since }) => `${text}@${since}`)).toEqual(['a@0', 'b@4', 'a@1', 'b@5', 'a@2']);
  });
});

describe('Whoever leaves', () => {
  test.each<[string, leaving: number, rest: string]>([
    ['at the head', 0, 'b@3 a@1 a@2'],
    ['in the middle', 1, 'a@0 b@3 a@2'],
    ['at the end', 2, 'a@0 b@3 a@1'],
    ['as the last of a caller', 3, 'a@0 a@1 a@2'],
  ])('%s, the others close up', (_, leaving, rest) => {
    const { line, places } = lineOf('a a a b');
    const leaver = places[leaving] as Waiting;
    line.leave(leaver);
    const order = serve(line).map(({ text, since }) => `${text}@${since}`);
    // Turns go round all the same: only the order within a caller, and that all are served, is told here.
    expect(order.toSorted()).toEqual(rest.split(' ').toSorted());
    expect(order.filter((text) => text.startsWith('a'))).toEqual(
      rest.split(' ').filter((text) => text.startsWith('a')),
    );
    expect(leaver).toMatchObject({ waiting: false, next: null, previous: null });
  });

  test('twice, or was never there, changes nothing', () => {
    const { line, places } = lineOf('a b');
    line.leave(places[0] as Waiting);
    line.leave(places[0] as Waiting);
    line.leave(new Waiting({ caller: 'b' }));
    expect(line).toMatchObject({ requests: 1, slots: 1, callers: 1 });
  });

  test('leaves nothing behind: neither turns saved nor turns owed', () => {
    const { line, places } = lineOf('a a a a a b b');
    expect(textOf(serve(line, 4))).toBe('a b a b');
    for (const place of places) line.leave(place);
    expect(line).toMatchObject({ requests: 0, slots: 0, callers: 0, anybody: null });
    for (const caller of ['b', 'a', 'b', 'a']) line.join(new Waiting({ caller }));
    expect(textOf(serve(line))).toBe('b a b a');
  });
});

describe('A request that costs more', () => {
  test('pays in as many turns, while the others have theirs', () => {
    const line = new Line<Waiting>();
    for (const cost of [3, 1]) line.join(new Waiting({ caller: 'a', cost }));
    for (let i = 0; i < 3; i++) line.join(new Waiting({ caller: 'b' }));
    expect(line.slots).toBe(7);
    const turns = Array.from({ length: 7 }, () => line.take()?.text ?? '-');
    expect(turns).toEqual(['-', 'b', '-', 'b', 'a', 'b', 'a']);
  });

  test('and hangs up leaves what it has paid', () => {
    const line = new Line<Waiting>();
    const dear = new Waiting({ caller: 'a', cost: 3 });
    line.join(dear);
    line.join(new Waiting({ caller: 'a', cost: 2 }));
    expect(line.take()).toBeNull();
    line.leave(dear);
    expect(line.slots).toBe(2);
    expect([line.take()?.text, line.take()?.text]).toEqual([undefined, 'a']);
  });
});

describe('Who has waited too long', () => {
  test('is found in the order of the deadlines, whatever the order of coming', () => {
    const line = new Line<Waiting>();
    const untils = [30_000, 5_000.5, 30_000, 100, 12_000];
    for (const [since, until] of untils.entries()) line.join(new Waiting({ caller: `${since}`, since, until }));
    const found: number[] = [];
    for (let now = 0; line.requests > 0; now = line.lookAt(now)) {
      for (let place = line.overdue(now); place !== null; place = line.overdue(now)) {
        expect(place.until - now).toBeLessThan(1);
        found.push(place.until);
        line.leave(place);
      }
    }
    expect(found).toEqual([100, 5_000.5, 12_000, 30_000, 30_000]);
    expect(line.lookAt(40_000)).toBe(Number.POSITIVE_INFINITY);
  });

  test('is found to the millisecond, nobody is forgotten, and nobody is found early', () => {
    const stays = fc.array(
      fc.record({ until: fc.double({ min: 0, max: 4_000, noNaN: true }), leavesAt: fc.option(fc.nat(4_000)) }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(stays, (many) => {
        const line = new Line<Waiting>();
        const places = many.map(({ until }) => new Waiting({ caller: 'a', until }));
        for (const place of places) line.join(place);
        let now = 0;
        for (let looks = 0; line.requests > 0 && looks < 10_000; looks++) {
          for (const [index, { leavesAt }] of many.entries()) {
            if (leavesAt !== null && leavesAt <= now) line.leave(places[index] as Waiting);
          }
          for (let place = line.overdue(now); place !== null; place = line.overdue(now)) {
            expect(Math.floor(place.until)).toBeLessThanOrEqual(now);
            line.leave(place);
          }
          for (const place of places) if (place.waiting) expect(Math.floor(place.until)).toBeGreaterThan(now);
          const next = line.lookAt(now);
          expect(next).toBeGreaterThan(now);
          now = Math.min(next, now + 250);
        }
        expect(line.requests).toBe(0);
      }),
    );
  });
});

describe('What is in front of a newcomer', () => {
  test.each<[string, inLine: string, newcomer: string, slots: number]>([
    //                                           the slots that are used until it is sent, its own included
    ['nobody', '', 'a', 1],
    ['all of its own', 'a a a a', 'a', 5],
    ['of others as much as it has itself', 'a a b b b b b b b b', 'a', 5],
    ['of others no more than they have', 'a a a a b c', 'a', 7],
    ['of each other one, where it has nothing', 'b b b b c c d', 'a', 4],
    ['of the less urgent nearly nothing', 'b7 b7 b7 b7 b7 b7', 'a0', 1],
    ['of the more urgent as much as they have', 'b0 b0 b0 b0', 'a', 5],
  ])('%s', (_, inLine, newcomer, slots) => {
    const { line } = inLine === '' ? { line: new Line<Waiting>() } : lineOf(inLine);
    const needed = line.slotsUntil(newcomer[0] as string, Number(newcomer[1] ?? 3), 1);
    expect(Math.floor(needed)).toBe(slots);
  });

  test.each<[string, urgency: fc.Arbitrary<number>]>([
    ['of one urgency, but for a turn of each other caller', fc.constant(3)],
    ['of any, but for a turn of each other caller and urgency', fc.nat(7)],
  ])('is never said to be more than it is, %s', (_, urgency) => {
    const caller = fc.constantFrom('a', 'b', 'c', 'd');
    const places = fc.array(fc.record({ caller, urgency, cost: fc.integer({ min: 1, max: 3 }) }), {
      maxLength: 80,
      size: 'max',
    });
    fc.assert(
      fc.property(places, fc.nat(40), urgency, (many, servedBefore, ofNewcomer) => {
        const line = new Line<Waiting>();
        const waiting = many.map((place) => new Waiting(place));
        for (const place of waiting) line.join(place);
        serve(line, servedBefore);
        const kinds = new Set(waiting.filter((place) => place.waiting && place.caller !== 'a').map(({ text }) => text));
        const said = line.slotsUntil('a', ofNewcomer, 1);
        const newcomer = new Waiting({ caller: 'a', urgency: ofNewcomer });
        line.join(newcomer);
        let used = 0;
        for (let sent: Waiting | null = null; sent !== newcomer; used++) sent = line.take();
        expect(said).toBeLessThanOrEqual(used + kinds.size);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('Whoever comes and goes', () => {
  const moves = fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('join' as const),
          caller: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
          urgency: fc.nat(7),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat() }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('back' as const), who: fc.nat() }) },
    ),
    { maxLength: 300, size: 'max' },
  );

  test('nobody is overtaken by a later one of the same caller and urgency, and all is counted', () => {
    fc.assert(
      fc.property(moves, (sequence) => {
        const line = new Line<Waiting>();
        const waiting = new Set<Waiting>();
        const inFlight: Waiting[] = [];
        let clock = 0;
        for (const move of sequence) {
          if (move.kind === 'join') {
            const place = new Waiting({ ...move, since: clock++ });
            line.join(place);
            waiting.add(place);
          } else if (move.kind === 'leave') {
            const place = [...waiting][move.who % Math.max(1, waiting.size)];
            if (place === undefined) continue;
            line.leave(place);
            waiting.delete(place);
          } else if (move.kind === 'back') {
            const [sent] = inFlight.splice(move.who % Math.max(1, inFlight.length), 1);
            if (sent === undefined) continue;
            const place = new Waiting(sent);
            place.owed = 1;
            line.rejoin(place);
            waiting.add(place);
          } else {
            const place = line.take();
            expect(place === null).toBe(waiting.size === 0);
            if (place === null) continue;
            waiting.delete(place);
            inFlight.push(place);
            for (const other of waiting) {
              const same = other.caller === place.caller && other.urgency === place.urgency;
              if (same) expect(other.since).toBeGreaterThan(place.since);
            }
          }
          expect(line).toMatchObject({
            requests: waiting.size,
            slots: waiting.size,
            callers: new Set([...waiting].map(({ caller }) => caller)).size,
            oldestSince: Math.min(...[...waiting].map(({ since }) => since)),
          });
        }
      }),
    );
  });

  test('nobody starves: a caller has its turn within W/w turns and one for each of the others', () => {
    fc.assert(
      fc.property(moves, (sequence) => {
        const line = new Line<Waiting>();
        const waiting = new Map<string, Waiting[]>();
        /** Since its last turn, or since it came: turns of others, and the most that W and the number of callers were. */
        const since = new Map<string, { turns: number; weights: number; callers: number; worst: number }>();
        const bestOf = (those: readonly Waiting[]): number => Math.min(...those.map(({ urgency }) => urgency));
        const watch = (): void => {
          const weights = [...waiting.values()].reduce((sum, those) => sum + 2 ** -bestOf(those), 0);
          for (const [caller, those] of waiting) {
            const seen = since.get(caller) ?? { turns: 0, weights: 0, callers: 0, worst: 0 };
            seen.weights = Math.max(seen.weights, weights);
            seen.callers = Math.max(seen.callers, waiting.size);
            seen.worst = Math.max(seen.worst, bestOf(those));
            since.set(caller, seen);
          }
        };
        for (const move of sequence) {
          if (move.kind === 'join') {
            const place = new Waiting(move);
            line.join(place);
            waiting.set(place.caller, [...(waiting.get(place.caller) ?? []), place]);
          } else if (move.kind === 'take') {
            const place = line.take();
            if (place === null) continue;
            for (const [caller, seen] of since) {
              seen.turns += 1;
              if (caller === place.caller || !waiting.has(caller)) continue;
              expect(seen.turns).toBeLessThanOrEqual(seen.weights * 2 ** seen.worst + seen.callers);
            }
            since.delete(place.caller);
            const rest = (waiting.get(place.caller) ?? []).filter((other) => other !== place);
            if (rest.length === 0) waiting.delete(place.caller);
            else waiting.set(place.caller, rest);
          }
          watch();
        }
      }),
    );
  });

  test('two callers of one urgency that both always wait have had the same number of turns, or one more', () => {
    const callers = fc.array(fc.nat(urgencies - 1), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(callers, fc.integer({ min: 1, max: 500 }), (urgencyOf, turns) => {
        const line = new Line<Waiting>();
        const comes = (index: number): void =>
          line.join(new Waiting({ caller: `${index}`, urgency: urgencyOf[index] as number }));
        for (const index of urgencyOf.keys()) for (let i = 0; i < 2; i++) comes(index);
        const had = urgencyOf.map(() => 0);
        for (let turn = 0; turn < turns; turn++) {
          const index = Number(line.take()?.caller);
          had[index] = (had[index] as number) + 1;
          comes(index);
        }
        for (const [one, urgency] of urgencyOf.entries()) {
          for (const [other, otherUrgency] of urgencyOf.entries()) {
            if (urgency === otherUrgency)
              expect(Math.abs((had[one] as number) - (had[other] as number))).toBeLessThanOrEqual(1);
          }
        }
      }),
    );
  });
});
