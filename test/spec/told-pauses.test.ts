/** A pause by a signal, as replicas tell one another of it. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { noticeMessage, readNotice } from '../../src/adapters/redis/replica-messages.ts';
import type { ClassLimits } from '../../src/admission/limits.ts';
import { againMax, type PauseNotice } from '../../src/admission/telling.ts';
import type { Admitted } from '../../src/exchange/exchange.ts';
import type { Signal } from '../../src/exchange/signal.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { narrowLimit } from '../support/fleet.ts';
import { Lines, type Visit } from '../support/lines.ts';
import { redisForAll, upstreamForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, inTurn, say } from '../support/upstream.ts';

const notice: PauseNotice = { class: 'a', bucket: 'a:1', bulk: false, ms: 5_000, answer: null };
const kept = { status: 400, fields: ['Content-Type', 'application/json'], body: Buffer.from('{"code":4}') };

describe('A notice', () => {
  test('is read as it was told', () => {
    for (const one of [
      { ...notice, answer: kept },
      { ...notice, bucket: null, bulk: true },
    ]) {
      expect(readNotice('me', noticeMessage('you', one))).toEqual(one);
    }
  });
  test('of one’s own is no news', () => {
    expect(readNotice('me', noticeMessage('me', notice))).toBeNull();
  });
  test('holds no cookies, and no answer that is long', () => {
    const cookies = { ...kept, fields: ['Set-Cookie', 'a=b', 'X-A', 'set-cookie', 'SET-COOKIE', 'c'] };
    const read = readNotice('me', noticeMessage('you', { ...notice, answer: cookies }));
    expect(read?.answer?.fields).toEqual(['X-A', 'set-cookie']);
    const long = { ...kept, body: Buffer.alloc(9_000) };
    expect(readNotice('me', noticeMessage('you', { ...notice, answer: long }))).toEqual(notice);
  });
  const told = JSON.parse(noticeMessage('you', { ...notice, answer: kept }));
  test.each([
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['a pause of more than an hour', JSON.stringify({ ...told, ms: 3_600_001 })],
    ['a pause that is none', JSON.stringify({ ...told, ms: 0 })],
    ['no class', JSON.stringify({ ...told, class: undefined })],
    ['an answer of success', JSON.stringify({ ...told, answer: { ...told.answer, status: 200 } })],
    ['a field that ends early', JSON.stringify({ ...told, answer: { ...told.answer, fields: ['A', 'b\r\nC: d'] } })],
    ['a body of other letters', JSON.stringify({ ...told, answer: { ...told.answer, body: 'ä' } })],
  ])('with %s is not heeded', (_, text) => {
    expect(readNotice('me', text)).toBeNull();
  });
});

describe('In virtual time, a replica', () => {
  const scope = { by: 'path', template: ['v1', 'messages', null], below: true } as const;
  const messages = { burst: 9, holdMaxMs: 10_000, scope };
  /** With what it tells others. */
  const telling = (more: Partial<ClassLimits> = {}) => {
    const told: PauseNotice[] = [];
    const tellPause = (one: PauseNotice) => void told.push(one);
    return { told, lines: new Lines({ limits: { messages: { ...messages, ...more } }, tellPause }) };
  };
  const at = (lines: Lines, label: string, number: number, fields: string[] = []) =>
    lines.arrive(label, { path: `/v1/messages/${number}`, fields });
  const signal = (of: Signal['of'], pauseMs: number, bulk = false): Signal => ({ of, pauseMs, bulk, as: null });
  const sent = (visit: Visit): Admitted => visit.admission as Admitted;

  test.each([
    ['a bucket', signal('bucket', 12_000), { bucket: 'messages:digest of 1', bulk: false }],
    ['a class', signal('class', 12_000), { bucket: null, bulk: false }],
    ['bulk', signal('class', 12_000, true), { bucket: null, bulk: true }],
  ])('tells of the pause of %s, and again while it lasts', async (_, said, whom) => {
    const told: [PauseNotice, number][] = [];
    const lines: Lines = new Lines({
      limits: { messages },
      tellPause: (one) => void told.push([one, Math.round(lines.clock.now())]),
    });
    const a = at(lines, 'a', 1);
    await lines.clock.advance(0);
    sent(a).slots.signalled(said);
    // Others that were in flight with it say the same.
    for (let i = 0; i < 50; i++) sent(a).slots.signalled(said);
    await lines.clock.run(30_000);
    const common = { class: 'messages', ...whom, answer: null };
    expect(told).toEqual([
      [{ ...common, ms: 12_000 }, 0],
      [{ ...common, ms: 8_000 }, 4_000],
      [{ ...common, ms: 4_000 }, 8_000],
    ]);
    lines.answer(a);
  });

  test('says what pauses to who asks, and nothing where nothing does', async () => {
    const { told, lines } = telling();
    const a = at(lines, 'a', 1);
    await lines.clock.advance(0);
    lines.admit.tellAgain();
    expect(told).toEqual([]);
    for (const said of [signal('bucket', 2_000), signal('class', 3_000), signal('class', 4_000, true)]) {
      sent(a).slots.signalled(said);
    }
    const common = { class: 'messages', answer: null };
    const all = (ms: number) => [
      { ...common, bucket: null, bulk: false, ms: 3_000 - ms },
      { ...common, bucket: null, bulk: true, ms: 4_000 - ms },
      { ...common, bucket: 'messages:digest of 1', bulk: false, ms: 2_000 - ms },
    ];
    expect(told.splice(0)).toHaveLength(3);
    await lines.clock.advance(500);
    lines.admit.tellAgain();
    expect(told.splice(0)).toEqual(all(500));
    await lines.clock.advance(5_000);
    lines.admit.tellAgain();
    expect(told).toEqual([]);
    lines.answer(a);
  });

  test('says what it has heard, too: the one that met it may have gone', async () => {
    const { told, lines } = telling({ also: [narrowLimit('header:X-Number')] });
    const a = at(lines, 'a', 1);
    await lines.clock.advance(0);
    const heard: PauseNotice[] = [
      { class: 'messages', bucket: null, bulk: false, ms: 5_000, answer: kept },
      { class: 'messages', bucket: null, bulk: true, ms: 6_000, answer: null },
      { class: 'messages', bucket: 'messages:digest of 1', bulk: false, ms: 7_000, answer: kept },
      { class: 'messages', bucket: 'messages:digest of somebody', bulk: false, ms: 8_000, answer: kept },
      { class: 'messages', bucket: 'messages~1:digest of 1', bulk: false, ms: 9_000, answer: kept },
    ];
    for (const one of heard) lines.admit.heard(one);
    expect(told).toEqual([]);
    lines.admit.tellAgain();
    expect(told.splice(0)).toEqual(heard);
    await lines.clock.advance(6_500);
    lines.admit.tellAgain();
    expect(told.splice(0)).toEqual(heard.slice(2).map((one) => ({ ...one, ms: one.ms - 6_500 })));
    lines.answer(a);
    await lines.clock.run(10_000);
    expect(lines.clock.pending).toBe(0);
  });

  test('is asked by many at once, and says it twice at most', async () => {
    const { told, lines } = telling();
    lines.admit.heard({ class: 'messages', bucket: null, bulk: true, ms: 60_000, answer: null });
    for (let i = 0; i < 50; i++) lines.admit.tellAgain();
    await lines.clock.run(1_000);
    expect(told.map(({ ms }) => ms)).toEqual([60_000, 59_900]);
  });

  test('says of a class no more than is worth it', async () => {
    const { told, lines } = telling({ scopesMax: 10_000 });
    lines.admit.heard({ class: 'messages', bucket: null, bulk: true, ms: 60_000, answer: null });
    for (let i = 0; i < 1_500; i++) {
      lines.admit.heard({ class: 'messages', bucket: `messages:${i}`, bulk: false, ms: 60_000, answer: null });
    }
    lines.admit.tellAgain();
    expect(told).toHaveLength(againMax);
    expect(told[0]).toMatchObject({ bulk: true });
  });

  test('that hears of a bucket tells those who would wait in vain, in the upstream’s words; others go on', async () => {
    const lines = new Lines({ limits: { messages: { ...messages, burst: 1 } } });
    const [a, b] = [at(lines, 'a', 1), at(lines, 'b', 1)];
    await lines.clock.advance(1);
    lines.admit.heard({ class: 'messages', bucket: 'messages:digest of 1', bulk: false, ms: 60_000, answer: kept });
    await lines.clock.advance(1);
    expect([a.state, b.state]).toEqual(['sent', 'holdTimeOver']);
    expect(b.admission).toMatchObject({ answer: kept, retryAfterMs: expect.closeTo(60_000, -2) });
    const [c, d] = [at(lines, 'c', 1), at(lines, 'd', 2)];
    await lines.clock.advance(1);
    expect([c.state, d.state]).toEqual(['lineFull', 'sent']);
    await lines.clock.advance(51_000);
    const e = at(lines, 'e', 1);
    expect(e.state).toBe('waiting');
    await lines.clock.run(70_000);
    expect(lines.sent.at(-1)).toBe('e@60001');
  });

  test('that hears of a bucket before it has it pauses it all the same', async () => {
    const lines = new Lines({ limits: { messages } });
    lines.admit.heard({ class: 'messages', bucket: 'messages:digest of 1', bulk: false, ms: 5_000, answer: kept });
    const [a] = [at(lines, 'a', 1), at(lines, 'b', 2)];
    await lines.clock.advance(0);
    expect([a.state, lines.sent]).toEqual(['waiting', ['b@0']]);
    await lines.clock.run(10_000);
    expect(lines.sent).toEqual(['b@0', 'a@5000']);
  });

  test('keeps what it has heard of no more buckets than it may have', async () => {
    const lines = new Lines({ limits: { messages: { ...messages, scopesMax: 2 } } });
    for (const number of [1, 2, 3]) {
      lines.admit.heard({ ...notice, class: 'messages', bucket: `messages:digest of ${number}` });
    }
    const visits = [at(lines, 'a', 3), at(lines, 'b', 1)];
    await lines.clock.advance(0);
    expect(visits.map(({ state }) => state)).toEqual(['waiting', 'sent']);
  });

  test('that hears of a class or its bulk pauses these, and knows nothing of another’s classes', async () => {
    const lines = new Lines({ limits: { messages } });
    lines.admit.heard({ ...notice, class: 'other', bucket: null });
    lines.admit.heard({ ...notice, class: 'messages', bucket: null, bulk: true, ms: 3_000 });
    at(lines, 'bulk', 1, ['Priority', 'u=5']);
    at(lines, 'urgent', 2);
    await lines.clock.run(5_000);
    lines.admit.heard({ ...notice, class: 'messages', bucket: null, ms: 4_000 });
    for (const number of [1, 2, 3]) at(lines, `all${number}`, number);
    await lines.clock.run(20_000);
    expect(lines.sent).toEqual(['urgent@0', 'bulk@3000', 'all1@9000', 'all2@9000', 'all3@9000']);
  });
});

