/** Buckets whose Redis is away: a replica goes on alone, within its share of the limit, and finds its way back. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { RedisBuckets } from '../../src/adapters/redis/buckets.ts';
import { openRedis, type RedisConnection } from '../../src/adapters/redis/client.ts';
import { changeCallTimeout } from '../../src/adapters/redis/in-place.ts';
import { Replicas } from '../../src/adapters/redis/replicas.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import type { Grant } from '../../src/admission/rate/slots.ts';
import type { Clock } from '../../src/clock.ts';
import { deafMeter } from '../support/fleet.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { connectedTo, openBuckets } from '../support/redis-buckets.ts';
import { silentLog } from '../support/silent-log.ts';
import { pass, until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { VirtualRedis } from '../support/virtual-redis.ts';

/** Ten times the default: a machine with other things to do seldom looks like an outage. */
const callTimeoutMs = 500;
/** Where Redis is not to be away: no machine is so busy that it would seem so. */
const patientMs = 60_000;
const replicas = 2;
const messages: Quota = { rate: 50, burst: 150 };
/** Half of it; the last of a burst opens with the lead, so that one call finds one less open. */
const share = { intervalUs: 40_000, tauUs: 74 * 40_000, openAtOnce: 74 };

let server: TestRedis;
let redis: RedisConnection;
let buckets: RedisBuckets;
let sources: Record<string, number>;

const meter = {
  ...deafMeter,
  reserved(_: string, source: string, slots: number) {
    sources[source] = (sources[source] ?? 0) + slots;
  },
};

beforeEach(async () => {
  server = await startRedis();
  sources = {};
  ({ redis, buckets } = await openBuckets(server.url, { replicas, callTimeoutMs, meter }));
});
afterEach(async () => {
  redis.disconnect();
  await server.stop();
});

/** How long Redis may take, from now on. */
function allow(ms: number): void {
  changeCallTimeout(redis, ms);
  buckets.callTimeoutMs = ms;
}

const taken = async (name: string, want = 1): Promise<Grant> => await buckets.reserve(name, messages, want);

const back = () =>
  until(
    async () => {
      await buckets.reserve('messages', messages, 1);
      return !buckets.away;
    },
    { what: 'the buckets to be back in Redis' },
  );

const outages: readonly [string, () => Promise<void>, () => Promise<void>][] = [
  ['stalls', () => server.kill('SIGSTOP'), () => server.kill('SIGCONT')],
  ['is killed and comes back empty', () => server.kill('SIGKILL'), () => server.restart()],
];

describe.each(outages)('When Redis %s', (_, leave, comeBack) => {
  test('every call is answered, whatever other buckets wait for', async () => {
    await leave();
    const calls: Promise<Grant>[] = [];
    for (let i = 0; i < 12; i++) {
      calls.push(taken(`bucket ${i}`));
      await pass(7);
    }
    for (const { count } of await Promise.all(calls)) expect(count).toBe(1);
    expect(buckets.away).toBe(true);
  });

  test('from the second call on without waiting at all', async () => {
    await leave();
    await taken('messages');
    for (let i = 0; i < 30; i++) {
      expect(buckets.reserve('messages', messages, 1)).not.toBeInstanceOf(Promise);
      await pass(20);
    }
    expect(buckets.away).toBe(true);
  });

  test('the replica has its share of the rate and of the burst', async () => {
    await leave();
    const grant = await taken('messages', 100);
    expect(grant.intervalUs).toBe(share.intervalUs);
    expect(grant.count).toBe(share.openAtOnce);
    expect(grant.closesInUs - grant.opensInUs).toBe(share.tauUs);
    expect(sources).toEqual({ fallback: share.openAtOnce });
  });

  test('it starts from what it knows to be spent', async () => {
    const began = performance.now();
    for (let spent = 0; spent < messages.burst; ) spent += (await taken('messages', messages.burst)).count;
    await leave();
    const grant = await taken('messages', 100);
    // Nothing is left of the burst but what flowed in since: 25 requests a second for this replica.
    const flowedInUs = 1_000 * (performance.now() - began);
    expect(grant.opensInUs).toBeGreaterThan(-flowedInUs - share.intervalUs);
    expect(grant.count).toBeLessThanOrEqual(2 + flowedInUs / share.intervalUs);
    expect((await taken('another bucket', 100)).count).toBe(share.openAtOnce);
  });

  test('a bucket that is pushed back waits all the same: the replica’s own share of it', async () => {
    await leave();
    await taken('messages');
    const began = performance.now();
    await buckets.pushBack('messages', messages, 2_000);
    const grant = await taken('messages', 100);
    expect(grant.opensInUs).toBeGreaterThanOrEqual(2_000_000 - 1_000 * (performance.now() - began) - 1);
    expect(grant.opensInUs).toBeLessThanOrEqual(2_000_000);
    expect(grant.intervalUs).toBe(share.intervalUs);
  });

  test('and is back, it is used again', async () => {
    await taken('messages');
    await leave();
    await taken('messages');
    expect(buckets.away).toBe(true);
    await comeBack();
    await back();
    allow(patientMs);
    sources = {};
    expect((await taken('messages')).intervalUs).toBe(20_000);
    expect(sources).toEqual({ store: 1 });
  });
});

