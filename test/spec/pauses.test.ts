/** Whom a pause is for that the Coreapp asks for: the request, its caller, or everybody. */
import { describe, expect, test } from 'vitest';
import { InFlightBudget } from '../../src/admission/concurrency/in-flight-budget.ts';
import { ConcurrencyLimiter } from '../../src/admission/concurrency/limiter.ts';
import { Answers, Pauses } from '../../src/admission/pauses.ts';
import type { PermitEnd, Steering } from '../../src/exchange/exchange.ts';
import type { EndpointClass } from '../../src/exchange/route.ts';
import { startTestApp } from '../support/app.ts';
import { messageFrom } from '../support/fleet.ts';
import { Lines, type Visit } from '../support/lines.ts';
import { until } from '../support/until.ts';
import { answer, startUpstream } from '../support/upstream.ts';

const dayMs = 86_400_000;

describe('A pause is for', () => {
  /** One that was sent then. */
  const sent = (at: number): Steering => ({ ...messageFrom('a'), sentAt: at });
  const refuse = (pauses: Pauses, caller: string, now: number, request = sent(now - 1)) =>
    pauses.refused(request, caller, now, now + 1_000);

  test('everybody in all replicas, where the caller is the only one', () => {
    const pauses = new Pauses(new Answers(), 'alone');
    expect(refuse(pauses, 'a', 10)).toBe('fleet');
  });

  test('its caller alone, where another one was answered within ten minutes', () => {
    const answers = new Answers();
    answers.add('b', 5);
    answers.add('a', 6);
    const pauses = new Pauses(answers, 'alone');
    expect(refuse(pauses, 'a', 10)).toBe('caller');
    expect([pauses.untilOf('a'), pauses.untilOf('b'), pauses.any(1_009), pauses.any(1_010)]).toEqual([
      ...[1_010, Number.NEGATIVE_INFINITY],
      ...[true, false],
    ]);
    expect(refuse(pauses, 'a', 700_000)).toBe('fleet');
  });

  test('everybody, once two callers are paused at a time', () => {
    const answers = new Answers();
    answers.add('b', 5);
    answers.add('a', 6);
    const pauses = new Pauses(answers, 'never');
    expect(['a', 'a', 'b'].map((caller, i) => refuse(pauses, caller, 10 + i))).toEqual(['caller', 'caller', 'fleet']);
    // Those of others that were in flight by then say the same, whoever they are.
    expect([refuse(pauses, 'c', 13, sent(11)), refuse(pauses, 'd', 14, sent(12))]).toEqual(['fleet', 'fleet']);
  });

  test('two callers that are refused one after the other’s pause is over speak for nobody else', () => {
    const pauses = new Pauses(new Answers(), 'never');
    expect([refuse(pauses, 'a', 0), refuse(pauses, 'b', 1_000), refuse(pauses, 'c', 1_999)]).toEqual([
      ...['caller', 'caller', 'fleet'],
    ]);
  });

  test('the request alone, from its second refusal on', () => {
    const pauses = new Pauses(new Answers(), 'alone');
    const request = sent(0);
    expect([1, 2_000, 4_000].map((at) => refuse(pauses, 'a', at, request))).toEqual(['fleet', 'request', 'request']);
  });

  test('the request alone, where the Coreapp asks for none', () => {
    expect(new Pauses(new Answers(), 'alone').refused(sent(0), 'a', 1, 1)).toBe('request');
  });

  test('this replica, as long as nothing has been answered since the last one', () => {
    const answers = new Answers();
    const pauses = new Pauses(answers, 'alone');
    expect([refuse(pauses, 'a', 1), refuse(pauses, 'a', 2_000)]).toEqual(['fleet', 'replica']);
    answers.add('a', 3_500);
    expect(refuse(pauses, 'a', 4_000)).toBe('fleet');
  });

  test('twice as many callers have to be refused after each one that was wrong, for ten minutes', () => {
    const answers = new Answers();
    const pauses = new Pauses(answers, 'never');
    const round = (at: number, callers: string): string => {
      const scopes = [...callers].map((caller, i) => {
        const request = sent(at + i - 1);
        return { request, scope: refuse(pauses, caller, at + i, request) };
      });
      answers.add('z', at + 1_500);
      const last = scopes.at(-1);
      if (last !== undefined) refuse(pauses, callers.at(-1) as string, at + 2_000, last.request);
      return scopes.map(({ scope }) => scope[0]).join('');
    };
    expect(round(10_000, 'ab')).toBe('cf');
    expect(round(20_000, 'abcd')).toBe('cccf');
    expect(round(30_000, 'abcdefgh')).toBe('cccccccf');
    expect(round(30_000 + 612_000, 'ab')).toBe('cf');
  });
});

