/** What answers say of an upstream's limits, by rules of the configuration: how they are read, and what follows. */
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished, test } from 'vitest';
import { decodeBody } from '../../src/adapters/node/decode.ts';
import type { PauseNotice, TellPause } from '../../src/admission/telling.ts';
import type { Admitted } from '../../src/exchange/exchange.ts';
import { pointerForm, readPointer, valueAt } from '../../src/http/pointer.ts';
import { durationMs } from '../../src/signals/durations.ts';
import { pauseMsOf, timeMs } from '../../src/signals/times.ts';
import { fits, readValues } from '../../src/signals/values.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import { narrowLimit } from '../support/fleet.ts';
import { Lines, type Visit } from '../support/lines.ts';
import { upstreamForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, inTurn, type Script, say } from '../support/upstream.ts';

const wallMs = Date.UTC(2026, 10, 26, 12);

describe('Values', () => {
  const values = readValues(['Abc', 7, true, '200..299', '5..1']);
  test.each(['abc', 'ABC', '7', 'TRUE', '200', '250', '299'])('take %s', (text) =>
    expect(fits(text, values)).toBe(true),
  );
  test.each(['', 'ab', '7.0', '199', '300', '250.5', '2e2', '-250', '3', '200..299'])('do not take %s', (text) =>
    expect(fits(text, values)).toBe(false),
  );
});

