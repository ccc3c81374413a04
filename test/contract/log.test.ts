import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/adapters/log/format.ts';
import { createLog } from '../../src/adapters/log/log.ts';
import { machineClock } from '../../src/adapters/node/clock.ts';
import type { RequestLine } from '../../src/observe/request-line.ts';
import { temporaryFolder } from '../support/files.ts';
import { keptLog, sentMessage as line } from '../support/log-lines.ts';
import { type Script, startScript } from '../support/scripts.ts';
import { until, within } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

type Said = { msg: string; outcome?: string; user?: string; lines?: number; i?: number };
const linesOf = (text: string): Said[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the line of a request', () => {
  it('says why Weir cut its answer off, where it did', () => {
    const { log, lines } = keptLog();
    log.request({ ...line, cut: 'callerSlow' });
    log.request(line);
    expect(lines()).toMatchObject([{ cut: 'callerSlow' }, { requestId: line.id }]);
    expect(lines()[1]).not.toHaveProperty('cut');
  });

  it('has no trace where there is none', () => {
    const { log, lines } = keptLog();
    log.request({ ...line, traceId: null, spanId: null });
    expect(lines()[0]).not.toHaveProperty('trace_id');
  });

  it.each<[string, Partial<RequestLine>, Record<string, unknown>]>([
    ['the API key', { principal: { kind: 'key' } }, { principal: 'key' }],
    ['nobody yet', { principal: null, class: 'none' }, { principal: null, class: 'none' }],
    ['no query, where secrets travel', { path: '/v1/media?token=abc' }, { path: '/v1/media' }],
    ['the trace, where there is one', { traceId: 'ab'.repeat(16) }, { trace_id: 'ab'.repeat(16) }],
    ['a quote and a newline as JSON has them', { id: 'a"\n\\b' }, { requestId: 'a"\n\\b' }],
    ['letters beyond ASCII', { path: '/v1/übung\u2028' }, { path: '/v1/übung\u2028' }],
    [
      'a refusal of Weir’s own as a warning',
      { status: 503, refusal: 'lineFull' },
      { level: 'warn', refusal: 'lineFull' },
    ],
    ['a caller’s mistake as no warning', { status: 401, refusal: 'unauthenticated' }, { level: 'info' }],
    ['the Coreapp’s own 500 as no warning', { status: 500 }, { level: 'info' }],
  ])('%s', (_, change, expected) => {
    const { log, texts, lines } = keptLog();
    log.request({ ...line, ...change });
    expect(lines()[0]).toMatchObject(expected);
    expect(texts[0]?.trimEnd()).not.toContain('\n');
  });

  it.each<[LogLevel, number]>([
    ['debug', 2],
    ['info', 2],
    ['warn', 1],
    ['error', 0],
    ['silent', 0],
  ])('at level %s, of one that passed and one that Weir refused, %i are written', (level, count) => {
    const { log, texts } = keptLog({ level });
    log.request(line);
    log.request({ ...line, status: 503, refusal: 'holdTimeOver' });
    expect(texts).toHaveLength(count);
  });

  it('the time goes on', () => {
    const clock = new VirtualClock(Date.UTC(2026, 10, 23, 23, 59, 59, 7));
    const times: unknown[] = [];
    const log = createLog({
      level: 'info',
      clock: {
        now: () => clock.now(),
        wallMs: () => clock.wallMs() + times.length * 993,
        after: () => ({ cancel() {} }),
      },
      destination: { write: (text) => void times.push((JSON.parse(text) as { time: string }).time) },
    });
    for (let i = 0; i < 3; i++) log.request(line);
    expect(times).toEqual(['2026-11-23T23:59:59.007Z', '2026-11-24T00:00:00.000Z', '2026-11-24T00:00:00.993Z']);
  });
});

