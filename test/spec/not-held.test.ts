/** What monitoring asks for is not held: the Coreapp's own answer, at once. So is any class with `hold: false`. */
import { describe, expect, it, test } from 'vitest';
import { InFlightBudget, ReservedInFlightBudget, reserved } from '../../src/admission/concurrency/in-flight-budget.ts';
import { ConcurrencyLimiter } from '../../src/admission/concurrency/limiter.ts';
import { apiKey, startTestApp } from '../support/app.ts';
import { Lines } from '../support/lines.ts';
import { appForAll, startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, breakOff, say, sayNothing, startUpstream } from '../support/upstream.ts';

const key = `Host: weir\r\nAuthorization: Apikey ${apiKey}\r\n`;
const down = '{"health":{"gateway_status":"disconnected"}}';

describe('A monitoring request', async () => {
  const { upstream, app } = await startForAll();
  const hasty = await appForAll(upstream, 'coreapp: {answerTimeoutMs: 100}');

  it.each([
    [503, '/v1/health'],
    [429, '/v1/health'],
    [500, '/v1/health'],
    [503, '/v1/stats/app'],
    [429, '/v1/stats/db'],
  ])('gets the %i of %s with its body and fields, after one attempt', async (status, path) => {
    upstream.play(say(answer(status, { 'Retry-After': '86400', 'X-From': 'coreapp' }, down)));
    const told = await app.ask(`GET ${path}`, key);
    expect([told.status, told.text, told.field('x-from'), told.field('retry-after')]).toEqual([
      ...[status, down, 'coreapp', '86400'],
    ]);
    expect(upstream.arrivals).toHaveLength(1);
  });

  it.each([
    [502, breakOff, app],
    [504, sayNothing, hasty],
  ])('is a %i, error 1014, where there is no answer, after one attempt', async (status, script, by) => {
    upstream.play(script);
    const told = await by.ask('GET /v1/health', key);
    expect([told.status, told.json.errors[0].code, upstream.arrivals.length]).toEqual([status, 1014, 1]);
  });

  it('is a 502 where the Coreapp is not there', async () => {
    const away = await startUpstream();
    await away.stop();
    await using alone = await startTestApp(away.url);
    expect(await alone.ask('GET /v1/health', key)).toMatchObject({ status: 502 });
    expect(alone.lines.at(-1)).toMatchObject({ attempts: 1 });
  });

  it('goes out while all permits are taken, and while its class is refused again and again', async () => {
    await using full = await startTestApp(upstream.url, 'coreapp: {permitsMax: 1}');
    upstream.play((arrival, socket) => {
      if (arrival.target === '/v1/health') socket.write(answer(503, {}, down));
    });
    await using caller = await full.call();
    caller.send(full.request('POST /v1/messages', '', '{}'));
    await until(() => upstream.arrivals.length === 1, { what: 'the only permit to be taken' });
    for (let i = 0; i < 10; i++) expect((await full.ask('GET /v1/health', key)).text).toBe(down);
    expect(upstream.arrivals).toHaveLength(11);
  });

  it('is held where limits.health.hold says so', async () => {
    await using held = await startTestApp(upstream.url, 'limits: {health: {hold: true}}');
    let refusals = 2;
    upstream.play((_, socket) => void socket.write(refusals-- > 0 ? answer(503) : answer(200, {}, 'ok')));
    expect(await held.ask('GET /v1/health', key)).toMatchObject({ status: 200, text: 'ok' });
  });
});

test('Any class can be one that is not held', async () => {
  await using upstream = await startUpstream(say(answer(503, {}, 'theirs')));
  await using app = await startTestApp(upstream.url, 'limits: {contacts: {hold: false}}');
  expect(await app.send('POST /v1/contacts', '', '{}')).toMatchObject({ status: 503, text: 'theirs' });
  expect(upstream.arrivals).toHaveLength(1);
});

describe('A class that is not held, beyond its limit', () => {
  const limits = { health: { rate: 20, burst: 60, hold: false, holdMaxMs: 30_000, lineMaxRequests: 10_000 } };

  test('refuses at once whoever could not go within a second', async () => {
    const lines = new Lines({ limits });
    const states = Array.from({ length: 200 }, () => lines.arrive('x', { name: 'health' }));
    await lines.clock.advance(0);
    expect(states.filter(({ state }) => state === 'lineFull').length).toBeGreaterThanOrEqual(119);
    await lines.clock.advance(50);
    expect(states.filter(({ state }) => state === 'sent').length).toBeGreaterThanOrEqual(60);
    await lines.clock.advance(951);
    expect(states.filter(({ state }) => state === 'waiting')).toEqual([]);
  });

  test('lets nobody’s flood keep a monitor waiting for more than a turn, and keeps its limit', async () => {
    const lines: Lines = new Lines({ limits, onSent: (visit) => void lines.clock.after(5, () => lines.answer(visit)) });
    const probes = [];
    for (let at = 0; at < 60_000; at += 10) {
      await lines.clock.run(at);
      lines.arrive('flood', { name: 'health', user: 'flood' });
      if (at % 1_000 === 500) probes.push(lines.arrive('probe', { name: 'health', user: 'monitor' }));
    }
    await lines.clock.advance(2_000);
    expect(new Set(probes.map(({ state }) => state))).toEqual(new Set(['sent']));
    expect(Math.max(...probes.map(({ exchange }) => exchange.counters.heldMs))).toBeLessThanOrEqual(101);
    expect(lines.sent.length).toBeLessThanOrEqual(60 + 20 * 61);
  });
});

describe('The budget of a class that is not held', () => {
  const permitsOf = (budget: InFlightBudget): ConcurrencyLimiter =>
    new ConcurrencyLimiter(
      budget,
      () => 0,
      () => 0.5,
      () => {},
    );

  test('has places of its own, then those that all share; and gives each back', () => {
    const shared = new InFlightBudget({ min: 1, initial: 2, max: 2 });
    const own = permitsOf(new ReservedInFlightBudget(shared));
    const taken = Array.from({ length: reserved }, () => own.take(0));
    expect(shared.inUse).toBe(0);
    taken.push(own.take(0), own.take(0));
    expect([shared.isFull, own.available(0), own.inUse]).toEqual([true, false, reserved + 2]);
    for (const permit of taken) permit.end('answered');
    expect([shared.inUse, own.inUse, own.available(0)]).toEqual([0, 0, true]);
  });

  test('is open while the others’ is full', () => {
    const shared = new InFlightBudget({ min: 1, initial: 1, max: 1 });
    permitsOf(shared).take(0);
    expect(permitsOf(new ReservedInFlightBudget(shared)).available(0)).toBe(true);
  });
});