describe('A length of time', () => {
  test.each([
    ['2 s', 2_000],
    ['500 ms', 500],
    ['1 min', 60_000],
    ['1h', 3_600_000],
    ['6m0s', 360_000],
    ['1m30.5s', 90_500],
    [' 2 h 5 min ', 7_500_000],
    ['12ms', 12],
    ['', null],
    ['2', null],
    ['s', null],
    ['2 s x', null],
    ['-2 s', null],
    ['2 weeks', null],
  ])('%j is %j ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });
});

describe('A time', () => {
  test.each([
    [7, 'auto', 7_000],
    ['7.5', 'auto', 7_500],
    ['1795694460', 'auto', 60_000],
    [1_795_694_460_000, 'auto', 60_000],
    ['1795694300', 'auto', 0],
    ['2026-11-26T12:01:00Z', 'auto', 60_000],
    ['Thu, 26 Nov 2026 12:01:00 GMT', 'auto', 60_000],
    ['6m0s', 'auto', 360_000],
    [1500, 'ms', 1_500],
    [1_795_694_460, 'seconds', 1_795_694_460_000],
    ['soon', 'auto', null],
    ['', 'auto', null],
    ['-1', 'auto', null],
    ['1e9', 'auto', null],
    ['6m0s', 'seconds', null],
    [null, 'auto', null],
    [{}, 'auto', null],
    [true, 'auto', null],
  ] as const)('%j as %s is %j ms from now', (value, as, ms) => {
    expect(timeMs(value, as, wallMs)).toBe(ms);
  });
});

describe('A JSON pointer', () => {
  const document = { a: { 'b/c': [1, { '~': 'x' }], '': 0 }, list: [5] };
  test.each([
    ['', document],
    ['/a/b~1c/0', 1],
    ['/a/b~1c/1/~0', 'x'],
    ['/a/', 0],
    ['/a/b~1c/2', undefined],
    ['/a/b~1c/length', undefined],
    ['/a/b~1c/01', undefined],
    ['/toString', undefined],
    ['/list/0/x', undefined],
  ])('%s leads to %j', (text, value) => {
    expect(pointerForm.test(text)).toBe(true);
    expect(valueAt(document, readPointer(text))).toEqual(value);
  });
  test.each(['a', '/~2', '/a~'])('%s is none', (text) => expect(pointerForm.test(text)).toBe(false));
});

describe('A pause', () => {
  const asked = { fields: ['Retry-After', '3', 'X-Reset', '9'], document: { wait: 4 }, refusals: 0, wallMs, random: 0 };
  test('is the first that is said', () => {
    const rules = [
      { by: 'field', name: 'x-other', as: 'auto' },
      { by: 'body', pointer: ['none'], as: 'auto' },
      { by: 'field', name: 'x-reset', as: 'auto' },
      { by: 'fixed', ms: 1 },
    ] as const;
    expect(pauseMsOf(rules, asked)).toBe(9_000);
    expect(pauseMsOf(rules.slice(3), asked)).toBe(1);
    expect(pauseMsOf([], asked)).toBe(0);
  });
  test('grows with the refusals of the request, up to a bound, and not the same for all', () => {
    const growth = [{ by: 'growth', base: 4, ms: 1_000, mostMs: 60_000 }] as const;
    const at = (refusals: number, random = 0) => pauseMsOf(growth, { ...asked, refusals, random });
    expect([0, 1, 2, 3, 9_999].map((n) => at(n))).toEqual([1_000, 4_000, 16_000, 60_000, 60_000]);
    expect(at(1, 0.5)).toBe(4_500);
  });
  test.each([
    ['{"1":[{"type":"messaging","estimated_time_to_regain_access":3},{"estimated_time_to_regain_access":5}]}', 300_000],
    ['{"1":[{"estimated_time_to_regain_access":0}]}', 0],
    ['{"call_count":10}', 0],
    ['[', 0],
    ['null', 0],
    ['7', 0],
  ])('by a usage field of %s is %d ms', (value, ms) => {
    expect(pauseMsOf([{ by: 'usage', name: 'x-usage' }], { ...asked, fields: ['X-Usage', value] })).toBe(ms);
  });
});

describe('A coded body', () => {
  test('is decoded, unless it is broken, unknown, or would fill the memory', () => {
    expect(decodeBody('gzip', gzipSync('{}'))?.toString()).toBe('{}');
    for (const bytes of [deflateSync('{}'), deflateRawSync('{}')]) {
      expect(decodeBody('deflate', bytes)?.toString()).toBe('{}');
    }
    expect(decodeBody('gzip', Buffer.from('no'))).toBeNull();
    expect(decodeBody('rot13', Buffer.from('no'))).toBeNull();
    expect(decodeBody('toString', Buffer.from('no'))).toBeNull();
    expect(decodeBody('gzip', gzipSync(Buffer.alloc(4_000_000)))).toBeNull();
  });
});

describe('An upstream that says it in its own way', async () => {
  const upstream = await upstreamForAll();
  const ok = say(answer(200, {}, 'ok'));
  beforeEach(() => upstream.play(ok));
  const start = async (throttled: string, more = ''): Promise<TestApp> => {
    const app = await startTestApp(upstream.url, `profile: none\nauth: {open: true}\nthrottled: ${throttled}\n${more}`);
    onTestFinished(() => app.close(0));
    return app;
  };
  const host = 'Host: weir\r\n';
  const json = { 'Content-Type': 'application/json' };
  const said = (code: number | string, fields: Record<string, string> = {}, status = 400): Script =>
    say(answer(status, { ...json, ...fields }, JSON.stringify({ error: { code, message: 'slow' } })));
  const gzipped = (body: Buffer): Script => {
    return (_, socket) => {
      socket.write(`HTTP/1.1 400 Any\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(body);
    };
  };

  it('has its requests sent again, and nobody sees it', async () => {
    const app = await start('[{status: [400, 403], body: {/error/code: [4, "17"]}, pause: 10 ms}]');
    upstream.play(inTurn(said(4), said('17', {}, 403), ok));
    const told = await app.ask('POST /x', `${host}Content-Length: 2\r\n`, '{}');
    expect([told.status, upstream.arrivals.length]).toEqual([200, 3]);
    expect(app.lines.at(-1)).toMatchObject({ attempts: 3 });
  });

  test.each<[string, Script]>([
    ['another code', said(5)],
    ['no JSON', say(answer(400, json, '{"error":{"code":4'))],
    ['another type', say(answer(400, { 'Content-Type': 'text/html' }, '{"error":{"code":4}}'))],
    ['an empty body', say(answer(400))],
    ['a list where the code is', say(answer(400, {}, '{"error":{"code":[4]}}'))],
    ['another status', said(4, {}, 404)],
    ['a body too long to be looked at', say(answer(400, {}, `{"error":{"code":4},"x":"${'y'.repeat(70_000)}"}`))],
  ])('passes %s on unchanged', async (_, script) => {
    const app = await start('[{status: [400, 403], body: {/error/code: [4, "17"]}, pause: 10 ms}]');
    const bytes: string[] = [];
    upstream.play((arrival, socket) => {
      const recording = { write: (text: string) => bytes.push(text) };
      script(arrival, recording as never);
      socket.write(bytes[0] as string, 'latin1');
    });
    const told = await app.ask('POST /x', `${host}Content-Length: 2\r\n`, '{}');
    expect(told.body.toString()).toBe((bytes[0] as string).split('\r\n\r\n')[1]);
    expect(upstream.arrivals).toHaveLength(1);
  });

  it('in a coded body, which is passed on as it is where it means something else', async () => {
    const app = await start('[{status: 400, body: {/code: 4}, pause: 10 ms}]');
    const [four, five] = [gzipSync('{"code":4}'), gzipSync('{"code":5}')];
    upstream.play(inTurn(gzipped(four), gzipped(five)));
    const told = await app.ask('GET /x', host);
    expect([told.status, told.body.equals(five)]).toEqual([400, true]);
    expect(upstream.arrivals).toHaveLength(2);
  });

  it('in a field', async () => {
    const app = await start(
      '[{status: 403, fields: {X-RateLimit-Remaining: 0}, pause: [{header: X-RateLimit-Reset}, 10 ms]}]',
    );
    upstream.play(
      inTurn(say(answer(403, { 'X-RateLimit-Remaining': '0' })), say(answer(403, { 'X-RateLimit-Remaining': '7' }))),
    );
    expect((await app.ask('GET /x', host)).status).toBe(403);
    expect(upstream.arrivals).toHaveLength(2);
  });

  it('is asked for longer than anybody waits: all are told at once, in its own words', async () => {
    const app = await start(
      '[{status: 400, body: {/error/code: 4}, of: class}]',
      'limits: {default: {holdMaxMs: 20000}}',
    );
    upstream.play(said(4, { 'Retry-After': '600', 'X-Api': 'theirs', 'Set-Cookie': 'a=b' }));
    const first = await app.ask('GET /x', host);
    expect([first.status, first.json]).toEqual([400, { error: { code: 4, message: 'slow' } }]);
    expect([first.field('x-api'), first.field('set-cookie')]).toEqual(['theirs', undefined]);
    expect(Number(first.field('retry-after'))).toBeGreaterThan(500);
    const next = await app.ask('GET /y', host);
    expect([next.status, next.json, upstream.arrivals.length]).toEqual([400, first.json, 1]);
    expect(app.lines.map(({ refusal }) => refusal)).toEqual(['holdTimeOver', 'lineFull']);
  });

  it('but not in a coding that they do not take', async () => {
    const app = await start('[{status: 400, pause: 10 min}]');
    const body = gzipSync('{"code":4}');
    upstream.play(gzipped(body));
    for (const [accepts, status] of [
      ['gzip', 400],
      ['br, gzip;q=0.5', 400],
      ['gzip;q=0', 503],
      ['br', 503],
      ['', 503],
    ] as const) {
      const told = await app.ask('GET /x', `${host}${accepts === '' ? '' : `Accept-Encoding: ${accepts}\r\n`}`);
      expect([told.status, told.body.equals(body)], accepts).toEqual([status, status === 400]);
    }
  });

  it('and those who wait already are told with it', async () => {
    const app = await start(
      '[{status: 400, body: {/error/code: 4}, pause: 10 min}]',
      'limits: {default: {rate: 0.1, burst: 1}}',
    );
    let refuse = (): void => {};
    upstream.play((arrival, socket) => {
      refuse = () => said(4)(arrival, socket);
    });
    const first = app.ask('GET /x', host);
    await until(() => upstream.arrivals.length === 1, { what: 'the first request' });
    const second = app.ask('GET /y', host);
    await until(() => app.services.snapshot().lines.some(({ requests }) => requests === 1), {
      what: 'the second in line',
    });
    refuse();
    expect((await Promise.all([first, second])).map(({ status, json }) => [status, json.error.code])).toEqual([
      [400, 4],
      [400, 4],
    ]);
    expect(upstream.arrivals).toHaveLength(1);
  });

  it('of one request only: others go on meanwhile', async () => {
    const app = await start('[{status: 400, body: {/error/code: 131056}, of: request, pause: 10 min}]');
    upstream.play(inTurn(said(131056), ok));
    const told = await app.ask('GET /x', host);
    expect([told.status, told.json.error.code]).toEqual([400, 131056]);
    expect((await app.ask('GET /y', host)).status).toBe(200);
  });

  it('of what shares a narrow limit: the next is told at once, and others go on', async () => {
    const app = await start(
      '[{status: 400, body: {/error/code: 131056}, of: also 1, pause: 10 min}]',
      'limits: {a: {match: ["POST /{to}"], also: [{scope: "path:/{to}", rate: 9, burst: 9}]}}',
    );
    upstream.play(inTurn(said(131056), ok));
    const told = [await app.ask('POST /x', host), await app.ask('POST /x', host)];
    expect(told.map(({ status, json }) => [status, json.error.code])).toEqual([
      [400, 131056],
      [400, 131056],
    ]);
    expect((await app.ask('POST /y', host)).status).toBe(200);
    expect(upstream.arrivals).toHaveLength(2);
  });

  it('passes an answer on that pauses the others', async () => {
    const app = await start('[{status: 400, body: {/error/code: 4}, pause: 10 min, then: pass}]');
    upstream.play(said(4));
    expect((await app.ask('GET /x', host)).status).toBe(400);
    expect((await app.ask('GET /y', host)).status).toBe(503);
    expect(upstream.arrivals).toHaveLength(1);
  });

  it('is told with another status where callers would misread its own', async () => {
    const app = await start('[{status: 401, as: 503, then: pass, of: request}, {status: 403, as: 503, pause: 10 min}]');
    upstream.play(inTurn(say(answer(401, {}, 'theirs')), say(answer(403, {}, 'shut')), ok));
    const told = await app.ask('GET /x', host);
    expect([told.status, told.body.toString(), told.field('www-authenticate')]).toEqual([503, 'theirs', undefined]);
    const shut = await app.ask('GET /x', host);
    expect([shut.status, shut.body.toString()]).toEqual([503, 'shut']);
  });

  it('raises an alarm, which pauses what is least urgent', async () => {
    const app = await start('[{status: 400, body: {/error/code: 131048}, pause: 10 min, then: alarm}]');
    upstream.play(inTurn(said(131048), ok));
    expect((await app.ask('GET /x', host)).status).toBe(400);
    expect((await app.ask('GET /x', host)).status).toBe(200);
    expect((await app.ask('GET /x', `${host}Priority: u=3\r\n`)).status).toBe(200);
    const bulk = await app.ask('GET /x', `${host}Priority: u=4\r\n`);
    expect([bulk.status, bulk.json.code]).toEqual([503, 'lineFull']);
    expect(app.events).toContainEqual({
      level: 'warn',
      message: 'an answer of the upstream is an alarm: requests of urgency 4 to 7 pause',
      fields: { class: 'default', status: 400, pauseMs: 600_000 },
    });
    const figures = (await app.services.meter.scrape(undefined)).body;
    expect(figures).toContain('weir_alarms_total{class="default"} 1');
    expect(figures).toMatch(/^weir_pause_seconds\{class="default",whose="bulk"\} (?:5\d\d\.\d+|600)$/m);
    expect(figures).toMatch(/^weir_pause_seconds\{class="default",whose="all"\} 0$/m);
  });

  it('and what is bulk goes when the alarm is over', async () => {
    const app = await start('[{status: 400, body: {/error/code: 131048}, pause: 50 ms, then: alarm}]');
    upstream.play(inTurn(said(131048), ok));
    await app.ask('GET /x', host);
    expect((await app.ask('GET /x', `${host}Priority: u=7\r\n`)).status).toBe(200);
  });

  it('has operators told of what a rule warns of, once for many, and callers see no challenge that is not theirs', async () => {
    const app = await start('[{status: 4xx, body: {/code: 100..199}, then: pass, as: 503, warn: look at it}]');
    upstream.play(say(answer(401, { ...json, 'WWW-Authenticate': 'OAuth' }, '{"code":150}')));
    for (let i = 0; i < 3; i++) {
      const told = await app.ask('POST /x', host);
      expect([told.status, told.json, told.field('www-authenticate')]).toEqual([503, { code: 150 }, undefined]);
    }
    const lines = app.events.filter(({ message }) => message === 'the upstream says: look at it');
    expect(lines.map(({ level, fields }) => [level, fields['class'], fields['status']])).toEqual([
      ['warn', 'default', 401],
    ]);
    const metrics = await app.metrics();
    expect(metrics).toContain('weir_alarms_total{class="default"} 3');
    upstream.play(say(answer(401, { 'WWW-Authenticate': 'OAuth' }, '{"code":200}')));
    const other = await app.ask('POST /x', host);
    expect([other.status, other.field('www-authenticate')]).toEqual([401, 'OAuth']);
  });

  it('leaves 429 and 503 what they are where no rule speaks of them', async () => {
    const app = await start('[{status: 400, pause: 1 s}]');
    upstream.play(inTurn(say(answer(429)), say(answer(503)), ok));
    expect((await app.ask('GET /x', host)).status).toBe(200);
  });

  it('has rules of a class go before those of all', async () => {
    const more = 'limits: {a: {match: ["* /a"], throttled: [{status: 400, pause: 10 min, then: pass}]}}';
    const app = await start('[{status: 400, pause: 10 ms}]', more);
    upstream.play(inTurn(say(answer(400)), say(answer(400)), ok));
    expect((await app.ask('GET /a', host)).status).toBe(400);
    expect((await app.ask('GET /b', host)).status).toBe(200);
  });

  it('has a class without rules go by those of limits.default, before those of all', async () => {
    const classes = `limits:
  default: {throttled: [{status: 400, of: request, then: pass, as: 410}]}
  follows: {match: ["* /follows"]}
  own: {match: ["* /own"], throttled: [{status: 400, of: request, then: pass, as: 411}]}
  bare: {match: ["* /none"], throttled: []}
`;
    const app = await start('[{status: [400, 403], of: request, then: pass, as: 412}]', classes);
    const told = async (path: string, status: number): Promise<number> => {
      upstream.play(say(answer(status)));
      return (await app.ask(`GET ${path}`, host)).status;
    };
    expect(await told('/elsewhere', 400)).toBe(410);
    expect(await told('/follows', 400)).toBe(410);
    expect(await told('/own', 400)).toBe(411);
    expect(await told('/none', 400)).toBe(412);
    for (const path of ['/elsewhere', '/follows', '/own', '/none'])
      expect([path, await told(path, 403)]).toEqual([path, 412]);
  });
});

describe('A rule', () => {
  const env = { UPSTREAM_URL: 'http://api' };
  test.each([
    ['throttled: [{status: 429, of: also 1}]', 'throttled: "also 1"', 'none'],
    [
      'limits: {a: {match: ["* /a"], also: [{scope: principal, rate: 1}], throttled: [{status: 429, of: also 2}]}}',
      'limits.a.throttled: "also 2"',
      '1',
    ],
    ['limits: {default: {throttled: [{status: 429, of: also 1}]}}', 'limits.default.throttled: "also 1"', 'none'],
    [
      'limits: {default: {throttled: [{status: 429, of: also 1}]}, a: {match: ["* /a"], throttled: [], also: [{scope: principal, rate: 1}]}}',
      'limits.default.throttled: "also 1"',
      'none',
    ],
  ])('of a narrow limit that there is not is refused: %s', (yaml, what, there) => {
    const problem = `${what} is not allowed; give a narrow limit that there is under also: ${there} there`;
    expect(problems(load(`profile: none\n${yaml}`, env))).toEqual([expect.stringContaining(problem)]);
  });

  test('of limits.default may speak of a narrow limit that one of the classes has that go by it', () => {
    const yaml =
      'limits: {default: {throttled: [{status: 429, of: also 1}]}, a: {match: ["* /a"], also: [{scope: principal, rate: 1}]}}';
    expect(problems(load(`profile: none\n${yaml}`, env))).toEqual([]);
  });

  test.each([
    ['[{status: 200}]', '[0].status: 200 is not allowed; give a status from 300 to 599, 4xx or 5xx, or a list of such'],
    ['[{}]', '[0].status: no value is not allowed; give a status from 300 to 599, 4xx or 5xx, or a list of such'],
    [
      '[{status: 429, body: {error: 4}}]',
      '[0].body.error: 4 is not allowed; give a JSON pointer such as /error/code (RFC 6901)',
    ],
    ['[{status: 429, of: lane}]', '[0].of: "lane" is not allowed; give one of class, bucket, request'],
    ['[{status: 429, pause: soon}]', '[0].pause: "soon" is not allowed; give a time'],
    ['[{status: 429, pause: 2 h}]', '[0].pause: "2 h" is not allowed; give a time'],
    [
      '[{status: 429, as: 200}]',
      '[0].as: 200 is not allowed; give the status that callers are to see, from 400 to 599',
    ],
    ['[{status: 429, then: drop}]', '[0].then: "drop" is not allowed; give one of replay, pass, alarm'],
    [
      '[{status: 429, wen: drop}]',
      '[0].wen is not a setting; known here: status, body, fields, of, pause, as, atMost, then',
    ],
    ['[429]', '[0]: 429 is not allowed; give a list of rules such as'],
    ['429', ': 429 is not allowed; give a list of rules such as'],
  ])('%s is refused', (rules, problem) => {
    for (const yaml of [
      `profile: none\nthrottled: ${rules}`,
      `profile: none\nlimits: {a: {match: ["* /a"], throttled: ${rules}}}`,
      `profile: none\nlimits: {default: {throttled: ${rules}}}`,
    ]) {
      const found = problems(load(yaml, env));
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(`throttled${problem}`);
    }
  });
});

describe('In virtual time, a rule that speaks of', () => {
  const roomy = { burst: 9, holdMaxMs: 60_000 };
  const sent = (visit: Visit): Admitted => {
    if (visit.admission?.kind !== 'exchange') throw new Error(`${visit.label} was not sent: ${visit.state}.`);
    return visit.admission;
  };

  test('a bucket pauses all who share it, for all replicas, which are told again while it lasts', async () => {
    const lines = new Lines({ limits: { messages: roomy } });
    const [a] = await lines.arriveAll('a');
    sent(a as Visit).slots.signalled({ of: 'bucket', pauseMs: 12_000, as: null, bulk: false });
    lines.answer(a as Visit);
    lines.arrive('b');
    await lines.clock.run(20_000);
    expect(lines.pushed).toEqual(['messages+5000@1', 'messages+5000@4001', 'messages+4000@8001']);
    expect(lines.sent).toEqual(['a@0', 'b@12001']);
  });

  test('a class pauses all of its buckets, and refuses at once who would wait in vain', async () => {
    const scope = { by: 'path', template: ['v1', 'messages', null], below: true } as const;
    const lines = new Lines({ limits: { messages: { ...roomy, scope, holdMaxMs: 10_000, burst: 1 } } });
    const at = (label: string, number: number) => lines.arrive(label, { path: `/v1/messages/${number}` });
    const [a, b] = [at('a', 1), at('b', 2)];
    await lines.clock.advance(0);
    const waiting = [at('c', 1), at('d', 2)];
    sent(a).slots.signalled({ of: 'class', pauseMs: 12_000, as: null, bulk: false });
    expect(waiting.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
    await lines.clock.advance(1);
    expect(waiting.map(({ state }) => state)).toEqual(['holdTimeOver', 'holdTimeOver']);
    await lines.clock.advance(5_000);
    const late = at('e', 1);
    expect(late.state).toBe('waiting');
    await lines.clock.run(20_000);
    expect(late.state).toBe('sent');
    expect(lines.sent).toEqual(['a@0', 'b@0', 'e@12000']);
    for (const visit of [a, b, late]) lines.answer(visit);
    expect(lines.pushed).toEqual([]);
  });

  test('one request lets all others go', async () => {
    const lines = new Lines({ limits: { messages: roomy } });
    const [a] = await lines.arriveAll('a');
    lines.sendBackBy(a as Visit, { of: 'request', pauseMs: 5_000, as: null, bulk: false });
    await lines.arriveAll('bc');
    await lines.clock.run(10_000);
    expect(lines.sent).toEqual(['a@0', 'b@1', 'c@2', 'a@5001']);
    expect(lines.pushed).toEqual([]);
  });

  describe('a lane', () => {
    const scene = (serial: boolean, tellPause: TellPause = () => {}) => {
      const also = [narrowLimit('path:/v1/messages/{number}', { rate: serial ? null : 1, burst: 2 })];
      const lines = new Lines({ limits: { messages: { rate: 100, burst: 100, holdMaxMs: 10_000, also } }, tellPause });
      const to = (number: string) => lines.arrive(number, { path: `/v1/messages/${number}` });
      return { lines, to };
    };
    const of = (pauseMs: number, number = 1) => ({ of: number, pauseMs, bulk: false, as: null });

    test.each([false, true])('pauses it and nobody else (serial: %s)', async (serial) => {
      const { lines, to } = scene(serial);
      const x = to('x');
      await lines.clock.advance(1);
      lines.sendBackBy(x, of(3_000));
      x.exchange.serialLanes?.[Symbol.dispose]();
      to('x');
      to('y');
      await lines.clock.run(2_999);
      expect(lines.sent.map((one) => one[0])).toEqual(['x', 'y']);
      await lines.clock.run(9_000);
      expect(lines.sent.slice(2).every((one) => one.startsWith('x@'))).toBe(true);
      expect(Number(lines.sent[2]?.slice(2))).toBeGreaterThanOrEqual(3_000);
    });

    test('tells those who wait in it in vain, newcomers as well, and the other replicas', async () => {
      const told: PauseNotice[] = [];
      const { lines, to } = scene(false, (notice) => void told.push(notice));
      const first = to('x');
      await lines.clock.advance(0);
      const others = [to('x'), to('x'), to('x')];
      await lines.clock.advance(50);
      const { slots } = sent(first);
      slots.signalled(of(60_000), first.exchange);
      slots.signalled(of(60_000), first.exchange);
      await lines.clock.advance(0);
      expect(others.map(({ state }) => state)).toEqual(['sent', 'holdTimeOver', 'holdTimeOver']);
      expect(await lines.told('x', { path: '/v1/messages/x' })).toBe('lineFull');
      expect(await lines.told('y', { path: '/v1/messages/y' })).toBe('sent');
      const bucket = 'messages~1:digest of x';
      expect(told).toEqual([{ class: 'messages', bucket, bulk: false, ms: 60_000, answer: null }]);
      // It is forgotten when it is over, and not before.
      expect(lines.admit.gates('messages').lanes?.size).toBe(1);
      await lines.clock.run(61_000);
      expect(lines.admit.gates('messages').lanes?.size).toBe(0);
      expect(await lines.told('x', { path: '/v1/messages/x' })).toBe('sent');
    });

    test('that another replica tells of pauses here', async () => {
      const { lines, to } = scene(false);
      const answer = { status: 400, fields: [], body: Buffer.from('slow') };
      const bucket = 'messages~1:digest of x';
      lines.admit.heard({ class: 'messages', bucket, bulk: false, ms: 20_000, answer });
      lines.admit.heard({ class: 'messages', bucket: 'messages~7:digest of x', bulk: false, ms: 20_000, answer });
      const [x, y] = [to('x'), to('y')];
      await lines.clock.advance(0);
      expect([x.state, y.state]).toEqual(['lineFull', 'sent']);
      expect(x.admission).toMatchObject({ answer, retryAfterMs: 20_000 });
      await lines.clock.run(15_000);
      const late = to('x');
      await lines.clock.run(25_000);
      expect([late.state, lines.sent.at(-1)]).toEqual(['sent', 'x@20000']);
    });

    test('that the request has not pauses that request alone', async () => {
      const { lines, to } = scene(false);
      const x = to('x');
      await lines.clock.advance(1);
      lines.sendBackBy(x, of(3_000, 2));
      to('x');
      await lines.clock.run(6_000);
      expect(lines.sent.map((one) => one.split('@')[0])).toEqual(['x', 'x', 'x']);
      expect(Number(lines.sent[1]?.slice(2))).toBeLessThan(1_000);
    });
  });

  test('bulk lets what is urgent go, and what is not when it is over', async () => {
    const lines = new Lines({ limits: { messages: { ...roomy, burst: 1 } } });
    const bulk = { fields: ['Priority', 'u=5'] };
    const a = lines.arrive('a');
    await lines.clock.advance(0);
    const b = lines.arrive('b', bulk);
    sent(a).slots.signalled({ of: 'class', pauseMs: 3_000, as: null, bulk: true });
    const c = lines.arrive('c');
    await lines.clock.run(10_000);
    expect(lines.sent).toEqual(['a@0', 'c@100', 'b@3000']);
    for (const visit of [a, b, c]) lines.answer(visit);
  });
});
