/** `RateLimit-Policy` and `RateLimit` on forwarded answers: what is left, and never more than the Coreapp says. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { type Left, leftOf, RateLimitFields } from '../../src/admission/rate/rate-limit-fields.ts';
import { bucketName } from '../../src/admission/rate/scope.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { Lines } from '../support/lines.ts';
import type { RawAnswer } from '../support/raw.ts';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';

const messages = { rate: 50, burst: 150 };
const left = (requests: number, resetS: number): Left => ({ requests, resetS });

/** The fields that are added to an answer of the Coreapp with these. */
function fieldsOf(bucket: string, ours: Left, coreapps: string[] = []): Record<string, string | undefined> {
  const out: string[] = [];
  new RateLimitFields(bucket, messages, () => ours).addTo(out, coreapps);
  return Object.fromEntries(out.flatMap((name, i) => (i % 2 === 0 ? [[name, out[i + 1]]] : [])));
}

describe('The policy', () => {
  test.each<[rate: number, burst: number, policy: string]>([
    // a window that holds the burst, in whole seconds, and what flows in it
    [50, 150, 'q=150;w=3'],
    [20, 60, 'q=60;w=3'],
    [30, 100, 'q=120;w=4'],
    [1_000, 10, 'q=1000;w=1'],
    [0.1, 3, 'q=3;w=30'],
    [0.7, 1, 'q=1;w=2'],
  ])('of %d/s with bursts of %d is %s', (rate, burst, policy) => {
    const out: string[] = [];
    new RateLimitFields('messages', { rate, burst }, () => left(1, 1)).addTo(out, []);
    expect(out.slice(0, 2)).toEqual(['RateLimit-Policy', `"messages";${policy}`]);
  });

  test('of a bucket for one value names it by its digest, as both fields do', () => {
    const digest = nodeSecrets.digest('user:anna');
    const pk = Buffer.from(digest, 'hex').toString('base64');
    expect(fieldsOf(bucketName('messages', digest), left(42, 1))).toEqual({
      'RateLimit-Policy': `"messages";q=150;w=3;pk=:${pk}:`,
      RateLimit: `"messages";r=42;t=1;pk=:${pk}:`,
    });
  });

  test('of the bucket for those without a value names none', () => {
    expect(fieldsOf(bucketName('messages', null), left(42, 1))['RateLimit']).toBe('"messages";r=42;t=1');
  });
});

describe('What is left', () => {
  test.each<[level: number, waiting: number, pauseMs: number, r: number, t: number]>([
    // Whoever spreads r over t keeps to the rate of 50/s.
    [150, 0, 0, 150, 3],
    [75.9, 0, 0, 75, 2],
    [50, 0, 0, 50, 1],
    [0.99, 0, 0, 0, 1],
    [0, 0, 0, 0, 1],
    // Those in line go first.
    [10, 4, 0, 6, 1],
    [10, 500, 0, 0, 11],
    // The Coreapp asked for a pause.
    [100, 0, 4_200, 0, 5],
    [100, 0, -1, 100, 2],
  ])('of a level of %d with %i in line and a pause of %d ms: %i, looked at again after %i s', (...row) => {
    const [level, waiting, pauseMs, r, t] = row;
    expect(leftOf(messages, level, waiting, pauseMs)).toEqual(left(r, t));
  });
});

describe('Where the Coreapp says what is left', () => {
  test.each<[string, coreapps: string[], limit: string]>([
    ['more than is left here, that counts', ['RateLimit', '"default";r=99;t=1'], 'r=42;t=2'],
    ['less, its own counts', ['RateLimit', '"default";r=5;t=1'], 'r=5;t=2'],
    ['nothing for a minute, its reset counts, too', ['ratelimit', '"default";r=0;t=60'], 'r=0;t=60'],
    ['several things, the least counts', ['RateLimit', '"hour";r=900;t=9, "day";r=7;t=99'], 'r=7;t=99'],
    ['them in several fields, too', ['RateLimit', '"a";r=9', 'Via', '1.1 x', 'RateLimit', '"b";t=3;r=3'], 'r=3;t=3'],
    ['what only looks like it, it is no parameter', ['RateLimit', '"x;r=0";r=50;t=1'], 'r=42;t=2'],
    ['it as earlier drafts had it', ['RateLimit', 'limit=100, remaining=12, reset=5'], 'r=12;t=2'],
    ['it in a field of its own', ['RateLimit-Remaining', '3'], 'r=3;t=2'],
    ['it in the common X- form', ['X-RateLimit-Remaining', '4', 'X-RateLimit-Reset', '1767225600'], 'r=4;t=2'],
    ['it in the other one', ['X-Rate-Limit-Remaining', '1'], 'r=1;t=2'],
    ['something malformed, it is ignored', ['RateLimit', '"x";r=-1', 'X-RateLimit-Remaining', 'none'], 'r=42;t=2'],
    ['a fraction, it is malformed', ['RateLimit', '"x";r=1.5'], 'r=42;t=2'],
    ['something else', ['RateLimit-Limit', '1', 'RateLimit-Policy', '"x";q=1;w=1'], 'r=42;t=2'],
  ])('%s', (_, coreapps, limit) => {
    expect(fieldsOf('messages', left(42, 2), coreapps)['RateLimit']).toBe(`"messages";${limit}`);
  });
});

