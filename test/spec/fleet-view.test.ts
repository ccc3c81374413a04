/** The whole fleet as any of its replicas shows it, and what Redis holds for that. */
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { status } from '../../src/commands/status.ts';
import { type FleetCards, type ReplicaCard, replicasOf } from '../../src/observe/fleet-view.ts';
import { mergedCallers, mergedRecent } from '../../src/observe/merged-views.ts';
import type { CallersView, CallerView } from '../../src/observe/views.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { ask, type Told } from '../support/ask.ts';
import { operatorToken } from '../support/operator.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';

const yaml = `ops: {token: ${operatorToken}}\nlimits: {messages: {rate: 0.01, burst: 1, holdMaxMs: 600000}}\n`;

let server: TestRedis;
let redis: Redis;
let upstream: Upstream;
let one: TestApp;
let other: TestApp;
const waiting: Promise<unknown>[] = [];

beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  upstream = await startUpstream(say(answer(200, {}, 'ok')));
  one = await startTestApp(upstream.url, yaml, { REDIS_URL: server.url });
  other = await startTestApp(upstream.url, yaml, { REDIS_URL: server.url });
});
afterEach(async () => {
  await Promise.all([one.close(0), other.close(0)]);
  await Promise.all(waiting.splice(0));
  redis.disconnect();
  await upstream.stop();
  await server.stop();
});

// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
type Seen = any;
async function see(app: TestApp, query: string, token: string | null = operatorToken): Promise<Seen> {
  const fields: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  return (await ask('GET', `http://127.0.0.1:${app.opsPort}/status?${query}`, { fields })).json;
}

/** Five requests in line, three of them at the other replica. */
async function fiveWait(): Promise<void> {
  await one.send('POST /v1/messages', '', '{}');
  const line = (app: TestApp): number => app.services.admit.gates('messages').headcount.total;
  for (const app of [one, one, other, other, other]) waiting.push(app.send('POST /v1/messages', '', '{}'));
  await until(() => line(one) === 2 && line(other) === 3, { what: 'five in line' });
}

const isOfAll = ({ fleet, lines }: Seen): boolean => fleet.replicas.length === 2 && lines[0]?.requests === 5;

/** A replica tells of itself with its next beat. */
const seenAll = (app: TestApp, token: string | null = operatorToken): Promise<Seen> =>
  until(
    async () => {
      const view = await see(app, 'fleet=true&callers=10&recent=true', token);
      return isOfAll(view) ? view : null;
    },
    { what: 'both replicas to tell' },
  );

const notAll = 'not all others have answered';

/** An answer for which the others were heard: on a busy machine one may be late with its beat. */
const heard = (asked: () => Promise<Told>): Promise<Told> =>
  until(
    async () => {
      const told = await asked();
      return told.json.detail?.includes(notAll) === true ? null : told;
    },
    { what: 'the others to answer' },
  );

