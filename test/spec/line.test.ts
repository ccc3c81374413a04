/** The line as a list: who is next, and what it counts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Line, Place } from '../../src/model/line.ts';

class Waiting extends Place<Waiting> {
  constructor(since: number) {
    super('user:a', since, since + 30_000);
  }
}

function inOrder(line: Line<Waiting>): number[] {
  const ages: number[] = [];
  for (let place = line.head; place !== null; place = place.next) ages.push(place.since);
  return ages;
}

function lineOf(...since: number[]) {
  const line = new Line<Waiting>();
  const places = since.map((age) => new Waiting(age));
  for (const place of places) line.join(place);
  return { line, places };
}

describe('A line', () => {
  test.each<[string, joined: number[], order: number[]]>([
    //                                             since when each waits   who is served first
    ['serves in the order of joining', [1, 2, 3], [1, 2, 3]],
    ['puts one that was sent back in front of everybody younger', [2, 3, 4, 1], [1, 2, 3, 4]],
    ['but behind everybody older', [1, 2, 4, 5, 3], [1, 2, 3, 4, 5]],
    ['puts several that were sent back in their own order', [4, 5, 2, 3, 1], [1, 2, 3, 4, 5]],
    ['has nobody', [], []],
  ])('%s', (_, joined, order) => {
    expect(inOrder(lineOf(...joined).line)).toEqual(order);
  });

  test('puts those of the same age behind one another', () => {
    const { line, places } = lineOf(1, 1, 1);
    expect([line.head, line.head?.next, line.head?.next?.next]).toEqual(places);
  });

  test.each<[string, leaving: number, rest: number[]]>([
    ['at the head', 0, [2, 3]],
    ['in the middle', 1, [1, 3]],
    ['at the end', 2, [1, 2]],
  ])('closes up behind one that leaves %s', (_, leaving, rest) => {
    const { line, places } = lineOf(1, 2, 3);
    const leaver = places[leaving] as Waiting;
    line.leave(leaver);
    expect(inOrder(line)).toEqual(rest);
    expect(leaver).toMatchObject({ waiting: false, next: null, previous: null });
  });

  test('does not mind one who leaves twice, or was never there', () => {
    const { line, places } = lineOf(1, 2);
    line.leave(places[0] as Waiting);
    line.leave(places[0] as Waiting);
    line.leave(new Waiting(7));
    expect(inOrder(line)).toEqual([2]);
    expect(line.requests).toBe(1);
  });

  test('takes one back who has left', () => {
    const { line, places } = lineOf(1, 2, 3);
    line.leave(places[0] as Waiting);
    line.join(places[0] as Waiting);
    expect(inOrder(line)).toEqual([1, 2, 3]);
  });

  test('keeps its order and its counts, whoever comes and goes', () => {
    const moves = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('join' as const), since: fc.nat(50) }),
        fc.record({ kind: fc.constant('leave' as const), who: fc.nat() }),
      ),
      { maxLength: 200, size: 'max' },
    );
    fc.assert(
      fc.property(moves, (sequence) => {
        const line = new Line<Waiting>();
        let model: Waiting[] = [];
        for (const move of sequence) {
          if (move.kind === 'join') {
            const place = new Waiting(move.since);
            line.join(place);
            model.push(place);
            model = model.toSorted((a, b) => a.since - b.since); // Stable: equals keep their order.
          } else if (model.length > 0) {
            const [place] = model.splice(move.who % model.length, 1);
            line.leave(place as Waiting);
          }
          expect(inOrder(line)).toEqual(model.map(({ since }) => since));
          expect(line.head).toBe(model[0] ?? null);
          expect(line.requests).toBe(model.length);
        }
      }),
    );
  });
});
