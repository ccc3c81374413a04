/** What answers announce of an upstream's limits before it refuses: what is understood, and what follows. */
import { afterAll, describe, expect, test } from 'vitest';
import { announced, type HeedRule } from '../../src/signals/heed.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import { answer, inTurn, type Script, say, startUpstream } from '../support/upstream.ts';

const wallMs = Date.UTC(2026, 10, 26, 12);
const common = { of: 'bucket', mostMs: 3_600_000 } as const;
const msOf = (rule: HeedRule, ...fields: string[]) => announced([rule], fields, () => wallMs)?.pauseMs ?? 0;

describe('A field for what remains and one for the reset', () => {
  const rule = { ...common, by: 'remaining', remaining: 'x-left', reset: 'x-reset', as: 'auto' } as const;
  test.each([
    ['0', '30', 30_000],
    ['0.4', '30', 30_000],
    ['-1', '30', 30_000],
    ['1', '30', 0],
    ['0', '6m0s', 360_000],
    ['0', '1795694460', 60_000],
    ['0', '1795694460000', 60_000],
    ['0', 'Thu, 26 Nov 2026 12:01:00 GMT', 60_000],
    ['0', 'Thu, 26 Nov 2026 11:59:00 GMT', 0],
    ['0', '1795694300', 0],
    ['0', '86400', 3_600_000],
    ['0', 'soon', 0],
    ['none', '30', 0],
    ['', '30', 0],
    ['0x0', '30', 0],
    ['0, 5', '30', 0],
  ])('%j and %j: a pause of %d ms', (left, reset, ms) => {
    expect(msOf(rule, 'X-Left', left, 'X-Reset', reset)).toBe(ms);
  });
  test('one without the other says nothing', () => {
    expect([msOf(rule, 'X-Left', '0'), msOf(rule, 'X-Reset', '9'), msOf(rule)]).toEqual([0, 0, 0]);
  });
});

describe('A RateLimit field', () => {
  const rule = { ...common, by: 'structured', name: 'ratelimit' } as const;
  test.each([
    ['"default";r=0;t=30', 30_000],
    ['"default"; r=0; t=30', 30_000],
    ['"default";r=50;t=30', 0],
    ['"burst";r=0;t=2, "daily";r=0;t=50;pk=:YWJj:', 50_000],
    ['"burst";r=3;t=90, "daily";r=0;t=50', 50_000],
    ['default;r=0;t=30', 30_000],
    ['"a;r=0;t=9";r=5;t=30', 0],
    ['"default";r=0', 0],
    ['"default";r=0;t="30"', 0],
    ['"default";r=0;t=30,', 0],
    ['"default;r=0;t=30', 0],
    ['limit=100, remaining=0, reset=50', 50_000],
    ['limit=100, remaining=1, reset=50', 0],
    ['', 0],
  ])('%s: a pause of %d ms', (value, ms) => {
    expect(msOf(rule, 'RateLimit', value)).toBe(ms);
  });
  test('may come in several lines', () => {
    expect(msOf(rule, 'RateLimit', '"a";r=3;t=9', 'RateLimit', '"b";r=0;t=4')).toBe(4_000);
  });
});

describe('A usage of more than 90 %', () => {
  const rule = { ...common, by: 'usage', name: 'x-usage', above: 90, ms: 7_000 } as const;
  test.each([
    ['{"call_count":91,"total_time":3,"total_cputime":4}', 7_000],
    ['{"call_count":28,"total_time":3,"total_cputime":95.5}', 7_000],
    ['{"call_count":90}', 0],
    ['{"call_count":"91"}', 0],
    ['{"other":91}', 0],
    ['{"1":[{"type":"m","call_count":92,"estimated_time_to_regain_access":0}]}', 7_000],
    ['{"1":[{"type":"m","call_count":92,"estimated_time_to_regain_access":2}]}', 120_000],
    ['{"1":[{"call_count":1,"estimated_time_to_regain_access":99}]}', 0],
    ['39/40', 7_000],
    ['36/40', 0],
    ['3/0', 7_000],
    ['97 %', 7_000],
    ['97', 7_000],
    ['[', 0],
    ['null', 0],
    ['"97"', 0],
    ['1e999', 0],
    ['', 0],
  ])('in %s: a pause of %d ms', (value, ms) => {
    expect(msOf(rule, 'X-Usage', value)).toBe(ms);
  });
});

test('Of several rules the longest pause counts', () => {
  const rules: readonly HeedRule[] = [
    { ...common, by: 'structured', name: 'ratelimit' },
    { of: 'class', mostMs: 40_000, by: 'structured', name: 'x-other' },
  ];
  const fields = ['RateLimit', '"a";r=0;t=30', 'X-Other', '"a";r=0;t=90'];
  expect(announced(rules, fields, () => wallMs)).toEqual({ of: 'class', pauseMs: 40_000, bulk: false, as: null });
  expect(announced(rules, fields.slice(0, 2), () => wallMs)).toMatchObject({ of: 'bucket', pauseMs: 30_000 });
});