describe('The fleet, as a replica shows it', () => {
  it('has the lines of all, their callers, the last minutes, and each replica', async () => {
    await fiveWait();
    const view = await seenAll(one);
    expect(view.lines).toMatchObject([{ class: 'messages', requests: 5, callers: 1 }]);
    expect(view.buckets).toMatchObject([{ class: 'messages', rate: 0.01, burst: 1 }]);
    expect(view.callers).toMatchObject([{ class: 'messages', place: 1, caller: 'user:admin', requests: 5 }]);
    expect(view.fleet).toMatchObject({ silent: 0, complete: true });
    const nameOf = async (app: TestApp): Promise<string> => (await see(app, 'callers=0')).replica.name;
    const told = (name: string) => view.fleet.replicas.find((each: ReplicaCard) => each.name === name);
    expect(told(await nameOf(one))).toMatchObject({ requests: 2, ready: true });
    expect(told(await nameOf(other))).toMatchObject({ requests: 3, ready: true });
    const messages = view.recent.classes.find((each: { class: string }) => each.class === 'messages');
    expect(messages.came.reduce((sum: number, count: number) => sum + count, 0)).toBe(1);
    // One replica is still shown by itself.
    expect((await see(one, 'callers=10')).lines).toMatchObject([{ requests: 2 }]);
    // Names are for operators.
    const plain = await seenAll(other, null);
    expect(JSON.stringify(plain)).not.toContain('user:admin');
    expect(plain.callers).toMatchObject([{ caller: expect.stringMatching(/^user:#/), requests: 5 }]);
  });

  it('says why a request waits in whichever replica it waits', async () => {
    await one.send('POST /v1/messages', '', '{}');
    waiting.push(other.send('POST /v1/messages', 'X-Request-Id: far\r\n', '{}'));
    await until(() => other.services.admit.wait('far') !== null, { what: 'the request to wait' });
    const { name } = (await see(other, 'callers=0')).replica;
    const asked = (app: TestApp, id: string) => app.ops(`/status/requests/${id}`);
    for (const app of [one, other]) {
      const told = await heard(() => asked(app, 'far'));
      expect([told.status, told.json]).toMatchObject([200, { id: 'far', replica: name, waitsFor: 'rate', place: 1 }]);
      expect(told.json.caller).toMatch(/^user:#/);
    }
    const none = await heard(() => asked(one, 'nobodys'));
    expect([none.status, none.json.detail]).toEqual([404, expect.stringContaining('never came')]);
    // Many who ask for many make room for one another, and none is lost that waits.
    const crowd = Array.from({ length: 20 }, (_, i) => asked(one, `unknown-${i}`));
    expect((await Promise.all(crowd)).map(({ status }) => status)).toEqual(crowd.map(() => 404));
    expect(await redis.zcard('weir:{replicas}:asked')).toBeLessThanOrEqual(16);
    expect((await heard(() => asked(one, 'far'))).status).toBe(200);
    await server.stop();
    const away = await asked(one, 'far');
    expect([away.status, away.json.detail]).toEqual([404, expect.stringContaining(notAll)]);
  });

  it('is told on the page, to a terminal, and not without asking', async () => {
    await fiveWait();
    await seenAll(one);
    const leaving = new AbortController();
    const events = await fetch(`http://127.0.0.1:${one.opsPort}/events?fleet=true`, { signal: leaving.signal });
    const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const told = (): Seen[] => [...text.matchAll(/^data: (.*)\n\n/gm)].map(([, json]) => JSON.parse(json as string));
    await until(
      async () => {
        text += (await reader?.read())?.value ?? '';
        return told().some(isOfAll);
      },
      { what: 'an event that tells of both' },
    );
    leaving.abort();
    const out: string[] = [];
    const io = { out: (line: string) => void out.push(line), err: () => {}, readFile: () => yaml };
    const env = { OPS_PORT: `${one.opsPort}`, WA_API_KEY: 'key', COREAPP_URL: upstream.url, REDIS_URL: server.url };
    const isPrinted = async (): Promise<boolean> => {
      out.length = 0;
      expect(await status(['fleet', '--config', 'weir.yaml'], env, io)).toBe(0);
      return /^messages +5 /m.test(out.join('\n'));
    };
    await until(isPrinted, { what: 'a table that tells of both' });
    expect(out.join('\n')).toMatch(/^REPLICA +STATE +VERSION/m);
    expect((await see(one, 'callers=10')).fleet).toBeUndefined();
    expect((await see(one, 'fleet=perhaps')).detail).toBe('fleet=perhaps: give true or false.');
  });

  it('counts those that tell nothing, and what another version tells', async () => {
    await redis.set('weir:{replicas}:card:newer', '{"name": "newer", "lines": "many"}');
    const seen = async (): Promise<Seen> => {
      // For as long as replicas are taken to be there that say nothing.
      const now = Math.floor(Date.now() / 1_000);
      await redis.zadd('weir:{replicas}', now, 'old', now, 'newer');
      const { fleet } = await see(one, 'fleet=true');
      return fleet.silent === 2 && fleet.replicas.length === 2 ? fleet : null;
    };
    const { replicas } = await until(seen, { what: 'two that are heard, and two that are not' });
    expect(replicas.map(({ name }: ReplicaCard) => name)).not.toContain('newer');
  });

  it('is what is left where Redis does not answer', async () => {
    await server.stop();
    const { fleet } = await see(one, 'fleet=true');
    expect(fleet).toMatchObject({ replicas: [{ ready: true }], complete: false });
  });
});

describe('An order', () => {
  const order = async (path: string) => {
    const fields = { authorization: `Bearer ${operatorToken}` };
    const { status, json } = await ask('PUT', `http://127.0.0.1:${one.opsPort}/steering/${path}`, { fields });
    return [status, json.detail ?? json.reach];
  };

  it('is refused where it can mean nobody: a replica that is not there, a digest, a name without its kind', async () => {
    const { replica } = await see(other, 'callers=0');
    expect(await order('drains/nobody')).toEqual([422, expect.stringContaining(replica.name)]);
    expect(await order('pauses/callers/user:%230123abcd')).toEqual([422, expect.anything()]);
    expect(await order('pauses/callers/bulk')).toEqual([422, expect.stringContaining('user:bulk')]);
    expect(await order('pauses/callers/user:bulk')).toEqual([200, 'fleet']);
    expect(await order(`drains/${replica.name}`)).toEqual([200, 'fleet']);
  });

  it('says that it reaches this replica alone while Redis is away, and is taken for others, who hear of it later', async () => {
    const { replica } = await see(other, 'callers=0');
    await server.stop();
    await until(() => !one.services.stores.state().up, { what: 'Redis to be missed' });
    for (const path of ['pauses/classes/messages', `drains/${replica.name}`]) {
      expect(await order(path)).toEqual([200, 'replica']);
    }
  });
});

test('Nothing is told while nobody looks, and what was told is gone after', async () => {
  const cards = (): Promise<string[]> => redis.keys('weir:{replicas}:*');
  expect(await cards()).toEqual([]);
  const isTold = async (): Promise<boolean> => {
    await see(one, 'fleet=true');
    return (await cards()).length > 0;
  };
  await until(isTold, { what: 'something to be told' });
  expect(Math.max(...(await Promise.all((await cards()).map((key) => redis.ttl(key)))))).toBeLessThanOrEqual(5);
  await until(async () => (await cards()).length === 0, { what: 'nothing to be left' });
});

const card = (more: Partial<ReplicaCard>): ReplicaCard => ({
  name: 'a',
  version: '1',
  startedAt: '2026-01-01T00:00:00Z',
  ready: true,
  hash: 'h',
  loadedAt: '2026-01-01T00:00:00Z',
  fallback: false,
  connections: 2,
  lines: [],
  buckets: [],
  lanes: [],
  permits: [],
  callers: { callers: [], more: 0 },
  recent: { stepMs: 15_000, classes: [] },
  waits: [],
  ...more,
});

test('Workers of a replica are one in the list', () => {
  const cards: FleetCards['cards'] = [
    card({ name: 'b' }),
    card({ ready: false, fallback: true }),
    card({ hash: 'newer', loadedAt: '2026-01-02T00:00:00Z' }),
  ];
  expect(replicasOf(cards)).toMatchObject([
    { name: 'a', workers: 2, ready: true, fallback: true, connections: 4, hash: 'newer' },
    { name: 'b', workers: 1 },
  ]);
});

test('Shares of callers in different lines are those of their class, and add up to 1', () => {
  const one = (name: string, caller: string, place: number, share: number): CallerView => {
    const turn = { turnInMs: place, turnByMs: place };
    return { class: name, place, caller, requests: 1, share, oldestMs: 0, ...turn };
  };
  const told = (...callers: CallerView[]): CallersView => ({ callers, more: 0 });
  const { callers } = mergedCallers(
    [
      told(one('messages', 'a', 1, 1), one('media', 'a', 1, 0.25), one('media', 'b', 2, 0.75)),
      told(one('messages', 'b', 1, 0.5), one('messages', 'a', 2, 0.5)),
      // With a scope a process has several lines of a class.
      told(one('messages', 'c', 1, 1), one('messages', 'a', 1, 1)),
    ],
    10,
  );
  const shares = callers.map((each) => [`${each.class} ${each.caller}`, each.share]);
  expect(Object.fromEntries(shares)).toEqual({
    'messages a': 0.625,
    'messages b': 0.125,
    'messages c': 0.25,
    'media a': 0.25,
    'media b': 0.75,
  });
});

test('Steps of several are added up from the latest back', () => {
  const lately = (came: number[]) => ({
    stepMs: 15_000,
    classes: [{ class: 'messages', came, held: [0], sent: [], replayed: [], refused: [1, 1] }],
  });
  expect(mergedRecent([lately([1, 2, 3]), lately([10])]).classes).toEqual([
    { class: 'messages', came: [1, 2, 13], held: [0], sent: [], replayed: [], refused: [2, 2] },
  ]);
});
