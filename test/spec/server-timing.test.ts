/** `Server-Timing` (W3C): where the time of a request went, as its caller sees it. */
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Counters } from '../../src/exchange/exchange.ts';
import { serverTiming } from '../../src/exchange/server-timing.ts';
import { startTestApp } from '../support/app.ts';
import { messageFrom } from '../support/fleet.ts';
import { leapingClock } from '../support/leap.ts';
import type { RawAnswer } from '../support/raw.ts';
import { startForAll } from '../support/start-for-all.ts';
import { pass, until } from '../support/until.ts';
import { answer, inTurn, type Script, say, sayNothing, startUpstream } from '../support/upstream.ts';

const ok = answer(200, {}, 'ok');
const holdMaxMs = 600_000;
const leap = leapingClock();

describe('the field', () => {
  it.each<[string, Partial<Counters>, underWayMs: number, string]>([
    ['of one that was sent at once', { attempts: 1 }, 12.345, 'hold;dur=0, coreapp;dur=12.3'],
    ['of one that was held', { attempts: 1, heldMs: 1_234.56 }, 7, 'hold;dur=1234.6, coreapp;dur=7'],
    ['adds up all attempts', { attempts: 3, heldMs: 10, coreappMs: 20.02 }, 0.03, 'hold;dur=10, coreapp;dur=20.1'],
    ['of one that was never sent', { attempts: 0, heldMs: 30_000 }, 0, 'hold;dur=30000'],
    [
      'has one decimal, however small or large',
      { attempts: 1, heldMs: 1e-9, coreappMs: 86_400_000.04 },
      0,
      'hold;dur=0, coreapp;dur=86400000',
    ],
  ])('%s', (_, counters, underWayMs, text) => {
    const rest = messageFrom('a').counters;
    expect(serverTiming({ ...rest, ...counters }, underWayMs)).toBe(text);
  });
});

/** The metrics of an answer by name; each one parses by the grammar of the W3C's Server Timing. */
function metrics(told: RawAnswer): Record<string, number> {
  const all = told.all('server-timing').flatMap((line) => line.split(','));
  return Object.fromEntries(
    all.map((metric) => {
      const [, name, dur] = /^\s*([\w!#$%&'*+.^`|~-]+);dur=(\d+(?:\.\d)?)\s*$/.exec(metric) ?? [];
      expect(name, metric).toBeDefined();
      return [name, Number(dur)] as const;
    }),
  );
}

const later =
  (ms: number, bytes: string): Script =>
  (_, socket) =>
    void pass(ms).then(() => socket.write(bytes));

describe('an answer', async () => {
  const { upstream, app } = await startForAll(`coreapp: {permitsMax: 1}\nlimits: {default: {holdMaxMs: ${holdMaxMs}}}`);
  beforeEach(() => upstream.play(say(ok)));

  it('of the Coreapp tells how long it was in line and at the Coreapp', async () => {
    upstream.play(later(60, ok));
    const told = metrics(await app.send('POST /v1/messages', '', '{}'));
    expect(told.coreapp).toBeGreaterThanOrEqual(59);
    expect(app.lines.at(-1)?.attempts).toBe(1);
  });

  it('of one that stood in line says for how long', async () => {
    const sockets: Socket[] = [];
    upstream.play((_, socket) => void sockets.push(socket));
    const first = app.send('GET /v1/support');
    await until(() => sockets.length === 1, { what: 'the first one at the Coreapp' });
    const second = app.send('GET /v1/support');
    await until(() => app.services.admit.gates('support').headcount.total === 1, { what: 'the second one in line' });
    for (const socket of sockets) socket.write(ok);
    await first;
    await until(() => sockets.length === 2, { what: 'the second one at the Coreapp' });
    sockets[1]?.write(ok);
    const { hold = 0 } = metrics(await second);
    expect(hold).toBeGreaterThan(0);
    expect(hold).toBeCloseTo(app.lines.at(-1)?.heldMs ?? 0, 0);
  });

  it('adds up what the attempts before it took', async () => {
    upstream.play(inTurn(later(60, answer(503)), later(60, ok)));
    const told = metrics(await app.send('POST /v1/contacts', '', '{}'));
    expect(told.coreapp).toBeGreaterThanOrEqual(118);
    expect(told.hold).toBeGreaterThan(0);
    expect(app.lines.at(-1)?.attempts).toBe(2);
  });

  it('stands behind what the Coreapp says itself', async () => {
    upstream.play(say(answer(200, { 'Server-Timing': 'db;dur=53, cache;desc="a, b"' })));
    const [theirs, ours, ...more] = (await app.send('GET /v1/contacts')).all('server-timing');
    expect(theirs).toBe('db;dur=53, cache;desc="a, b"');
    expect(ours).toMatch(/^hold;dur=[\d.]+, coreapp;dur=[\d.]+$/);
    expect(more).toEqual([]);
  });

  it('that refuses one who stood in line says for how long, and how long the Coreapp took', async () => {
    upstream.play(say(answer(503)));
    const asked = app.send('GET /v1/certificates');
    await until(() => upstream.arrivals.length > 1, { what: 'it to be sent again' });
    leap(holdMaxMs);
    const told = await asked;
    expect([told.status, told.json.errors[0].code]).toEqual([503, 1016]);
    const { hold = 0, coreapp = 0 } = metrics(told);
    const { heldMs = 0, coreappMs = 0 } = app.lines.at(-1) ?? {};
    expect(hold).toBeCloseTo(heldMs, 0);
    expect(coreapp).toBeCloseTo(coreappMs, 0);
    expect(hold).toBeGreaterThan(0);
  });

  it.each([
    ['an unknown token', 'GET /v1/contacts', 'Host: weir\r\nAuthorization: Bearer nobody\r\n', 401],
    ['no Host', 'GET /v1/contacts', '', 400],
    ['a method that is not served', 'TRACE /v1/contacts', 'Host: weir\r\n', 405],
  ])('that refuses %s has nothing to tell', async (_, line, fields, status) => {
    const told = await app.ask(line, fields);
    expect([told.status, told.all('server-timing')]).toEqual([status, []]);
  });

  it('of Weir’s own endpoints has nothing to tell', async () => {
    expect((await app.send('GET /v1/users/admin')).all('server-timing')).toEqual([]);
  });
});

describe('with http.serverTiming: false', () => {
  it('callers are told nothing but what the Coreapp says itself', async () => {
    await using upstream = await startUpstream();
    const yaml = 'http: {serverTiming: false}\n';
    await using app = await startTestApp(upstream.url, yaml);
    await using hasty = await startTestApp(upstream.url, `${yaml}coreapp: {answerTimeoutMs: 100}`);
    upstream.play(say(answer(200, { 'Server-Timing': 'db;dur=53' })));
    expect((await app.send('GET /v1/contacts')).all('server-timing')).toEqual(['db;dur=53']);
    upstream.play(sayNothing);
    const refused = await hasty.send('POST /v1/messages', '', '{}');
    expect([refused.status, refused.all('server-timing')]).toEqual([504, []]);
  });
});
