/** `Prefer: wait` on the wire: what callers are told of it, whatever answer they get. */
import { beforeEach, expect, it } from 'vitest';
import { startForAll } from '../support/start-for-all.ts';
import { answer, inTurn, say } from '../support/upstream.ts';

const { upstream, app } = await startForAll('limits: {contacts: {rate: 0.1, burst: 1}}');
beforeEach(() => upstream.play(say(answer(200, {}, 'ok'))));

const applied = 'preference-applied';

it('an answer of the Coreapp says that the preference was honoured, and the Coreapp hears of it, too', async () => {
  const told = await app.send('POST /v1/messages', 'Prefer: wait=5\r\n', '{}');
  expect([told.status, told.field(applied)]).toEqual([200, 'wait=5']);
  expect(upstream.arrivals.map((arrival) => arrival.field('prefer'))).toEqual(['wait=5']);
});

it('so does the answer to the last attempt', async () => {
  upstream.play(inTurn(say(answer(503)), say(answer(503)), say(answer(201))));
  const told = await app.send('POST /v1/messages', 'Prefer: wait=5\r\n', '{}');
  expect([told.status, told.field(applied)]).toEqual([201, 'wait=5']);
});

it('what the Coreapp honoured stands beside it', async () => {
  upstream.play(say(answer(200, { 'Preference-Applied': 'respond-async' })));
  const told = await app.send('POST /v1/messages', 'Prefer: respond-async, wait=5\r\n', '{}');
  expect(told.all(applied)).toEqual(['respond-async', 'wait=5']);
});

it('so does a refusal, at once where its turn comes too late, with the time to come back', async () => {
  await app.send('GET /v1/contacts');
  const told = await app.send('GET /v1/contacts', 'Prefer: wait=2\r\n');
  expect([told.status, told.field(applied)]).toEqual([503, 'wait=2']);
  expect(told.json.errors).toEqual([
    { code: 1016, title: 'System overloaded', details: 'Its turn could not come within 2 s.' },
  ]);
  expect(Number(told.field('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(app.lines.at(-1)).toMatchObject({ status: 503, refusal: 'lineFull', heldMs: 0 });
});

it.each([
  'Prefer: wait=-1',
  'Prefer: wait=1e9',
  'Prefer: wait=abc',
  'Prefer: wait=9999',
  'Prefer: handling=strict',
  'X: y',
])('nothing is said where nothing was honoured, and nothing is refused: %s', async (field) => {
  const told = await app.send('POST /v1/messages', `${field}\r\n`, '{}');
  expect([told.status, told.field(applied)]).toEqual([200, undefined]);
});

it.each(['Priority: u=0', 'Priority: u=99', 'Priority: ???', 'Priority: u="x'])(
  'a Priority is never refused: %s',
  async (field) => {
    const told = await app.send('POST /v1/messages', `${field}\r\n`, '{}');
    expect(told.status).toBe(200);
    expect(upstream.arrivals[0]?.field('priority')).toBe(field.slice('Priority: '.length));
  },
);