describe('Two replicas on one Redis', async () => {
  const server = await redisForAll();
  const upstream = await upstreamForAll();
  const host = 'Host: weir\r\n';
  const start = async (throttled: string, prefix: string): Promise<[TestApp, TestApp]> => {
    const yaml = `profile: none\nauth: {open: true}\nredis: {keyPrefix: "${prefix}:"}\nlimits: {default: {scope: "header:X-Number"}}\nthrottled: ${throttled}`;
    const open = () => startTestApp(upstream.url, yaml, { REDIS_URL: server.url });
    const both: [TestApp, TestApp] = [await open(), await open()];
    onTestFinished(async () => {
      for (const app of both) await app.close(0);
    });
    return both;
  };

  test('what one has been told both say, in the upstream’s words, without asking it', async () => {
    const [one, other] = await start('[{status: 400, body: {/code: 4}, of: bucket, pause: 10 min}]', 'a');
    const said = say(answer(400, { 'Content-Type': 'application/json', 'X-Api': 'theirs' }, '{"code":4}'));
    upstream.play(inTurn(said, say(answer(200, {}, 'ok'))));
    const first = await one.ask('GET /x', `${host}X-Number: 1\r\n`);
    expect([first.status, first.json]).toEqual([400, { code: 4 }]);
    // How long the message takes is the machine's affair: meanwhile the bucket, pushed back, holds what comes.
    const next = await other.ask('GET /x', `${host}X-Number: 1\r\n`);
    expect([next.status, next.json, next.field('x-api')]).toEqual([400, { code: 4 }, 'theirs']);
    expect(Number(next.field('retry-after'))).toBeGreaterThan(500);
    expect(upstream.arrivals).toHaveLength(1);
    expect((await other.ask('GET /x', `${host}X-Number: 2\r\n`)).status).toBe(200);
  });

  test('an alarm that one has met pauses bulk in both', async () => {
    const [one, other] = await start('[{status: 403, of: class, pause: 10 min, then: alarm}]', 'b');
    upstream.play(inTurn(say(answer(403)), say(answer(200, {}, 'ok'))));
    expect((await one.ask('GET /x', host)).status).toBe(403);
    const bulk = () => other.ask('GET /x', `${host}Priority: u=6\r\n`);
    await until(async () => (await bulk()).status === 503, { what: 'bulk to pause in the other replica' });
    expect((await other.ask('GET /x', host)).status).toBe(200);
  });

  test('one that comes later asks what pauses, and is told by those who know, though the one that met it has gone', async () => {
    const rules = '[{status: 400, body: {/code: 4}, of: class, pause: 10 min}]';
    const [one, other] = await start(rules, 'c');
    const said = say(answer(400, { 'Content-Type': 'application/json' }, '{"code":4}'));
    upstream.play(inTurn(said, say(answer(200, {}, 'ok'))));
    expect((await one.ask('GET /x', `${host}X-Number: 1\r\n`)).status).toBe(400);
    const knows = (app: TestApp, name: string) => async () =>
      (await app.ask('GET /x', `${host}X-Number: ${name}\r\n`)).status === 400;
    await until(knows(other, 'other'), { what: 'the other one to hear of it' });
    await one.close(0);
    const [later] = await start(rules, 'c');
    await until(knows(later, 'later'), { what: 'the newcomer to know' });
    expect(upstream.arrivals.filter((arrival) => arrival.field('x-number') === '1')).toHaveLength(1);
  });
});
