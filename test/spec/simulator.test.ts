import { createHash } from 'node:crypto';
import { type ClientRequest, request } from 'node:http';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Arrivals, arrivalsMax } from '../../src/simulator/arrivals.ts';
import { classes, classOf } from '../../src/simulator/classes.ts';
import { Generations } from '../../src/simulator/generations.ts';
import { TokenBucket, wholeMs } from '../../src/simulator/limits.ts';
import type { SettingsPatch } from '../../src/simulator/settings.ts';
import { type Place, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { type Asking, ask, type Told } from '../support/ask.ts';
import { config, load } from '../support/config.ts';
import { routeOf } from '../support/routes.ts';
import { until, within } from '../support/until.ts';

const open: Simulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.close()));
});

async function simulator(options: SettingsPatch & Place = {}): Promise<Simulator> {
  const started = await startSimulator(options);
  open.push(started);
  return started;
}

const unlimited = { limitsEnforced: false } as const;
const hourMs = 3_600_000;

const message = { to: '16315551002', type: 'text', text: { body: 'hello' } };

const send = ({ url }: Simulator, id?: string, asking: Asking = {}): Promise<Told> =>
  ask('POST', `${url}/v1/messages`, {
    body: message,
    ...asking,
    fields: { ...(id === undefined ? {} : { 'X-Request-Id': id }), ...asking.fields },
  });

/** Which statuses so many messages get, one after the other. */
async function statuses(sim: Simulator, count: number, id?: string): Promise<number[]> {
  const told: number[] = [];
  while (told.length < count) told.push((await send(sim, id)).status);
  return told;
}

/** A message of nine bytes, of which nothing has been written yet. */
const unwritten = ({ url }: Simulator, fields: Record<string, string> = {}): ClientRequest =>
  request(`${url}/v1/messages`, { method: 'POST', agent: false, headers: { 'Content-Length': '9', ...fields } });

const error = (told: Told): unknown => told.json.errors[0];
const meta = { version: expect.any(String), api_status: 'stable' };