describe('An upstream that announces that nothing is left', async () => {
  const upstream = await startUpstream();
  afterAll(() => upstream.stop());
  const start = (heed: string, more = ''): Promise<TestApp> =>
    startTestApp(upstream.url, `profile: none\nauth: {open: true}\nheed: ${heed}\n${more}`);
  const left = (remaining: number, reset: string, status = 200): Script =>
    say(answer(status, { 'X-RateLimit-Remaining': String(remaining), 'X-RateLimit-Reset': reset }, 'ok'));
  const host = 'Host: weir\r\n';
  const rule = '[{remaining: X-RateLimit-Remaining, reset: X-RateLimit-Reset}]';

  test('is asked again after the reset; the answer is its caller’s, unchanged', async () => {
    await using app = await start(rule);
    const began = performance.now();
    upstream.play(inTurn(left(0, '300ms'), left(5, '9')));
    const first = await app.ask('GET /x', host);
    expect([first.status, first.body.toString(), first.field('x-ratelimit-reset')]).toEqual([200, 'ok', '300ms']);
    expect((await app.ask('GET /y', host)).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
    expect((await app.ask('GET /z', host)).status).toBe(200);
    expect(upstream.arrivals).toHaveLength(3);
  });

  test('for longer than anybody waits: the next is told at once, and not with another’s answer', async () => {
    await using app = await start(rule);
    upstream.play(inTurn(left(0, '600')));
    expect((await app.ask('GET /x', host)).status).toBe(200);
    const told = await app.ask('GET /y', host);
    expect([told.status, told.body.includes('ok'), upstream.arrivals.length]).toEqual([503, false, 1]);
    expect(Number(told.field('retry-after'))).toBeGreaterThan(500);
  });

  test('in a field that only some classes go by: their own, else those of limits.default, and those of all besides', async () => {
    const ruleOf = (name: string): string => `[{remaining: ${name}-Left, reset: X-Reset}]`;
    const classes = `limits:
  default: {heed: ${ruleOf('Usual')}}
  follows: {match: ["* /follows"]}
  own: {match: ["* /own"], heed: ${ruleOf('Own')}}
  bare: {match: ["* /bare"], heed: []}
`;
    const pausedBy = async (field: string): Promise<string[]> => {
      await using app = await start(ruleOf('Any'), classes);
      upstream.play(say(answer(200, { [`${field}-Left`]: '0', 'X-Reset': '600' }, 'ok')));
      const paths = ['/elsewhere', '/follows', '/own', '/bare'];
      const paused: string[] = [];
      for (const path of paths) {
        expect([path, (await app.ask(`GET ${path}`, host)).status]).toEqual([path, 200]);
        if ((await app.ask(`GET ${path}`, host)).status === 503) paused.push(path);
      }
      return paused;
    };
    expect(await pausedBy('Usual')).toEqual(['/elsewhere', '/follows']);
    expect(await pausedBy('Own')).toEqual(['/own']);
    expect(await pausedBy('Any')).toEqual(['/elsewhere', '/follows', '/own', '/bare']);
    expect(await pausedBy('Other')).toEqual([]);
  });

  test('together with a refusal: the refusal counts', async () => {
    await using app = await start(rule);
    upstream.play(inTurn(left(0, '600', 429), left(5, '9')));
    expect((await app.ask('GET /x', host)).status).toBe(200);
    expect(upstream.arrivals).toHaveLength(2);
  });
});

describe('A rule', () => {
  test.each([
    ['[{}]', 'heed[0]: a group of settings is not allowed; give one of remaining with reset, structured, and usage'],
    ['[{remaining: a}]', 'give one of remaining with reset, structured, and usage'],
    ['[{structured: a, usage: b}]', 'give one of remaining with reset, structured, and usage'],
    ['[{usage: a, above: 200}]', 'heed[0].above: 200 is not allowed; give a percentage from 1 to 100'],
    ['[{usage: a, pause: soon}]', 'heed[0].pause: "soon" is not allowed; give a time up to 1 h, such as 2 s'],
    ['[{usage: a b}]', 'heed[0].usage: "a b" is not allowed; give the name of a field'],
    ['[{usage: a, of: request}]', 'heed[0].of: "request" is not allowed; give one of class, bucket'],
    ['[{usage: a, over: 90}]', 'heed[0].over is not a setting; known here: remaining, reset, as, structured, usage,'],
    ['ratelimit', 'heed: "ratelimit" is not allowed; give a list of rules such as'],
  ])('%s is refused', (rules, problem) => {
    const yamls = [
      `heed: ${rules}`,
      `limits: {default: {heed: ${rules}}}`,
      `limits: {a: {match: ["* /a"], heed: ${rules}}}`,
    ];
    for (const yaml of yamls) {
      const found = problems(load(`profile: none\n${yaml}`, { UPSTREAM_URL: 'http://api' }));
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(problem);
    }
  });
});
