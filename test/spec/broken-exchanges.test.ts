/** A request that breaks the upstream: how often it goes again, after which pauses, and what that costs others. */
import { afterAll, describe, expect, it, test } from 'vitest';
import { restBeforeReplay } from '../../src/admission/pausing.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { Lines } from '../support/lines.ts';
import { until } from '../support/until.ts';
import { breakOff, sayNothing, startUpstream } from '../support/upstream.ts';

describe('Before a request goes again after a broken exchange it rests', () => {
  test.each([
    [1, 50, 100],
    [2, 250, 500],
    [3, 1_250, 2_500],
    [4, 5_000, 10_000],
    [10, 5_000, 10_000],
  ])('%i: for %i to %i ms, by chance', (repeat, shortestMs, longestMs) => {
    expect(restBeforeReplay(repeat, 0)).toBe(shortestMs);
    expect(restBeforeReplay(repeat, 1)).toBe(longestMs);
  });
});

describe('A request that rests', () => {
  const broken = 'broken';

  test('holds up nobody, uses no slot meanwhile, and comes back with its age', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 1 } } });
    const [a] = await lines.arriveAll('ab');
    if (a === undefined) throw new Error('nobody came');
    await lines.clock.run(20);
    lines.sendBack(a, 0, 'failed', broken); // Until 20 + 75.
    expect(lines.line().requests).toBe(1);
    for (const label of 'cdefgh') lines.arrive(label);
    await lines.clock.run(1_000);
    expect(lines.sent).toEqual([
      ...['a@0', 'b@10', 'c@20', 'd@30', 'e@40', 'f@50', 'g@60', 'h@70'],
      'a@95', // No slot was kept for it, and none was taken ahead.
    ]);
    expect(a.exchange.counters.heldMs).toBeCloseTo(75, 0);
  });

  test('goes before the younger of its caller', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 1 } } });
    const [a] = await lines.arriveAll('abc');
    if (a === undefined) throw new Error('nobody came');
    await lines.clock.run(50);
    lines.sendBack(a, 0, 'failed', broken); // Until 125.
    await lines.clock.run(1_000);
    expect(lines.sent).toEqual(['a@0', 'b@100', 'a@200', 'c@300']);
  });

  test('leaves at once when its caller hangs up', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const a = lines.arrive('a');
    await lines.clock.advance(0);
    lines.sendBack(a, 0, 'failed', broken);
    a.downstream.hangUp();
    await lines.clock.advance(0);
    expect([a.state, lines.line().requests]).toEqual(['gone', 0]);
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a@0']);
  });

  test('is refused when Weir stops', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9 } } });
    const a = lines.arrive('a');
    await lines.clock.advance(0);
    lines.sendBack(a, 0, 'failed', broken);
    lines.admit.refuseAll('stopping');
    await lines.clock.advance(0);
    expect([a.state, lines.line().requests]).toEqual(['stopping', 0]);
  });

  test('does not wait for a rest that is longer than its hold time', async () => {
    const lines = new Lines({ limits: { messages: { burst: 9, holdMaxMs: 300 } } });
    const a = lines.arrive('a');
    await lines.clock.advance(0);
    lines.sendBack(a, 0, 'failed', broken); // Until 75.
    await lines.clock.run(100);
    lines.sendBack(a, 0, 'failed', broken); // Until 475.
    await lines.clock.advance(0);
    expect(a.story).toEqual(['sent@0', 'sent@75', 'holdTimeOver@100']);
  });

  test('keeps its bucket of a scope from being forgotten', async () => {
    const scope = { by: 'header', name: 'x-number' } as const;
    const lines = new Lines({ limits: { messages: { rate: 1_000, scope, scopesMax: 1 } } });
    const a = lines.arrive('a', { fields: ['X-Number', '1'] });
    await lines.clock.advance(30);
    lines.sendBack(a, 0, 'failed', broken);
    expect(lines.arrive('b', { fields: ['X-Number', '2'] }).state).toBe('scopesFull');
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a@0', 'a@105']);
  });
});

describe('A request at which the upstream always breaks off', async () => {
  const upstream = await startUpstream();
  afterAll(() => upstream.stop());

  const brokenOff = { code: 1014, details: 'The Coreapp broke the exchange off.' };
  const attempts = async (app: TestApp, method = 'GET') => {
    const { status, json } = await app.send(`${method} /v1/contacts`);
    return [status, json.errors[0], upstream.arrivals.length];
  };

  it.each(['GET', 'DELETE', 'PUT'])('%s is sent three times, then its caller gets 502, error 1014', async (method) => {
    await using app = await startTestApp(upstream.url);
    upstream.play(breakOff);
    expect(await attempts(app, method)).toMatchObject([502, brokenOff, 3]);
  });

  it.each([
    [0, 1],
    [1, 2],
    [3, 4],
  ])('is repeated as often as coreapp.brokenRepeatsMax: %i says', async (max, arrivals) => {
    await using app = await startTestApp(upstream.url, `coreapp: {brokenRepeatsMax: ${max}}`);
    upstream.play(breakOff);
    expect(await attempts(app)).toMatchObject([502, brokenOff, arrivals]);
  });

  it('is a 504 where it is answered too late each time', async () => {
    await using app = await startTestApp(upstream.url, 'coreapp: {answerTimeoutMs: 100}');
    upstream.play(sayNothing);
    expect((await attempts(app)).slice(0, 2)).toMatchObject([504, { code: 1014 }]);
    await until(() => upstream.arrivals.length === 3, { what: 'what was sent last to be read' });
  });

  it('is bounded where a key makes a POST safe to repeat, too', async () => {
    await using app = await startTestApp(upstream.url, 'coreapp: {honoursIdempotencyKey: [contacts]}');
    upstream.play(breakOff);
    const told = await app.send('POST /v1/contacts', 'Idempotency-Key: "k"\r\n', '{}');
    expect([told.status, upstream.arrivals.length]).toEqual([502, 3]);
  });
});
