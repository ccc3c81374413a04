/** Bodies in a replica's memory: what is read, what waits and what is in flight, all within `lineMaxBytes` of its class. */
import { beforeEach, describe, expect, it } from 'vitest';
import { leapingClock } from '../support/leap.ts';
import type { RawAnswer, RawCaller } from '../support/raw.ts';
import { appForAll, startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say, sayNothing } from '../support/upstream.ts';

const bounds = { rate: 1000, burst: 1000, holdMaxMs: 600_000, bodyMaxBytes: 4_000, lineMaxBytes: 10_000 };
const yaml = (bodyIdleTimeoutMs: number) =>
  JSON.stringify({
    limits: { default: bounds, messages: { rate: 1000, burst: 1000 } },
    http: { bodyIdleTimeoutMs },
    coreapp: { permitsMin: 10 },
  });

const leap = leapingClock();
const { upstream, app } = await startForAll(yaml(600_000));
beforeEach(() => upstream.play(say(answer(200, {}, 'ok'))));

/** What `/status` says is held for messages. */
async function held(by = app): Promise<number> {
  const { lines } = await by.status();
  return lines.find((line) => line.class === 'messages')?.bytes ?? Number.NaN;
}

const heldIs = (bytes: number, by = app) =>
  until(async () => (await held(by)) === bytes, { what: `${bytes} bytes to be held` });

/** The head of a message with a body, and the first bytes of it. */
const upload = (framing: string, begin = '', { token } = app) =>
  `POST /v1/messages HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\n${framing}\r\n\r\n${begin}`;

const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;

async function begin(...uploads: string[]): Promise<AsyncDisposable & { readonly callers: readonly RawCaller[] }> {
  const callers = await Promise.all(uploads.map(() => app.call()));
  uploads.forEach((bytes, index) => void callers[index]?.send(bytes));
  return {
    callers,
    async [Symbol.asyncDispose]() {
      for (const caller of callers) await caller[Symbol.asyncDispose]();
      await heldIs(0);
    },
  };
}

function expectNoRoom(told: RawAnswer): void {
  expect(told).toMatchObject({ status: 503, json: { errors: [{ code: 1016, title: 'System overloaded' }] } });
  expect(Number(told.field('retry-after'))).toBeGreaterThanOrEqual(1);
}

const announced = (bytes: number) => `Content-Length: ${bytes}`;
const chunked = 'Transfer-Encoding: chunked';

/** Messages of these sizes that have come whole and are in flight: they keep their room until the Coreapp answers. */
async function inFlight(...sizes: number[]) {
  upstream.play(sayNothing);
  const uploads = await begin(...sizes.map((bytes) => upload(announced(bytes), 'x'.repeat(bytes))));
  await until(() => upstream.arrivals.length === sizes.length, { what: 'all to be in flight' });
  upstream.play(say(answer(200, {}, 'ok')));
  return uploads;
}

describe('unfinished uploads', () => {
  it('count as they come: what was only announced takes no room from others', async () => {
    await using _ = await begin(...Array(20).fill(upload(announced(4_000), 'x')));
    await heldIs(20);
    expect(await app.send('POST /v1/messages', '', 'x'.repeat(4_000))).toMatchObject({ status: 200 });
  });

  it('for which there is no room are refused before the body comes, smaller ones pass', async () => {
    await using _ = await inFlight(4_000, 4_000);
    await using late = await app.call();
    expectNoRoom(await late.send(upload(announced(2_001))).answer('POST'));
    expect(await held()).toBe(8_000);
    expect(await app.send('POST /v1/messages', '', 'x'.repeat(2_000))).toMatchObject({ status: 200 });
  });

  it('in chunks take up to twice what has come, and the one too many gives back what it had', async () => {
    await using _ = await inFlight(4_000, 3_000);
    await using caller = await app.call();
    caller.send(upload(chunked, chunk(1_000)));
    await heldIs(8_000);
    caller.send(chunk(1));
    await heldIs(9_000);
    caller.send(chunk(1_000)); // Room would be made for 4,000.
    expectNoRoom(await caller.answer('POST'));
    await heldIs(7_000);
  });

  it('of one class leave the others alone', async () => {
    await using _ = await inFlight(4_000, 4_000, 2_000);
    expectNoRoom(await app.send('POST /v1/messages', '', 'x'));
    expect(await app.send('POST /v1/contacts', '', 'x'.repeat(4_000))).toMatchObject({ status: 200 });
    expect(await app.send('GET /v1/messages')).toMatchObject({ status: 200 });
  });

  it('that are not let in are read to their end, unkept, and the connection goes on', async () => {
    await using uploads = await inFlight(4_000, 4_000, 2_000);
    await using late = await app.call();
    expectNoRoom(await late.send(upload(announced(3_000), 'x'.repeat(1_000))).answer('POST'));
    for (const caller of uploads.callers) caller.reset();
    await heldIs(0);
    late.send('x'.repeat(2_000)).send(app.request('GET /v1/messages'));
    expect(await late.answer()).toMatchObject({ status: 200 });
  });

  it('that wait for 100 Continue are told to send only where there is room', async () => {
    await using _ = await inFlight(4_000, 4_000);
    await using late = await app.call();
    const told = await late.send(upload(`${announced(4_000)}\r\nExpect: 100-continue`)).answer('POST');
    expectNoRoom(told);
    expect(told.interim).toEqual([]);
    expect(told.field('connection')).toBe('close');
  });
});