describe('the endpoints', () => {
  it.each([
    ['POST', '/v1/messages', 201, { messages: [{ id: expect.stringMatching(/^gBEG[\w-]{23}$/) }] }],
    ['POST', '/v1/messages/', 201, { messages: [{ id: expect.any(String) }] }],
    ['PUT', '/v1/messages/gBEGkYiEB1VXAglK1ZEqA1YKPrU', 200, {}],
    ['GET', '/v1/contacts/16315551002/identity', 200, { identity: expect.any(Object) }],
    ['PUT', '/v1/contacts/16315551002/identity', 200, {}],
    ['POST', '/v1/contacts/16315551002/block', 200, {}],
    ['POST', '/v1/media', 201, { media: [{ id: expect.stringMatching(/^[\da-f-]{36}$/) }] }],
    ['GET', '/v1/settings/application', 200, { settings: { application: expect.any(Object) } }],
    ['PATCH', '/v1/settings/application', 200, {}],
    ['DELETE', '/v1/settings/application', 200, {}],
    ['GET', '/v1/settings/application/media/providers', 200, { settings: expect.any(Object) }],
    ['DELETE', '/v1/settings/application/media/providers/s3', 200, {}],
    ['POST', '/v1/settings/backup', 200, { settings: { data: expect.any(String) } }],
    ['POST', '/v1/settings/restore', 200, {}],
    ['GET', '/v1/settings/business/profile', 200, { settings: { business: expect.any(Object) } }],
    ['GET', '/v1/settings/business/compliance_info', 200, { business_compliance: [expect.any(Object)] }],
    ['GET', '/v1/settings/profile/about', 200, { settings: { profile: { about: { text: expect.any(String) } } } }],
    ['GET', '/v1/settings/profile/photo?format=link', 200, { settings: { profile: { photo: expect.any(Object) } } }],
    ['POST', '/v1/settings/account/two-step', 200, {}],
    ['POST', '/v1/account', 202, { account: [{ vname: expect.any(String) }] }],
    ['POST', '/v1/account/verify', 201, {}],
    ['GET', '/v1/account/shards', 200, { account: { shards: 1 } }],
    ['GET', '/v1/stickerpacks', 200, { stickerpacks: [{ id: '1' }] }],
    ['GET', '/v1/stickerpacks/1/stickers/0', 200, { stickers: [{ index: 0 }] }],
    ['POST', '/v1/certificates/external', 200, {}],
    ['DELETE', '/v1/certificates/webhooks/ca', 200, {}],
    ['PUT', '/v1/services/message/gc', 200, {}],
    ['PUT', '/v1/services/media/gc', 200, {}],
    ['GET', '/v1/groups', 200, { groups: [] }],
    ['DELETE', '/v1/groups/1/participants', 200, {}],
    ['GET', '/v1/health', 200, { health: { gateway_status: 'connected' } }],
    ['GET', '/v1/stats/app', 200, { stats: expect.any(Object) }],
    ['GET', '/v1/stats/app/internal', 200, { stats: expect.any(Object) }],
    ['GET', '/v1/stats/db', 200, { stats: expect.any(Object) }],
    ['GET', '/v1/stats/db/internal?format=json', 200, { stats: expect.any(Object) }],
    ['GET', '/v1/support', 200, { support: expect.any(Object) }],
    ['GET', '/v1/nowhere', 404, { errors: [expect.objectContaining({ code: 1006, title: 'Resource not found' })] }],
    ['GET', '/', 404, { errors: [expect.objectContaining({ code: 1006 })] }],
    ['GET', '/v1/messages', 405, { errors: [expect.objectContaining({ code: 1025 })] }],
  ])('%s %s is answered %i, in the envelope', async (method, path, status, payload) => {
    const { url } = await simulator();
    const told = await ask(method, url + path);
    expect([told.status, told.json]).toEqual([status, { ...payload, meta }]);
    expect(told.fields['content-type']).toBe('application/json');
  });

  it.each([
    ['/v1/stats/app?format=prometheus', 'text/plain; version=0.0.4; charset=utf-8', /^# TYPE \w+ gauge$/m],
    ['/v1/settings/profile/photo', 'image/gif', /^GIF89a/],
    ['/v1/certificates/external/ca', 'text/plain', /^-----BEGIN CERTIFICATE-----/],
  ])('GET %s is not JSON but %s', async (path, type, body) => {
    const { url } = await simulator();
    const told = await ask('GET', url + path);
    expect([told.status, told.fields['content-type'], told.text]).toEqual([200, type, expect.stringMatching(body)]);
  });

  it('says of every number whether it has a contact', async () => {
    const { url } = await simulator();
    const { json } = await ask('POST', `${url}/v1/contacts/`, { body: { contacts: ['+1-631-555-1002', '12'] } });
    expect(json.contacts).toEqual([
      { input: '+1-631-555-1002', status: 'valid', wa_id: '16315551002' },
      { input: '12', status: 'invalid' },
    ]);
  });

  it.each([
    ['not JSON', '{', 1025],
    ['no array', { contacts: '16315551002' }, 1009],
    ['objects that are no text', { contacts: [{ toString: 1 }] }, 1009],
    ['nested without end', `{"contacts":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 1009],
    ['null', 'null', 1009],
  ])('refuses contacts that are %s', async (_, body, code) => {
    const { url } = await simulator();
    const told = await ask('POST', `${url}/v1/contacts`, { body });
    expect([told.status, error(told)]).toEqual([400, expect.objectContaining({ code })]);
  });

  it('gives back media as they were posted, until they are deleted', async () => {
    const { url } = await simulator();
    const body = Buffer.from([0, 255, 10, 13, 128]);
    const posted = await ask('POST', `${url}/v1/media`, { body, fields: { 'Content-Type': 'image/png' } });
    const one = `${url}/v1/media/${posted.json.media[0].id}`;
    const got = await ask('GET', one);
    expect([got.status, got.fields['content-type'], got.body]).toEqual([200, 'image/png', body]);
    const head = await ask('HEAD', one);
    expect([head.status, head.fields['content-length'], head.body.length]).toEqual([200, '5', 0]);
    expect((await ask('DELETE', one)).status).toBe(200);
    for (const method of ['GET', 'DELETE']) expect((await ask(method, one)).status).toBe(404);
  });

  it('never gives two messages the same id', async () => {
    const sim = await simulator();
    const told = await Promise.all(Array.from({ length: 50 }, () => send(sim)));
    expect(new Set(told.map(({ json }) => json.messages[0].id)).size).toBe(50);
  });

  it('knows the classes that Weir knows, and finds the same one for a path', () => {
    expect([...classes]).toEqual(Object.keys(config(load('')).limits));
    const paths = [
      ...['/v1/messages', '/v1/messages/x', '/v1/messagesx', '/v1', '/', '/v2/messages', '/v1/stickers', '/v1/x'],
      ...['/v1/stickerpacks/1/stickers', '/v1/settings/profile/about', '/v1/default', '/v1/stats/db/internal'],
    ];
    expect(paths.map(classOf)).toEqual(paths.map((path) => routeOf(path).class));
  });

  it('demands the credential that it is told to, and no other', async () => {
    const sim = await simulator({ authorization: 'Bearer ours' });
    const brought = [{}, { Authorization: 'Bearer theirs' }, { Authorization: 'Bearer ours' }];
    const told = await Promise.all(brought.map((fields) => send(sim, undefined, { fields })));
    expect(told.map(({ status }) => status)).toEqual([401, 401, 201]);
    expect(sim.seen().total).toMatchObject({ seen: 3, acted: 1, unauthorized401: 2 });
  });

  it.each([
    ['announced', { 'Content-Length': '9' }],
    ['found out on the way', { 'Transfer-Encoding': 'chunked' }],
  ])('refuses a body that is too long (%s) and does not act', async (_, fields) => {
    const sim = await simulator({ bodyMaxBytes: 8 });
    const told = await send(sim, 'long', { body: undefined, fields: { 'Content-Type': 'text/plain' } });
    expect(told.status).toBe(201);
    const refused = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(`${sim.url}/v1/messages`, { method: 'POST', headers: fields, agent: false });
      sent.on('response', (answer) => resolve(answer.resume().statusCode)).on('error', reject);
      sent.end('123456789');
    });
    expect([refused, sim.seen().total]).toEqual([413, expect.objectContaining({ acted: 1, tooLarge413: 1 })]);
  });
});

describe('the limits', () => {
  it('are the documented ones', async () => {
    const { limits } = (await simulator()).settings();
    const { messages, ...others } = limits;
    expect(messages).toEqual({ ratePerS: 50, burst: 150 });
    expect(new Set(Object.values(others).map((limit) => JSON.stringify(limit)))).toEqual(
      new Set(['{"ratePerS":20,"burst":60}']),
    );
  });

  it('let a burst through, refuse the rest with a 429 before anything is done, and count it', async () => {
    const sim = await simulator({ limits: { messages: { ratePerS: 0.001, burst: 5 } } });
    const told = await Promise.all(Array.from({ length: 8 }, (_, i) => send(sim, `m${i}`)));
    expect(told.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 201, 201, 201, 201, 429, 429, 429]);
    expect(error(told.find(({ status }) => status === 429) as Told)).toEqual({
      code: 1015,
      title: 'Too many requests',
    });
    expect(sim.seen().classes.messages).toMatchObject({ seen: 8, acted: 5, throttled429: 3 });
    const outcomes = sim.arrivals('messages').map(([, outcome]) => outcome);
    expect(outcomes.sort()).toEqual([...Array(5).fill('acted'), ...Array(3).fill('throttled429')]);
  });

  it('hold for each class by itself', async () => {
    const sim = await simulator({ limits: { messages: { ratePerS: 0.001, burst: 1 } } });
    expect(await statuses(sim, 2)).toEqual([201, 429]);
    expect((await ask('GET', `${sim.url}/v1/health`)).status).toBe(200);
  });

  it('can be changed and taken away while it runs', async () => {
    const sim = await simulator({ limits: { messages: { ratePerS: 0.001, burst: 1 } } });
    expect(await statuses(sim, 2)).toEqual([201, 429]);
    await sim.configure(unlimited);
    expect((await send(sim)).status).toBe(201);
    await sim.configure({ limitsEnforced: true, limits: { messages: { ratePerS: 1_000_000, burst: 2 } } });
    await until(async () => (await send(sim)).status === 201, { what: 'the new rate to hold' });
  });

  it('admit at most burst + rate × w in any window of w seconds, and no less than there are tokens', () => {
    const arrivals = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 20 }),
        arrivals,
        (ratePerS, burst, gaps) => {
          const bucket = new TokenBucket({ ratePerS, burst }, 0);
          let nowMs = 0;
          const admitted: number[] = [];
          for (const gapMs of gaps) {
            nowMs += gapMs;
            if (bucket.take(nowMs) === 0) admitted.push(nowMs);
          }
          for (const [i, from] of admitted.entries()) {
            for (const [j, to] of admitted.slice(i).entries()) {
              expect(j + 1).toBeLessThanOrEqual(burst + ((to - from) * ratePerS) / 1_000 + 1e-6);
            }
          }
          expect(admitted.length).toBeGreaterThanOrEqual(Math.min(gaps.length, burst));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('give a raised burst nothing at once: it has to flow in', () => {
    const bucket = new TokenBucket({ ratePerS: 10, burst: 1 }, 0);
    expect(bucket.take(0)).toBe(0);
    bucket.change({ ratePerS: 10, burst: 5 }, 0);
    const taken = [0, 99, 100, 101].map((nowMs) => bucket.take(nowMs) === 0);
    expect(taken).toEqual([false, false, true, false]);
  });

  it('gives its burst and then its rate, by a clock in whole milliseconds one too early as well', () => {
    const bucket = new TokenBucket({ ratePerS: 2, burst: 3 }, 0, wholeMs);
    expect([0, 0, 0, 0].map((nowMs) => bucket.take(nowMs))).toEqual([0, 0, 0, 500]);
    expect([bucket.left(0), bucket.take(250), bucket.take(499), bucket.left(2_500)]).toEqual([0, 250, 0, 3]);
  });
});

describe('Retry-After', () => {
  const throttled: SettingsPatch = { limits: { messages: { ratePerS: 0.001, burst: 1 } } };

  it.each([
    [429, 'seconds', { ...throttled, throttledRetryAfter: 'seconds', throttledRetryAfterSeconds: 7 }],
    [429, 'date', { ...throttled, throttledRetryAfter: 'date', throttledRetryAfterSeconds: 7 }],
    [429, 'none', throttled],
    [503, 'seconds', { overloaded: true, overloadedRetryAfter: 'seconds', overloadedRetryAfterSeconds: 7 }],
    [503, 'date', { overloaded: true, overloadedRetryAfter: 'date', overloadedRetryAfterSeconds: 7 }],
    [503, 'none', { overloaded: true }],
  ] as const)('of a %i comes as asked for: %s', async (status, form, patch) => {
    const sim = await simulator(patch);
    await send(sim);
    const before = Date.now();
    const told = await send(sim);
    const field = told.fields['retry-after'];
    expect(told.status).toBe(status);
    switch (form) {
      case 'none':
        return expect(field).toBeUndefined();
      case 'seconds':
        return expect(field).toBe('7');
      case 'date': {
        const at = Date.parse(field as string);
        expect(new Date(at).toUTCString()).toBe(field);
        expect(at).toBeGreaterThanOrEqual(before + 7_000);
        return expect(at).toBeLessThanOrEqual(Date.now() + 8_000);
      }
    }
  });
});

describe('the job queue', () => {
  const settled = (sim: Simulator, figures: object) =>
    until(() => Object.entries(figures).every(([name, value]) => Reflect.get(sim.seen().jobs, name) === value), {
      what: `jobs ${JSON.stringify(figures)}`,
    });

  it('fills, overflows with a 503 before anything is done, and drains when there are workers again', async () => {
    const sim = await simulator({ ...unlimited, workers: 0, queueMax: 2 });
    const waiting = [send(sim, 'a'), send(sim, 'b')];
    await settled(sim, { waiting: 2 });
    const refused = await send(sim, 'c');
    expect([refused.status, error(refused)]).toEqual([503, { code: 1016, title: 'System overloaded' }]);
    expect(sim.trace('c')?.counts).toMatchObject({ seen: 1, acted: 0, overloaded503: 1 });
    await sim.configure({ workers: 1 });
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([201, 201]);
    expect(sim.seen()).toMatchObject({
      total: { seen: 3, acted: 2, overloaded503: 1 },
      jobs: { waiting: 0, working: 0, waitingMost: 2 },
    });
  });

  it('keeps a worker busy for the service time, and as many jobs at once as there are workers', async () => {
    const sim = await simulator({ ...unlimited, workers: 2, serviceMs: hourMs, queueMax: 1 });
    for (let i = 0; i < 3; i++) send(sim).catch(() => {});
    await settled(sim, { working: 2, waiting: 1 });
    expect((await send(sim)).status).toBe(503);
    await sim.configure({ workers: 3 });
    await settled(sim, { working: 3, waiting: 0 });
  });

  it('measures how long its workers were busy', async () => {
    const sim = await simulator({ ...unlimited, workers: 1, serviceMs: 20 });
    const startedMs = performance.now();
    await Promise.all([send(sim), send(sim), send(sim)]);
    const tookMs = performance.now() - startedMs;
    // A timer may come up to a millisecond early.
    expect(sim.seen().jobs.workedMs).toBeGreaterThanOrEqual(57);
    expect(sim.seen().jobs.workedMs).toBeLessThanOrEqual(tookMs);
  });

  it('does a job whose caller has left', async () => {
    const sim = await simulator({ ...unlimited, workers: 0 });
    const leaving = new AbortController();
    const left = send(sim, 'left', { signal: leaving.signal });
    await settled(sim, { waiting: 1 });
    leaving.abort();
    await expect(left).rejects.toThrow('aborted');
    await sim.configure({ workers: 1 });
    await settled(sim, { waiting: 0, working: 0 });
    expect(sim.trace('left')?.counts).toMatchObject({ acted: 1, aborted: 0 });
  });

  it('refuses everything while it is overloaded, and nothing afterwards', async () => {
    const sim = await simulator({ overloaded: true });
    expect((await send(sim)).status).toBe(503);
    expect((await ask('GET', `${sim.url}/v1/health`)).status).toBe(503);
    await sim.configure({ overloaded: false });
    expect((await send(sim)).status).toBe(201);
  });

  it('answers as late as it is told to', async () => {
    const sim = await simulator({ latencyMs: 30, latencyJitterMs: 5 });
    const startedMs = performance.now();
    await send(sim);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(29);
  });
});

describe('faults', () => {
  const reset = { code: 'ECONNRESET' };

  it.each([
    ['resetBeforeBody', { acted: 0, faulted: 1 }],
    ['resetAfterBody', { acted: 1, faulted: 1 }],
  ])('%s resets the connection', async (name, counts) => {
    const sim = await simulator({ faults: { [name]: { next: 1 } } });
    await expect(send(sim, 'x')).rejects.toMatchObject(reset);
    expect(sim.trace('x')?.counts).toMatchObject({ seen: 1, ...counts });
    expect((await send(sim, 'y')).status).toBe(201);
  });

  it('resetBeforeBody does not wait for the body', async () => {
    const sim = await simulator({ faults: { resetBeforeBody: 1 } });
    const sent = unwritten(sim);
    const broken = new Promise<Error>((resolve) => sent.on('error', resolve));
    sent.write('1');
    expect(await within(broken, { what: 'the reset' })).toMatchObject(reset);
  });

  it('resetOnConnect sees nothing of the request', async () => {
    const sim = await simulator({ faults: { resetOnConnect: { next: 1 } } });
    await expect(send(sim, 'x')).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) });
    expect(sim.trace('x')).toBeNull();
    expect((await send(sim, 'y')).status).toBe(201);
  });

  it('hang reads and acts, and never answers', async () => {
    const sim = await simulator({ faults: { hang: { next: 1 } } });
    const leaving = new AbortController();
    const hanging = send(sim, 'x', { signal: leaving.signal });
    await until(() => sim.trace('x')?.counts.faulted === 1, { what: 'the request to hang' });
    expect((await send(sim, 'y')).status).toBe(201);
    expect(sim.trace('x')?.counts).toMatchObject({ acted: 1 });
    leaving.abort();
    await expect(hanging).rejects.toThrow('aborted');
  });

  it('truncate breaks the answer off halfway', async () => {
    const sim = await simulator({ faults: { truncate: { next: 1 } } });
    const told = await send(sim, 'x');
    const half = Math.floor(Number(told.fields['content-length']) / 2);
    expect([told.status, told.complete, told.body.length]).toEqual([201, false, half]);
    expect(sim.trace('x')?.counts).toMatchObject({ acted: 1, faulted: 1 });
  });

  it('trickle lets the answer come a byte at a time', async () => {
    const sim = await simulator({ trickleMs: 1, faults: { trickle: { next: 1 } } });
    const startedMs = performance.now();
    const told = await send(sim, 'x');
    expect([told.status, told.complete]).toEqual([201, true]);
    expect(told.json.messages).toHaveLength(1);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(told.body.length - 1);
    expect(sim.trace('x')?.counts).toMatchObject({ acted: 1, faulted: 1 });
  });

  it('trickle stops when the caller leaves', async () => {
    const sim = await simulator({ trickleMs: hourMs, faults: { trickle: { next: 1 } } });
    const leaving = new AbortController();
    const slow = send(sim, 'x', { signal: leaving.signal });
    await until(() => sim.trace('x')?.counts.faulted === 1, { what: 'the answer to begin' });
    leaving.abort();
    // A connection that ended within the answer: there is no head yet, or there is one and the body breaks off.
    await slow.then(
      (told) => expect(told.complete).toBe(false),
      (broken: unknown) => expect(String(broken)).toMatch(/aborted/),
    );
  });

  it('strike for as long as they are told to, whatever else is changed meanwhile', async () => {
    const sim = await simulator({ faults: { error503: { share: 1, ms: 3_600_000 } } });
    expect((await send(sim)).status).toBe(503);
    await sim.configure({ latencyMs: 1 });
    expect((await send(sim)).status).toBe(503);
    await sim.configure({ faults: { error503: { share: 1, ms: 1 } } });
    await until(async () => (await send(sim)).status === 201, { what: 'the fault to end' });
    expect(sim.settings().faults.error503).toEqual({ share: 1, ms: 0 });
  });

  it('take the place of what was said before, in whichever form', async () => {
    const sim = await simulator({ faults: { hang: { share: 0.5, ms: 100 } } });
    for (const hang of [{ next: 3 }, 0.25, { share: 1, ms: 0 }, { next: 1 }]) {
      expect(await sim.configure({ faults: { hang } })).toEqual([]);
      expect(sim.settings().faults.hang).toEqual(hang);
    }
  });

  it.each([
    ['error429', 429, 1015, { acted: 0, throttled429: 1, faulted: 0 }],
    ['error503', 503, 1016, { acted: 0, overloaded503: 1, faulted: 0 }],
    ['error500', 500, 1000, { acted: 1, faulted: 1 }],
  ])('%s answers %i', async (name, status, code, counts) => {
    const sim = await simulator({ faults: { [name]: { next: 1 } } });
    const told = await send(sim, 'x');
    expect([told.status, error(told)]).toEqual([status, expect.objectContaining({ code })]);
    expect(sim.trace('x')?.counts).toMatchObject(counts);
    expect((await send(sim)).status).toBe(201);
  });

  it('strike as often as their fraction says, the same each time with the same dice', async () => {
    const throws = [0.1, 0.3, 0.29, 0.9];
    const sim = await simulator({ faults: { error500: 0.3 }, random: () => throws.shift() ?? 1 });
    expect(await statuses(sim, 4)).toEqual([500, 201, 500, 201]);
  });

  it('count down where everybody can read it', async () => {
    const sim = await simulator({ faults: { error500: { next: 3 } } });
    await send(sim);
    expect(sim.settings().faults.error500).toEqual({ next: 2 });
  });

  it('listening: false refuses connections, and true takes them on the same port again', async () => {
    const sim = await simulator();
    await ask('PATCH', `${sim.controlUrl}/settings`, { body: { listening: false } });
    await expect(send(sim)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await ask('PATCH', `${sim.controlUrl}/settings`, { body: { listening: true } });
    expect((await send(sim)).status).toBe(201);
  });
});

describe('what was seen', () => {
  it('counts a request once as seen, and tells who acted twice', async () => {
    const sim = await simulator();
    for (const id of ['a', 'b', 'b', 'c', 'c', 'c']) await send(sim, id);
    await send(sim);
    await ask('GET', `${sim.url}/v1/health`, { fields: { 'X-Request-Id': 'a' } });
    const seen = (await ask('GET', `${sim.url}/_simulator/seen`)).json;
    expect(seen).toMatchObject({
      total: { seen: 8, acted: 8 },
      classes: { messages: { seen: 7, acted: 7 }, health: { seen: 1, acted: 1 }, media: { seen: 0 } },
      withoutId: 1,
      actedMost: 3,
      actedTwice: {
        count: 3,
        ids: [
          { id: 'b', class: 'messages', method: 'POST', acted: 2 },
          { id: 'c', class: 'messages', method: 'POST', acted: 3 },
          { id: 'a', class: 'health', method: 'GET', acted: 2 },
        ],
      },
    });
  });

  it('is no second act when the first was refused', async () => {
    const sim = await simulator({ faults: { error429: { next: 1 }, error503: { next: 1 } } });
    expect(await statuses(sim, 3, 'x')).toEqual([429, 503, 201]);
    expect(sim.trace('x')?.counts).toMatchObject({ seen: 3, acted: 1, throttled429: 1, overloaded503: 1 });
    expect(sim.seen()).toMatchObject({ actedMost: 1, actedTwice: { count: 0, ids: [] } });
  });

  it('remembers the last head of an id as it came, and what its body was', async () => {
    const sim = await simulator();
    await send(sim, 'a/b c', { fields: { 'X-Odd': 'Kept' } });
    const body = JSON.stringify(message);
    expect((await ask('GET', `${sim.controlUrl}/seen/${encodeURIComponent('a/b c')}`)).json).toEqual({
      id: 'a/b c',
      class: 'messages',
      counts: expect.objectContaining({ seen: 1, acted: 1 }),
      last: {
        method: 'POST',
        target: '/v1/messages',
        fields: expect.arrayContaining(['X-Odd', 'Kept', 'X-Request-Id', 'a/b c']),
        bodyBytes: body.length,
        bodySha256: createHash('sha256').update(body).digest('hex'),
      },
    });
  });

  it('remembers no heads where it is told not to, and still counts', async () => {
    const sim = await simulator({ recordRequestsMax: 0 });
    await send(sim, 'x');
    expect(sim.trace('x')).toMatchObject({ counts: { acted: 1 }, last: null });
  });

  it('tells when the requests of a class came, and how they ended', async () => {
    const sim = await simulator({ faults: { error503: { next: 1 } } });
    const fromMs = performance.now();
    for (let i = 0; i < 3; i++) await send(sim);
    const arrivals: [number, string][] = (await ask('GET', `${sim.url}/_simulator/arrivals?class=messages`)).json;
    expect(arrivals.map(([, outcome]) => outcome)).toEqual(['overloaded503', 'acted', 'acted']);
    const instantsMs = [fromMs, ...arrivals.map(([atMs]) => atMs), performance.now()];
    expect(instantsMs).toEqual(instantsMs.toSorted((a, b) => a - b));
  });

  it('keeps the last 200,000 arrivals of a class in order', () => {
    const arrivals = new Arrivals();
    for (let i = 0; i < arrivalsMax + 5; i++) arrivals.settle(arrivals.add(i), 'acted');
    arrivals.settle(2, 'faulted'); // Gone by now, so nothing changes.
    const list = arrivals.list();
    expect([list.length, list[0], list.at(-1)]).toEqual([arrivalsMax, [5, 'acted'], [arrivalsMax + 4, 'acted']]);
    expect(list.every(([, outcome]) => outcome === 'acted')).toBe(true);
  });

  it('counts a request whose caller left before its body was whole as aborted, not as acted on', async () => {
    const sim = await simulator();
    const sent = unwritten(sim, { 'X-Request-Id': 'x' });
    sent.on('error', () => {});
    sent.write('1');
    await until(() => sim.trace('x'), { what: 'the head to arrive' });
    sent.destroy();
    await until(() => sim.trace('x')?.counts.aborted === 1, { what: 'the request to be given up' });
    expect(sim.trace('x')).toMatchObject({ counts: { acted: 0 }, last: { bodyBytes: null } });
  });

  it('is forgotten on request, and what is still under way then is not counted', async () => {
    const sim = await simulator({ workers: 0, faults: { hang: 1 } });
    send(sim, 'x').catch(() => {});
    await until(() => sim.seen().jobs.waiting === 1, { what: 'a job to wait' });
    const reset = (await ask('DELETE', `${sim.url}/_simulator/seen`)).json;
    expect(reset).toMatchObject({ total: { seen: 0, acted: 0 }, actedMost: 0, jobs: { waiting: 1, waitingMost: 1 } });
    expect([sim.trace('x'), sim.arrivals('messages')]).toEqual([null, []]);
    await sim.configure({ workers: 1 });
    expect(sim.seen().total.faulted).toBe(0);
  });

  it('is bounded: what was not asked for longest is forgotten', () => {
    const some = new Generations<number>(10);
    for (let i = 0; i < 5; i++) some.set(`k${i}`, i);
    for (let i = 5; i < 9; i++) some.set(`k${i}`, some.get('k0') as number);
    for (let i = 9; i < 13; i++) some.set(`k${i}`, i);
    expect(['k0', 'k1', 'k8', 'k12'].map((key) => some.get(key))).toEqual([0, undefined, 0, 12]);
  });
});

describe('the control endpoint', () => {
  it('is neither counted, nor limited, nor overloaded', async () => {
    const sim = await simulator({ overloaded: true, authorization: 'x', faults: { resetBeforeBody: 1 } });
    for (let i = 0; i < 3; i++) expect((await ask('GET', `${sim.url}/_simulator/settings`)).status).toBe(200);
    expect(sim.seen().total.seen).toBe(0);
  });

  it('merges what it is given into the settings; null brings the default back', async () => {
    const sim = await simulator({ latencyMs: 5, authorization: 'x' });
    const patch = {
      latencyMs: null,
      authorization: null,
      queueMax: 7,
      limits: { media: { burst: 9 } },
      faults: { hang: 0.5 },
    };
    const { status, json } = await ask('PATCH', `${sim.url}/_simulator/settings`, { body: patch });
    expect([status, json]).toMatchObject([
      200,
      {
        latencyMs: 0,
        authorization: null,
        queueMax: 7,
        limits: { media: { ratePerS: 20, burst: 9 }, messages: { ratePerS: 50, burst: 150 } },
        faults: { hang: 0.5, truncate: 0 },
      },
    ]);
    expect(sim.settings()).toEqual(json);
    expect((await ask('GET', `${sim.controlUrl}/settings`)).json).toEqual(json);
  });

  const howOften =
    'give a fraction from 0 to 1, {"next": N} for the next N, or {"share": FRACTION, "ms": N} for the next N milliseconds';
  it.each([
    [{ latencyMs: 'abc' }, 'latencyMs: "abc" is not a number; give milliseconds, a whole number from 0 to 3600000'],
    [{ latencyMs: -1 }, 'latencyMs: -1 is too small; give milliseconds, a whole number from 0 to 3600000'],
    [{ workers: 1.5 }, 'workers: 1.5 is not a whole number; give jobs at once, a whole number from 0 to 1000000'],
    [{ queueMax: 1e9 }, 'queueMax: 1000000000 is too big; give jobs, a whole number from 0 to 100000000'],
    [{ overloaded: 'yes' }, 'overloaded: "yes" is not true or false; give true or false'],
    [{ throttledRetryAfter: 'never' }, 'throttledRetryAfter: "never" is not right; give one of none, seconds, date'],
    [
      { limits: { messages: { ratePerS: 0 } } },
      'limits.messages.ratePerS: 0 is too small; give requests a second, a number above 0',
    ],
    [{ limits: { messages: 5 } }, 'limits.messages: 5 is not an object; give an object with any of ratePerS, burst'],
    [{ limits: { mesages: {} } }, expect.stringMatching(/^limits\.mesages: unknown; give one of messages, contacts, /)],
    [{ faults: { hang: 2 } }, `faults.hang: 2 is too big; ${howOften}`],
    [{ faults: { hang: true } }, `faults.hang: true is not right; ${howOften}`],
    [{ faults: { hangs: 1 } }, expect.stringMatching(/^faults\.hangs: unknown; give one of resetOnConnect, /)],
    [{ authorization: '' }, expect.stringMatching(/^authorization: "" is too small; give the value of Authorization/)],
    [{ latency: 1 }, expect.stringMatching(/^latency: unknown; give one of latencyMs, /)],
    ['{"__proto__": {"a": 1}}', expect.stringMatching(/^__proto__: unknown; give one of latencyMs, /)],
    ['[1]', expect.stringMatching(/^\[1\] is not an object; give an object with any of latencyMs, /)],
    ['null', expect.stringMatching(/^null is not an object; /)],
  ])('refuses %j and says what would be right', async (body, details) => {
    const sim = await simulator();
    const before = sim.settings();
    const told = await ask('PATCH', `${sim.url}/_simulator/settings`, { body });
    expect([told.status, told.json.errors]).toEqual([
      400,
      [{ code: 1009, title: 'Parameter value is not valid', details }],
    ]);
    expect(sim.settings()).toEqual(before);
  });

  it('names every problem at once, and changes nothing unless all is right', async () => {
    const sim = await simulator();
    const told = await ask('PATCH', `${sim.url}/_simulator/settings`, { body: { latencyMs: 5, workers: -1, nope: 1 } });
    const named = told.json.errors.map(({ details }: { details: string }) => details.split(':')[0]);
    expect(named).toEqual(['workers', 'nope']);
    expect(sim.settings().latencyMs).toBe(0);
  });

  it.each([
    ['PATCH', 'settings', '{', 400, /^The body is not JSON \(.+\); give an object of settings\.$/],
    ['PATCH', 'settings', '', 400, /^The body is not JSON/],
    ['PUT', 'settings', '{}', 405, /^PUT is not allowed here; use GET, PATCH\.$/],
    ['POST', 'seen', '', 405, /^POST is not allowed here; use GET, DELETE\.$/],
    ['GET', 'seen/nobody', '', 404, /^No request "nobody" was seen\.$/],
    ['GET', 'arrivals', '', 400, /^class: null is not right; give one of messages, /],
    ['GET', 'arrivals?class=all', '', 400, /^class: "all" is not right; give one of messages, /],
    ['GET', 'nothing', '', 404, /^There is no \/_simulator\/nothing; ask for settings, seen, /],
  ])('%s %s with the body %j is a clear no', async (method, path, body, status, details) => {
    const { url } = await simulator();
    const told = await ask(method, `${url}/_simulator/${path}`, { body });
    expect([told.status, error(told)]).toEqual([
      status,
      expect.objectContaining({ details: expect.stringMatching(details) }),
    ]);
  });
});

describe('starting and stopping', () => {
  it('refuses wrong settings by name', async () => {
    await expect(startSimulator({ workers: -1 })).rejects.toThrow('workers: -1 is too small; give jobs at once');
  });

  it('says when its port is taken, and keeps nothing open then', async () => {
    const first = await simulator();
    await expect(startSimulator({ port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const controlPort = Number(new URL(first.controlUrl).port);
    await expect(startSimulator({ controlPort })).rejects.toMatchObject({ code: 'EADDRINUSE', port: controlPort });
  });

  it('stops while answers hang, and also while it is not listening', async () => {
    const sim = await simulator({ faults: { hang: 1 } });
    const hanging = send(sim, 'x');
    await until(() => sim.trace('x')?.counts.faulted === 1, { what: 'the request to hang' });
    await sim.configure({ listening: false });
    await within(Promise.all([sim.close(), expect(hanging).rejects.toThrow()]), { what: 'the simulator to stop' });
  });
});
