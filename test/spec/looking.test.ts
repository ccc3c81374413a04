/** What an operator sees of a line: who waits in which order, and why one request does. In virtual time. */
import { describe, expect, test } from 'vitest';
import { Lines, type Visit } from '../support/lines.ts';

/** One slot at once, then one each 100 ms. */
async function occupied(): Promise<Lines> {
  const lines = new Lines({ limits: { messages: { rate: 10, burst: 1 } } });
  lines.arrive('first', { user: 'z' });
  await lines.clock.settle();
  return lines;
}

/** Gives a request an `X-Request-Id` of its own. */
function named(visit: Visit | undefined, id: string): string {
  Object.assign(visit?.exchange ?? {}, { id });
  return id;
}

describe('Callers', () => {
  test('have places by their next turns, and a share of them', async () => {
    const lines = await occupied();
    for (const label of ['a1', 'a2', 'a3']) lines.arrive(label, { user: 'a' });
    lines.arrive('b1', { user: 'b' });
    lines.arrive('c1', { user: 'c', fields: ['Priority', 'u=4'] });
    await lines.clock.settle();
    expect(lines.admit.callers('messages', 10)).toEqual({
      callers: [
        {
          class: 'messages',
          place: 1,
          caller: 'user:a',
          requests: 3,
          share: 0.4,
          oldestMs: 0,
          turnInMs: 100,
          turnByMs: 100,
        },
        {
          class: 'messages',
          place: 2,
          caller: 'user:b',
          requests: 1,
          share: 0.4,
          oldestMs: 0,
          turnInMs: 200,
          turnByMs: 200,
        },
        {
          class: 'messages',
          place: 3,
          caller: 'user:c',
          requests: 1,
          share: 0.2,
          oldestMs: 0,
          turnInMs: 300,
          turnByMs: 300,
        },
      ],
      more: 0,
    });
    expect(lines.admit.callers('messages', 1)).toMatchObject({ callers: [{ caller: 'user:a' }], more: 2 });
  });

  test('of a class that is not there are none', async () => {
    expect((await occupied()).admit.callers('nothing', 10)).toBeNull();
  });
});

describe('A request that waits', () => {
  test('knows its place and when its turn comes, and is sent then', async () => {
    const lines = await occupied();
    for (const label of ['a1', 'a2', 'a3']) lines.arrive(label, { user: 'a' });
    const b1 = lines.arrive('b1', { user: 'b' });
    const a3 = named(lines.visits[3], 'a3');
    named(b1, 'b1');
    await lines.clock.settle();
    const told = lines.admit.wait(a3);
    expect(told).toMatchObject({
      class: 'messages',
      caller: 'user:a',
      waitsFor: 'rate',
      limit: 'limits.messages: 10 requests a second, 1 at once',
      place: 4,
      inFront: { own: 2, others: 1 },
      turnInMs: 400,
      waitedMs: 0,
      attempts: 0,
    });
    expect(lines.admit.wait('b1')).toMatchObject({ place: 2, inFront: { own: 0, others: 1 } });
    await lines.clock.advance(400);
    expect(lines.sent).toEqual(['first@0', 'a1@100', 'b1@200', 'a2@300', 'a3@400']);
    expect(lines.admit.wait(a3)).toBeNull();
  });

  test('waits for a permit where its slot is open', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 10 } }, permitsMax: 1 });
    lines.arrive('first');
    const second = lines.arrive('second');
    await lines.clock.settle();
    expect(lines.admit.wait(second.exchange.id)).toMatchObject({
      waitsFor: 'permit',
      limit: 'coreapp.permitsMax: 1 in flight, 1 may be just now',
      turnInMs: null,
    });
  });

  test('waits for the end of a pause that the upstream has asked for', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 10 } } });
    const first = lines.arrive('first');
    await lines.clock.settle();
    lines.sendBack(first, 2_000);
    const second = lines.arrive('second', { user: 'b' });
    await lines.clock.settle();
    expect(lines.admit.wait(second.exchange.id)).toMatchObject({ waitsFor: 'pause', turnInMs: 2_000 });
  });
});