describe('what is held is given back', () => {
  it.each<[string, string, status: number, bytes: string]>([
    ['when it is larger than allowed', chunked, 413, chunk(4_001)],
    ['when its framing breaks', chunked, 400, `${chunk(100)}zz\r\n`],
  ])('%s', async (_, framing, status, bytes) => {
    await using caller = await app.call();
    expect(await caller.send(upload(framing, bytes)).answer('POST')).toMatchObject({ status });
    await heldIs(0);
  });

  it('when callers hang up, in the middle of a body or of an answer', async () => {
    upstream.play(sayNothing);
    await using uploads = await begin(
      upload(announced(4_000), 'x'),
      upload(chunked, chunk(1_000)),
      upload(announced(3_000), 'x'.repeat(3_000)),
    );
    await until(() => upstream.arrivals.length === 1, { what: 'the whole message to be in flight' });
    await heldIs(4_001);
    for (const [index, rest] of [4_000, 3_000, 0].entries()) {
      uploads.callers[index]?.reset();
      await heldIs(rest);
    }
  });

  it('with the answer, not before: in flight it may have to be sent again', async () => {
    upstream.play(sayNothing);
    await using uploads = await begin(...Array(2).fill(upload(announced(4_000), 'x'.repeat(4_000))));
    await until(() => upstream.arrivals.length === 2, { what: 'both to be in flight' });
    expect(await held()).toBe(8_000);
    expectNoRoom(await app.send('POST /v1/messages', '', 'x'.repeat(2_001)));
    for (const socket of upstream.sockets) socket.write(answer(200, {}, 'ok'));
    for (const caller of uploads.callers) expect(await caller.answer('POST')).toMatchObject({ status: 200 });
    await heldIs(0);
  });

  it('when the Coreapp refuses until the hold time is over', async () => {
    upstream.play(say(answer(503)));
    const told = app.send('POST /v1/messages', '', 'x'.repeat(4_000));
    await until(() => upstream.arrivals.length > 1, { what: 'it to be sent again' });
    expect(await held()).toBe(4_000);
    leap(bounds.holdMaxMs);
    expect(await told).toMatchObject({ status: 503, json: { errors: [{ code: 1016 }] } });
    await heldIs(0);
  });
});

describe('the log says how many bytes were answered', () => {
  it.each<[string, line: string, body: string]>([
    ['by Weir itself', 'POST /v1/users', '{'],
    ['by the Coreapp', 'POST /v1/messages', '{}'],
    ['to HEAD, none', 'HEAD /v1/users/admin', ''],
  ])('%s', async (_, line, body) => {
    const told = await app.send(line, '', body);
    const id = told.field('x-request-id');
    const logged = await until(() => app.lines.find((one) => one.id === id), { what: 'the line in the log' });
    expect(logged).toMatchObject({ status: told.status, bytesOut: told.body.length });
    expect(told.body.length > 0).toBe(!line.startsWith('HEAD'));
  });
});

describe('the log says how many bytes came, and why no more', () => {
  const logged = () => until(() => app.lines.at(-1), { what: 'the line in the log' });
  beforeEach(() => {
    (app.lines as unknown[]).length = 0;
  });

  it.each<[string, string, string, object]>([
    ['of a whole body', announced(2), 'ab', { status: 200, bytesIn: 2, cut: null }],
    ['of one in chunks', chunked, `${chunk(3)}${chunk(4)}0\r\n\r\n`, { status: 200, bytesIn: 7, cut: null }],
  ])('%s', async (_, framing, bytes, line) => {
    upstream.play(say(answer(200, {}, 'ok')));
    await using caller = await app.call();
    await caller.send(upload(framing, bytes)).answer('POST');
    expect(await logged()).toMatchObject(line);
  });

  it('of one whose caller hangs up', async () => {
    await using uploads = await begin(upload(announced(4_000), 'abcd'));
    await heldIs(4);
    uploads.callers[0]?.reset();
    expect(await logged()).toMatchObject({ status: 499, bytesIn: 4, cut: 'callerGone' });
  });
});

describe('an upload that stands still', async () => {
  const hasty = await appForAll(upstream, yaml(100));

  it.each(['', 'abc'])('after %j is a 408, gives back what is held, and is logged as slow', async (bytes) => {
    await using caller = await hasty.call();
    caller.send(upload(announced(4_000), bytes, hasty));
    expect(await caller.answer('POST')).toMatchObject({ status: 408 });
    await heldIs(0, hasty);
    const ofThis = () => hasty.lines.find(({ bytesIn }) => bytesIn === bytes.length);
    expect(await until(ofThis, { what: 'the line in the log' })).toMatchObject({ status: 408, cut: 'bodySlow' });
  });
});