describe('In line', () => {
  const told = (lines: Lines, label: string) => {
    const visit = lines.visits.find((one) => one.label === label);
    if (visit?.admission?.kind !== 'exchange') throw new Error(`${label} was not sent.`);
    const out: string[] = [];
    visit.admission.rateLimit?.addTo(out, []);
    return out[3];
  };

  test('the figures follow what is used, what waits and what flows in', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 20, rateLimitFields: true } } });
    for (let i = 0; i < 5; i++) lines.arrive(`${i}`);
    await lines.clock.advance(0);
    expect(told(lines, '4')).toBe('"messages";r=14;t=2'); // 14.8: the time of a reply is taken off, too.
    await lines.clock.advance(320);
    expect(told(lines, '4')).toBe('"messages";r=18;t=2');
    for (let i = 5; i < 40; i++) lines.arrive(`${i}`);
    await lines.clock.advance(0);
    expect(lines.line().requests).toBe(17);
    expect(told(lines, '4')).toBe('"messages";r=0;t=2'); // The eighteenth from now on: 1.8 s.
    await lines.clock.advance(60_000);
    expect(told(lines, '4')).toBe('"messages";r=20;t=2');
  });

  test('the level in /status follows them, too', async () => {
    const lines = new Lines({ limits: { messages: { rate: 10, burst: 20 } } });
    const level = () => lines.admit.snapshot().buckets.find((bucket) => bucket.class === 'messages')?.level;
    expect(level()).toBe(20);
    for (let i = 0; i < 30; i++) lines.arrive(`${i}`);
    await lines.clock.advance(0);
    expect(level()).toBe(0);
    await lines.clock.advance(60_000);
    expect(level()).toBe(20);
  });

  test('nothing is told where it was not asked for', async () => {
    const lines = new Lines();
    lines.arrive('a');
    await lines.clock.advance(0);
    expect(told(lines, 'a')).toBeUndefined();
  });
});

describe('On the wire', () => {
  let upstream: Upstream;
  let app: TestApp;
  beforeEach(async () => {
    upstream = await startUpstream();
    // So slow that nothing flows in while a test runs.
    app = await startTestApp(upstream.url, 'limits: {contacts: {rate: 0.1, burst: 9, rateLimitFields: true}}');
  });
  afterEach(async () => {
    await app.close(0);
    await upstream.stop();
  });
  /** One is used, and for a moment the time that a reply may take. */
  const first = /^"contacts";(r=8;t=80|r=7;t=70)$/;
  const limits = (told: RawAnswer) => told.all('ratelimit');

  test('an answer of the Coreapp has them, an answer of another class has not', async () => {
    const told = await app.send('GET /v1/contacts');
    expect(told.all('ratelimit-policy')).toEqual(['"contacts";q=9;w=90']);
    expect(limits(told)).toEqual([expect.stringMatching(first)]);
    for (let sent = 1; sent < 8; sent++) await app.send('GET /v1/contacts');
    expect(limits(await app.send('GET /v1/contacts'))).toEqual(['"contacts";r=0;t=10']);
    expect(limits(await app.send('GET /v1/media/1'))).toEqual([]);
  });

  test('the Coreapp’s own stay as they are, and none of ours says more', async () => {
    upstream.play(say(answer(200, { 'RateLimit-Policy': '"core";q=5;w=1', RateLimit: '"core";r=2;t=1' }, 'ok')));
    const told = await app.send('GET /v1/contacts');
    expect(told.all('ratelimit-policy')).toEqual(['"core";q=5;w=1', '"contacts";q=9;w=90']);
    expect(limits(told)).toEqual(['"core";r=2;t=1', expect.stringMatching(/^"contacts";r=2;t=[78]0$/)]);
  });

  test.each([
    [404, 1],
    [500, 1],
    [302, 0], // Nobody is to wait before following it.
    [304, 0],
  ])('whatever the status, but for redirections: %i', async (status, times) => {
    upstream.play(say(answer(status)));
    expect(limits(await app.send('GET /v1/contacts'))).toHaveLength(times);
  });

  test('/status shows the level', async () => {
    await app.send('GET /v1/contacts');
    const { json } = await app.ops('/status');
    const bucket = json.buckets.find((one: { class: string }) => one.class === 'contacts');
    expect(bucket).toMatchObject({ class: 'contacts', live: 1, slotsHeld: 0 });
    expect([7, 8]).toContain(bucket.level);
  });
});