describe('events', () => {
  it('bring their level, time, message and fields', () => {
    const { log, lines } = keptLog();
    log.warn('the store is away', { store: 'redis', retryMs: 50 });
    expect(lines()).toEqual([
      { level: 'warn', time: '2026-11-23T01:20:14.123Z', store: 'redis', retryMs: 50, msg: 'the store is away' },
    ]);
  });

  it('below the level are not written', () => {
    const { log, lines } = keptLog({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines().map(({ msg }) => msg)).toEqual(['c', 'd']);
  });

  it('show an error with its code and cause', () => {
    const { log, lines } = keptLog();
    const error = Object.assign(new TypeError('no', { cause: new Error('why') }), { code: 'ECONNREFUSED' });
    log.error('failed', { err: error });
    expect(lines()[0]?.['err']).toMatchObject({
      type: 'TypeError',
      message: 'no',
      code: 'ECONNREFUSED',
      stack: expect.stringContaining('log.test.ts'),
      cause: { message: 'why' },
    });
  });

  it('keep a field that is named like one of the line’s own', () => {
    const { log, texts, lines } = keptLog();
    log.info('said', { msg: 'clash', level: 9 });
    expect(texts[0]?.match(/"msg"/g)).toHaveLength(1);
    expect(lines()[0]).toMatchObject({ level: 'info', msg: 'said', field_msg: 'clash', field_level: 9 });
  });

  it('survive a circle', () => {
    const { log, texts } = keptLog();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    log.info('round', circle);
    expect(texts).toHaveLength(1);
  });

  const secret = 'hunter2-hunter2';
  it.each<[string, Record<string, unknown>]>([
    ['a password', { password: secret }],
    ['a new password, deeper', { body: { new_password: secret } }],
    ['a header field', { fields: { Authorization: `Bearer ${secret}` } }],
    ['a token', { token: secret }],
    ['the API key', { apiKey: secret }],
    ['the API key as the environment names it', { WA_API_KEY: secret }],
    ['an URL with a password', { url: `redis://user:${secret}@redis:6379/0` }],
    ['an URL with a slash in its password', { url: `redis://:a/${secret}@redis:6379/0` }],
    ['an URL object', { target: new URL(`http://u:${secret}@coreapp/`) }],
    ['an URL in a list', { peers: [`redis://:${secret}@a`] }],
    [
      'an error’s message, stack and cause',
      { err: new Error(`at redis://:${secret}@a`, { cause: new Error(`x://${secret}@a`) }) },
    ],
    ['an error’s own field', { err: Object.assign(new Error('x'), { token: secret }) }],
    ['the text of a header field', { line: `authorization: Apikey ${secret}` }],
  ])('never show %s', (_, fields) => {
    const { log, texts } = keptLog();
    log.error('look', fields);
    expect(texts[0]).not.toContain('hunter2');
    expect(texts[0]).toContain('[redacted]');
  });

  it('never show a password in their message', () => {
    const { log, lines } = keptLog();
    log.info(`connected to redis://:${secret}@redis:6379`);
    expect(lines()[0]?.['msg']).toBe('connected to redis://[redacted]@redis:6379');
  });

  it('show counts, flags and prose about secrets', () => {
    const { log, lines } = keptLog();
    log.info('Basic credentials are for the login', { tokens: 3, passwordSet: true });
    expect(lines()[0]).toMatchObject({ msg: 'Basic credentials are for the login', tokens: 3, passwordSet: true });
  });
});

describe('a file descriptor', () => {
  const folder = temporaryFolder(afterAll);

  it('gets the lines of a quiet system soon, in order', async () => {
    const file = join(folder, 'log');
    const log = createLog({ level: 'info', clock: machineClock, destination: openSync(file, 'w') });
    log.info('one');
    log.request(line);
    const text = await until(() => readFileSync(file, 'utf8') || null, { what: 'the first lines' });
    expect(linesOf(text).map(({ msg }) => msg)).toEqual(['one', 'request']);
  });
});

/** A process of its own that logs to its stdout. */
const saying = (body: string): Script =>
  startScript(`
  import { createLog } from './src/adapters/log/log.ts';
  import { machineClock } from './src/adapters/node/clock.ts';
  const log = createLog({ level: 'info', clock: machineClock });
  ${body}`);

/** The lines of a script that nobody reads until it has written all of them. */
async function readLate(child: Script) {
  await once(child.process.stderr, 'data');
  child.process.stdin.write('go');
  return linesOf(await child.output());
}

describe('stdout', () => {
  it('has every line, whole and in order, when the process exits at once', async () => {
    await using child = saying("for (let i = 0; i < 5000; i++) log.info('n', { i }); process.exit(3);");
    const numbers = linesOf(await child.output()).map(({ i }) => i);
    expect(numbers).toEqual(Array.from({ length: 5_000 }, (_, i) => i));
    expect((await child.exited).code).toBe(3);
  });

  it('has every line after flush()', async () => {
    await using child = saying("log.info('last'); await log.flush(); process.kill(process.pid, 'SIGKILL');");
    expect(await child.output()).toContain('"msg":"last"');
  });

  it('that nobody reads any more does not keep the process from exiting', async () => {
    await using child = saying(
      "log.info('a'); process.stdin.once('data', () => { log.info('b'); process.exit(0); }); console.error('up');",
    );
    await once(child.process.stderr, 'data');
    child.process.stdout.destroy();
    child.process.stdin.write('go');
    expect((await within(child.exited, { what: 'the exit' })).code).toBe(0);
  });

  it('that is not read drops what is beyond 8 Mi characters, and says how many lines when it is', async () => {
    await using child = saying(`
        const text = 'x'.repeat(100_000);
        for (let i = 0; i < 200; i++) log.info(text);
        console.error('written');
        process.stdin.once('data', async () => { await log.flush(); process.exit(0); });`);
    const messages = await readLate(child);
    const dropped = messages.find(({ msg }) => msg.startsWith('log lines dropped'));
    expect(messages.length - 1 + (dropped?.lines ?? 0)).toBe(200);
    expect(dropped?.lines).toBeGreaterThan(100);
  });

  it('that is not read drops the audit trail last: refused logins only after requests, done ones after those', async () => {
    await using child = saying(`
        const text = 'x'.repeat(100_000);
        const audit = (outcome, user) => log.audit({ action: 'login', outcome, reason: null, user });
        for (let i = 0; i < 200; i++) log.info(text);
        audit('refused', 'first');
        for (let i = 0; i < 200; i++) audit('refused', text);
        audit('done', 'intruder');
        console.error('written');
        process.stdin.once('data', async () => { await log.flush(); process.exit(0); });`);
    const messages = await readLate(child);
    const who = messages.filter(({ msg }) => msg === 'audit').map(({ outcome, user = '' }) => `${outcome} ${user}`);
    expect(who.filter((one) => one.length < 100)).toEqual(['refused first', 'done intruder']);
    expect(who.length).toBeLessThan(202);
    expect(messages.find(({ msg }) => msg.startsWith('log lines dropped'))?.lines).toBeGreaterThan(200);
  });
});