describe('Beside a request that is always refused', () => {
  interface Play {
    readonly reason: 'throttled' | 'overloaded';
    readonly name: EndpointClass;
    /** Milliseconds between the requests of the user `bad`; 0: there is only one. */
    readonly everyMs: number;
  }

  /** The waits of a light user over two minutes, which was answered before. */
  async function waits({ reason, name, everyMs }: Play, bad: boolean) {
    const lines: Lines = new Lines({
      limits: { [name]: { rate: 20, burst: 60, holdMaxMs: 30_000 } },
      onSent(visit) {
        lines.clock.after(5, () => {
          if (visit.label !== 'bad') lines.answer(visit);
          else if (reason === 'throttled') lines.sendBack(visit, dayMs, 'failed', reason);
          else lines.sendBack(visit, dayMs, visit.exchange.refusals > 0 ? 'again' : 'refused', reason);
        });
      },
    });
    const light: Visit[] = [];
    light.push(lines.arrive('light', { name, user: 'light' }));
    await lines.clock.run(1_000);
    for (let at = 1_000; at < 121_000; at += 250) {
      await lines.clock.run(at);
      if (bad && (everyMs === 0 ? at === 1_000 : at % everyMs === 0)) lines.arrive('bad', { name, user: 'bad' });
      light.push(lines.arrive('light', { name, user: 'light' }));
    }
    await lines.clock.advance(60_000);
    const sorted = light.map(({ exchange }) => exchange.counters.heldMs).toSorted((a, b) => a - b);
    return {
      p50: sorted[sorted.length / 2] ?? Number.NaN,
      p90: sorted[Math.floor(0.9 * sorted.length)] ?? Number.NaN,
      longest: sorted.at(-1) ?? Number.NaN,
      states: new Set(light.map(({ state }) => state)),
      attempts: lines.sent.filter((one) => one.startsWith('bad')).length,
      pushed: lines.pushed,
    };
  }

  test.each<Play>([
    { reason: 'throttled', name: 'messages', everyMs: 0 },
    { reason: 'overloaded', name: 'messages', everyMs: 0 },
    { reason: 'throttled', name: 'contacts', everyMs: 1_000 },
    { reason: 'overloaded', name: 'contacts', everyMs: 1_000 },
    { reason: 'throttled', name: 'default', everyMs: 250 },
    { reason: 'overloaded', name: 'default', everyMs: 250 },
  ])('($reason, one every $everyMs ms) others wait as if they were alone', async (play) => {
    const [alone, beside] = [await waits(play, false), await waits(play, true)];
    expect([beside.p50, beside.states]).toEqual([alone.p50, new Set(['sent'])]);
    // A first 503 also says that fewer may be in flight, and the next one may have to wait a little to find out.
    expect(beside.longest).toBeLessThanOrEqual(alone.longest + (play.reason === 'throttled' ? 60 : 1_000));
    expect(beside.p90).toBeLessThanOrEqual(alone.p90 + 60);
    expect(beside.pushed).toEqual([]);
    if (play.everyMs === 0) expect(beside.attempts).toBe(6); // Every 5 s, while its hold time lasts.
  });

  test.each(['throttled', 'overloaded'] as const)(
    '(%s) a user who comes as the first one is refused waits for one pause at most',
    async (reason) => {
      const lines: Lines = new Lines({
        limits: { messages: { rate: 50, burst: 150, holdMaxMs: 30_000 } },
        onSent(visit) {
          lines.clock.after(5, () => {
            if (visit.label !== 'bad') lines.answer(visit);
            else lines.sendBack(visit, dayMs, 'failed', reason);
          });
        },
      });
      const light: Visit[] = [];
      for (let at = 0; at < 60_000; at += 500) {
        await lines.clock.run(at);
        lines.arrive('bad', { user: 'bad' });
        if (at > 0) light.push(lines.arrive('light', { user: 'light' }));
      }
      await lines.clock.advance(60_000);
      const late = light.filter(({ exchange }) => exchange.counters.heldMs > 50);
      expect(late.length).toBeLessThanOrEqual(reason === 'throttled' ? 10 : 0); // Two a second, for five seconds.
      expect(lines.pushed.length).toBeLessThanOrEqual(1);
    },
  );

  test('a class whose every user is paused goes on as soon as a pause is over', async () => {
    const lines: Lines = new Lines({
      limits: { messages: { rate: 100, burst: 100, holdMaxMs: 30_000 } },
      onSent(visit) {
        lines.clock.after(5, () => {
          if (lines.clock.now() > 3_000) lines.answer(visit);
          else lines.sendBack(visit, 1_000, 'failed');
        });
      },
    });
    const users = Array.from({ length: 50 }, (_, i) => lines.arrive('v', { user: `user ${i}` }));
    await lines.clock.advance(10_000);
    expect(new Set(users.map(({ state }) => state))).toEqual(new Set(['sent']));
    expect(Math.max(...users.map(({ ends }) => ends.at(-1)?.at ?? Number.NaN))).toBeLessThan(5_000);
  });
});

