/** A 503, by profile (docs/decisions/0023-what-a-503-says.md): what goes again, what is passed on, and what it teaches. */
import { beforeEach, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.ts';
import { appForAll, upstreamForAll } from '../support/start-for-all.ts';
import { answer, inTurn, say } from '../support/upstream.ts';

const upstream = await upstreamForAll();
const json = { 'Content-Type': 'application/json' };
const ok = say(answer(200, {}, 'done'));
const bare = say(answer(503, {}, 'its own words'));
const later = say(answer(503, { 'Retry-After': '0' }));
const coded = (code: number, fields = {}) =>
  say(answer(503, { ...json, ...fields }, JSON.stringify({ error: { code } })));

beforeEach(() => upstream.play(ok));

/** What its caller is told, and how often it was sent. */
async function outcome(app: TestApp, line: string, fields = ''): Promise<readonly [number, string, number]> {
  const told = await app.ask(line, `Host: weir\r\nContent-Length: 2\r\n${fields}`, '{}');
  return [told.status, told.body.toString(), upstream.arrivals.length];
}

describe('With the profile none', async () => {
  const yaml = `profile: none
auth: {open: true}
coreapp: {honoursIdempotencyKey: [keyed]}
limits:
  keyed: {match: ["* /keyed/**"]}
  throttles: {match: ["* /throttles/**"], throttled: [{status: 503, of: class, then: replay}]}
  never: {match: ["* /never/**"], throttled: [{status: 503, of: request, then: pass}]}
`;
  const app = await appForAll(upstream, yaml);

  test.each(['POST', 'PATCH', 'LOCK'])('a bare one is passed on to a %s, which was sent once', async (method) => {
    upstream.play(inTurn(bare, ok));
    expect(await outcome(app, `${method} /orders`)).toEqual([503, 'its own words', 1]);
  });

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('a %s goes again', async (method) => {
    upstream.play(inTurn(bare, ok));
    expect(await outcome(app, `${method} /orders`)).toEqual([200, method === 'HEAD' ? '' : 'done', 2]);
  });

  test('a POST goes again after one that says when', async () => {
    upstream.play(inTurn(later, ok));
    expect(await outcome(app, 'POST /orders')).toEqual([200, 'done', 2]);
  });

  test('a POST with a key goes again where keys are honoured', async () => {
    upstream.play(inTurn(bare, ok));
    expect(await outcome(app, 'POST /keyed/1', 'Idempotency-Key: "8e03978e"\r\n')).toEqual([200, 'done', 2]);
    upstream.play(inTurn(bare, ok));
    expect(await outcome(app, 'POST /orders', 'Idempotency-Key: "8e03978e"\r\n')).toEqual([503, 'its own words', 1]);
  });

  test('a rule goes first: for an API that throttles before it acts, and for one that does not even with Retry-After', async () => {
    upstream.play(inTurn(bare, ok));
    expect(await outcome(app, 'POST /throttles/1')).toEqual([200, 'done', 2]);
    upstream.play(inTurn(later, ok));
    expect(await outcome(app, 'POST /never/1')).toEqual([503, '', 1]);
  });

  test('a POST goes again after a 429', async () => {
    upstream.play(inTurn(say(answer(429)), ok));
    expect(await outcome(app, 'POST /orders')).toEqual([200, 'done', 2]);
  });

  test('one that is passed on teaches that fewer should be in flight', async () => {
    await using fresh = await startTestApp(upstream.url, 'profile: none\nauth: {open: true}');
    const permits = () => fresh.services.snapshot().permits.find(({ class: of }) => of === 'default');
    expect(permits()).toMatchObject({ limit: 16 });
    upstream.play(bare);
    expect(await outcome(fresh, 'POST /orders')).toEqual([503, 'its own words', 1]);
    expect(permits()).toMatchObject({ limit: 1, probing: true });
    upstream.play(ok);
    expect(await outcome(fresh, 'POST /orders')).toEqual([200, 'done', 1]);
    expect(permits()).toMatchObject({ probing: false });
  });
});

describe('With the profile cloud', async () => {
  const app = await appForAll(upstream, 'profile: cloud\nauth: {open: true}');
  const message = 'POST /v23.0/1055/messages';

  test.each([1, 131_000])('a message that may have been sent is not sent again: code %i', async (code) => {
    const said = JSON.stringify({ error: { code } });
    upstream.play(inTurn(coded(code, { 'Retry-After': '0' }), ok));
    expect(await outcome(app, message)).toEqual([500, said, 1]);
    upstream.play(inTurn(say(answer(500, json, said)), ok));
    expect(await outcome(app, message)).toEqual([500, said, 1]);
  });

  test('a code that says that nothing was done has it sent again', async () => {
    upstream.play(inTurn(coded(131_016, { 'Retry-After': '0' }), ok));
    expect(await outcome(app, message)).toEqual([200, 'done', 2]);
  });

  test('without a code one is told as by any API', async () => {
    upstream.play(inTurn(bare, ok));
    expect(await outcome(app, message)).toEqual([503, 'its own words', 1]);
  });
});

test('With the profile coreapp, which throttles before it acts, everything goes again', async () => {
  await using app = await startTestApp(upstream.url);
  for (const method of ['POST', 'PATCH', 'GET', 'LOCK']) {
    upstream.play(inTurn(bare, ok));
    const told = await app.send(`${method} /v1/messages`, '', '{}');
    expect([method, told.status, upstream.arrivals.length]).toEqual([method, 200, 2]);
  }
});