describe('In virtual time', () => {
  test('each call is answered within the call’s timeout, whatever other buckets wait for', async () => {
    const clock = new VirtualClock();
    const away = new VirtualRedis(clock, () => 0.2);
    const options = { keyPrefix: '', replicas: () => replicas, callTimeoutMs };
    const alone = new RedisBuckets(away.connection(), clock, deafMeter, options);
    away.stall();
    const tookMs: number[] = [];
    for (let i = 0; i < 100; i++) {
      const askedAt = clock.now();
      const call = Promise.resolve(alone.reserve(`bucket ${i % 12}`, messages, 1));
      void call.then(() => tookMs.push(clock.now() - askedAt));
      await clock.advance(7);
    }
    await clock.advance(callTimeoutMs);
    expect(tookMs).toHaveLength(100);
    // And one turn of the event loop.
    expect(Math.max(...tookMs)).toBeLessThanOrEqual(callTimeoutMs + 1);
  });
});

describe('A Redis that was lost', () => {
  test('is found again without anybody asking for slots', async () => {
    await server.kill('SIGKILL');
    await taken('messages');
    expect(buckets.away).toBe(true);
    await server.restart();
    await until(() => !buckets.away, { what: 'the buckets to be back in Redis' });
  });
});

describe('A Redis that wakes up', () => {
  test('has been asked for slots once a bucket, however long it stalled', async () => {
    allow(patientMs);
    await taken('messages');
    await redis.config('SET', 'slowlog-log-slower-than', '0');
    allow(callTimeoutMs);
    await server.kill('SIGSTOP');
    for (let i = 0; i < 30; i++) {
      await Promise.all(['messages', 'contacts', 'media'].map((name) => taken(name, 5)));
      await pass(10);
    }
    await server.kill('SIGCONT');
    await until(() => !buckets.away, { what: 'the buckets to be back in Redis' });
    allow(patientMs);
    const log = (await redis.slowlog('GET', 1_000)) as [number, number, number, string[]][];
    const wanted = log.flatMap(([, , , [command = '', , , , , , want]]) => (/^eval/i.test(command) ? [want] : []));
    expect(wanted.filter((want) => want === '5')).toHaveLength(3);
  });
});

describe('A Redis that forgets', () => {
  test('its scripts gets them again, unnoticed', async () => {
    allow(patientMs);
    await taken('messages');
    await redis.script('FLUSH');
    await taken('messages');
    expect(buckets.away).toBe(false);
    expect(sources).toEqual({ store: 2 });
  });
});

describe('A Redis that is not there from the start', () => {
  test('is replaced by the fallback until it comes', async () => {
    await server.kill('SIGKILL');
    const late = openRedis({ url: server.url, callTimeoutMs }, silentLog, 'test');
    onTestFinished(() => late.disconnect());
    const options = { keyPrefix: 'weir:', replicas: () => 1, callTimeoutMs };
    buckets = new RedisBuckets(late, machineClock, deafMeter, options);
    expect((await taken('messages', 200)).count).toBe(149);
    await server.restart();
    await back();
  });
});

describe('The number of replicas', () => {
  /** Replicas of one Redis, each with its connection; stopped at the end of the test. */
  async function join(
    names: readonly string[],
    clock: Clock = machineClock,
  ): Promise<{ replicas: Replicas[] } & AsyncDisposable> {
    const clients = await Promise.all(names.map(() => connectedTo(server.url, patientMs)));
    const joined = names.map((name, i) => new Replicas(clients[i] as RedisConnection, clock, 'weir:', name));
    for (const replica of joined) await replica.start();
    return {
      replicas: joined,
      async [Symbol.asyncDispose]() {
        await Promise.all(joined.map((replica) => replica.stop()));
        for (const client of clients) client.disconnect();
      },
    };
  }
  const counts = (joined: readonly Replicas[]) => joined.map((replica) => replica.count());
  const agree = (joined: readonly Replicas[], count: number) =>
    until(() => counts(joined).every((seen) => seen === count), { what: `all to count ${count}: ${counts(joined)}` });

  test('is known to each a second after one has joined', async () => {
    await using here = await join(['a', 'b', 'c']);
    expect(counts(here.replicas).at(-1)).toBe(3);
    await agree(here.replicas, 3);
  });

  test('falls when one leaves', async () => {
    await using here = await join(['a', 'b']);
    await here.replicas[1]?.stop();
    await agree(here.replicas.slice(0, 1), 1);
  });

  test('stays what it was while Redis is away, and is right again after', async () => {
    await using here = await join(['a', 'b']);
    await agree(here.replicas, 2);
    await server.kill('SIGKILL');
    await until(() => redis.status !== 'ready', { what: 'the connection to be lost' });
    expect(counts(here.replicas)).toEqual([2, 2]);
    await server.restart();
    await agree(here.replicas, 2);
  });

  test('does not fall because Redis has forgotten everybody', async () => {
    // Each says hello when it is told to.
    await using here = await join(['a', 'b'], new VirtualClock());
    const beat = async (): Promise<void> => {
      for (const replica of here.replicas) {
        await replica.start();
        expect(counts(here.replicas)).toEqual([2, 2]);
      }
    };
    await here.replicas[0]?.start();
    expect(counts(here.replicas)).toEqual([2, 2]);
    await redis.flushall();
    for (let i = 0; i < 3; i++) await beat();
  });

  test('is at least what the configuration says, also where Redis has never been seen', async () => {
    await server.kill('SIGKILL');
    const dead = openRedis({ url: server.url, callTimeoutMs }, silentLog, 'test');
    const replicas = new Replicas(dead, machineClock, 'weir:', 'a', 3);
    await replicas.start();
    expect(replicas.count()).toBe(3);
    await replicas.stop();
    dead.disconnect();
  });

  test.each([
    ['whom a clock that was ahead has left behind', 3_600],
    ['one that was silent for four seconds', -5],
  ])('does not count %s', async (_, fromNowS) => {
    await redis.zadd('weir:{replicas}', Math.floor(Date.now() / 1_000) + fromNowS, 'dead');
    await using here = await join(['a']);
    expect(counts(here.replicas)).toEqual([1]);
  });
});