describe('A user that is paused', () => {
  test('keeps the order of its requests, whenever they came', async () => {
    const lines = new Lines({ limits: { messages: { rate: 100, burst: 100 } } });
    const [other] = await lines.arriveAll('o');
    await lines.clock.advance(20);
    lines.answer(other as Visit);
    const user = 'paused';
    const a = lines.arrive('a', { user });
    await lines.clock.advance(20);
    lines.sendBack(a, 1_000); // Until 1,041.
    for (const label of 'bcd') lines.arrive(label, { user });
    await lines.clock.advance(500);
    for (const label of 'ef') lines.arrive(label, { user });
    lines.arrive('p', {});
    await lines.clock.run(1_040);
    expect(lines.line().requests).toBe(6);
    await lines.clock.run(2_000);
    expect(lines.sent.map((one) => one.split('@')[0]).join('')).toBe('oapabcdef');
    expect(lines.sent.at(-1)).toBe('f@1041');
  });
});

describe('A user whose request is always refused', () => {
  test.each([429, 503])('with %i and Retry-After: 86400 does not keep another one waiting', async (status) => {
    await using upstream = await startUpstream((arrival, socket) => {
      const bad = arrival.target.endsWith('/bad');
      socket.write(bad ? answer(status, { 'Retry-After': '86400' }) : answer(200, {}, 'ok'));
    });
    await using app = await startTestApp(upstream.url);
    const anna = `Host: weir\r\nAuthorization: Bearer ${await app.user('anna')}\r\n`;
    expect((await app.ask('GET /v1/contacts', anna)).status).toBe(200);
    await using caller = await app.call();
    caller.send(app.request('GET /v1/contacts/bad'));
    await until(async () => (await app.metrics()).includes('weir_replays_total{class="contacts"'), {
      what: 'a refusal',
    });
    for (let i = 0; i < 5; i++) expect((await app.ask('GET /v1/contacts', anna)).status).toBe(200);
    const heldMs = app.lines
      .filter(({ principal }) => principal?.kind === 'user' && principal.name === 'anna')
      .map((line) => line.heldMs);
    expect(heldMs.filter((ms) => ms > 1_000)).toEqual([]);
  });
});

describe('The pauses between probes', () => {
  /** How long each of these refusals, one after the other, keeps the next probe back. */
  function pausesMs(hows: readonly PermitEnd[]): number[] {
    let now = 0;
    const limiter = new ConcurrencyLimiter(
      new InFlightBudget({ min: 1, initial: 16, max: 16 }),
      () => now,
      () => 1,
      () => {},
    );
    return hows.map((how) => {
      now = Math.max(now, limiter.pausedUntil);
      limiter.take(now).end(how);
      return Math.max(0, limiter.pausedUntil - now);
    });
  }

  test('do not grow because one request is refused again and again', () => {
    expect(pausesMs(['refused', 'again', 'again', 'again'])).toEqual([40, 40, 40, 40]);
    expect(pausesMs(['refused', 'answered', 'again', 'again'])).toEqual([40, 0, 0, 0]);
  });

  test('grow where others are refused as well', () => {
    expect(pausesMs(['refused', 'refused', 'again', 'again'])).toEqual([40, 80, 160, 320]);
  });
});
