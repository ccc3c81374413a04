/** What every `Buckets` does, whether it lives in this process or in a Redis that replicas share. */

import { afterAll, describe, expect, test } from 'vitest';
import { MemoryBuckets } from '../../src/adapters/memory/buckets.ts';
import { machineClock } from '../../src/adapters/node/clock.ts';
import type { RedisConnection } from '../../src/adapters/redis/client.ts';
import type { Buckets } from '../../src/admission/rate/ports.ts';
import type { NarrowQuota, Quota } from '../../src/admission/rate/quota.ts';
import { type Grant, keepUs, tauUs } from '../../src/admission/rate/slots.ts';
import type { Clock } from '../../src/clock.ts';
import { deafMeter } from '../support/fleet.ts';
import { openBuckets } from '../support/redis-buckets.ts';
import { deployCluster, deploySentinel, deployServer, type RedisDeployment } from '../support/redis-deployments.ts';
import { pass, until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

interface Opening {
  readonly replicas?: number;
  readonly keyPrefix?: string;
  /** The replica's clock. */
  readonly clock?: Clock;
}

/** Where buckets are kept, and the time that passes there. */
interface Place {
  open(opening?: Opening): Promise<Buckets>;
  now(): number;
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

function inMemory(): Place {
  const clock = new VirtualClock();
  return {
    open: async () => new MemoryBuckets(clock, deafMeter),
    now: () => clock.now(),
    pass: (ms) => clock.advance(ms),
    close: async () => {},
  };
}

/** No machine is so busy that Redis would seem to be away. */
const callTimeoutMs = 60_000;

async function inRedis(deployed: Promise<RedisDeployment>): Promise<Place> {
  const deployment = await deployed;
  const { url } = deployment;
  const opened: RedisConnection[] = [];
  return {
    async open({ replicas = 1, keyPrefix = 'weir:', clock = machineClock } = {}) {
      const { redis, buckets } = await openBuckets(url, { replicas, keyPrefix, clock, callTimeoutMs });
      opened.push(redis);
      return buckets;
    },
    now: () => performance.now(),
    pass,
    async close() {
      for (const redis of opened) redis.disconnect();
      await deployment[Symbol.asyncDispose]();
    },
  };
}

/** Names below are used once, so that tests share these. */
const shared = {
  Redis: await inRedis(deployServer()),
  'Redis behind Sentinel': await inRedis(deploySentinel()),
  'Redis Cluster': await inRedis(deployCluster({ replicas: false })),
};
const places: readonly (readonly [string, Place])[] = [['memory', inMemory()], ...Object.entries(shared)];
afterAll(async () => {
  for (const [, place] of places) await place.close();
});

const messages: Quota = { rate: 50, burst: 150 };
/** None of it flows back while a test runs: what is open within half an interval is open now. */
const slow: Quota = { rate: 0.001, burst: 50 };
const halfIntervalUs = 500_000_000;
/** A burst of minutes: no test takes so long that it is full again by then. */
const wide: Quota = { rate: 50, burst: 15_000 };
/** A slot of an idle bucket opens up to this much later, so that the reply has time to travel. */
const leadMaxUs = 50_000;
/** Redis counts whole microseconds, and its clock and ours drift apart. */
const clockErrorMs = 0.5;

let names = 0;
const freshName = (): string => `bucket ${++names} zoë`;

/**
 * Takes slots one call after the other until one opens later than `aheadUs`; counts those before. Where calls take so long
 * that as many flow in meanwhile, it ends at twice the burst.
 */
async function drain(buckets: Buckets, name: string, quota: Quota, aheadUs: number, want = 7): Promise<number> {
  for (let open = 0; ; ) {
    const grant = await buckets.reserve(name, quota, want);
    for (let i = 0; i < grant.count; i++) if (grant.opensInUs + i * grant.intervalUs <= aheadUs) open += 1;
    if (grant.opensInUs + (grant.count - 1) * grant.intervalUs > aheadUs || open >= 2 * quota.burst) return open;
  }
}

/** Of buckets that nobody has asked yet: the whole burst is there, and no more than flows in while it is taken. */
async function expectFull(place: Place, buckets: Buckets, name: string, quota: Quota): Promise<void> {
  const began = place.now();
  const open = await drain(buckets, name, quota, leadMaxUs);
  const takenInMs = place.now() - began + leadMaxUs / 1_000;
  expect(open).toBeGreaterThanOrEqual(quota.burst);
  expect(open).toBeLessThanOrEqual(quota.burst + Math.ceil((quota.rate * takenInMs) / 1_000));
}

const shape = ({ count, opensInUs, closesInUs, intervalUs }: Grant) => ({
  count,
  opensInMs: Math.round(opensInUs / 1_000),
  closesInMs: Math.round(closesInUs / 1_000),
  intervalUs,
});

describe.each(places)('Buckets in %s', (kind, place) => {
  test.each([1, 2, 7, 149, 1_000])('asked for %i slots give one to that many', async (want) => {
    const buckets = await place.open();
    const name = freshName();
    for (let call = 0; call < 40; call++) {
      const { count } = await buckets.reserve(name, messages, want);
      expect(count).toBeGreaterThanOrEqual(1);
      expect(count).toBeLessThanOrEqual(want);
    }
  });

  test.each<[string, Quota]>([
    ['50/s, 150', messages],
    ['20/s, 60', { rate: 20, burst: 60 }],
    ['5/s, 10', { rate: 5, burst: 10 }],
    ['1/s, 1', { rate: 1, burst: 1 }],
    ['one every ten seconds, 3', { rate: 0.1, burst: 3 }],
  ])('that are idle give the whole burst at once: %s', async (_, quota) => {
    const buckets = await place.open();
    await expectFull(place, buckets, freshName(), quota);
  });

  test.each([
    ['from idle', 0],
    ['a day later', 86_400_000],
  ])('say how long to wait, not until when: %s', async (_, laterMs) => {
    if (kind === 'memory') await place.pass(laterMs);
    const buckets = await place.open();
    expect(shape(await buckets.reserve(freshName(), messages, 3))).toEqual({
      count: 3,
      opensInMs: -2_960,
      closesInMs: 20,
      intervalUs: 20_000,
    });
  });

  test('give burst + rate × t to somebody who always asks, and no more', async () => {
    const buckets = await place.open();
    const name = freshName();
    // Half a minute's worth: a machine that dawdles for less loses none.
    const quota: Quota = { rate: 400, burst: 12_000 };
    const began = place.now();
    let opened = (await buckets.reserve(name, quota, 1_000)).count;
    const heardFirst = place.now();
    const allowedIn = (ms: number) => quota.burst + (quota.rate * (ms - keepUs / 1_000)) / 1_000;
    for (let opensAt = began; opensAt - began < 400; ) {
      await place.pass(Math.max(0, opensAt - place.now() - 5));
      const asked = place.now();
      const { count, opensInUs, intervalUs } = await buckets.reserve(name, quota, 1_000);
      opened += count;
      const inMs = (opensInUs + (count - 1) * intervalUs) / 1_000;
      opensAt = asked + inMs;
      // The bucket's now lies between asking and hearing, at the first call and at this one.
      expect(opened).toBeLessThanOrEqual(allowedIn(place.now() + inMs - began) + 1);
      expect(opened).toBeGreaterThanOrEqual(allowedIn(opensAt - heardFirst) - 1);
    }
  });

  test('that are empty give slots an interval apart, none twice', async () => {
    const buckets = await place.open();
    const name = freshName();
    await drain(buckets, name, wide, 0, 1_000);
    // The bucket's now lies between asking and hearing: that's how exactly we know when a slot opens.
    const opens: { readonly earliest: number; readonly latest: number }[] = [];
    for (let call = 0; call < 20; call++) {
      const asked = place.now();
      const { count, opensInUs, intervalUs } = await buckets.reserve(name, wide, 3);
      const heard = place.now();
      for (let i = 0; i < count; i++) {
        const inMs = (opensInUs + i * intervalUs) / 1_000;
        opens.push({ earliest: asked + inMs, latest: heard + inMs });
      }
    }
    expect(opens.length).toBeGreaterThan(20);
    for (const [index, { earliest, latest }] of opens.slice(1).entries()) {
      const before = opens[index] as (typeof opens)[number];
      expect(latest - before.earliest).toBeGreaterThanOrEqual(20 - clockErrorMs);
      expect(earliest - before.latest).toBeLessThanOrEqual(20 + clockErrorMs);
    }
  });

  test('refill while nobody asks', async () => {
    const buckets = await place.open();
    const name = freshName();
    const quota: Quota = { rate: 500, burst: 50 };
    const began = place.now();
    await drain(buckets, name, quota, 0, 1_000);
    const tripMs = place.now() - began;
    await place.pass(250); // Worth 125 requests: the slots that were taken ahead, and the whole burst.
    const { opensInUs } = await buckets.reserve(name, quota, 1);
    // As a full one, but for the lead: what two trips take, where that is more.
    expect(opensInUs).toBeLessThanOrEqual(Math.max(keepUs, 2_000 * tripMs) - tauUs(quota));
  });

  test('of different names do not know of one another', async () => {
    const buckets = await place.open();
    for (let i = 0; i < 2; i++) expect(await drain(buckets, freshName(), slow, halfIntervalUs)).toBe(slow.burst);
  });

  test('that are pushed back open no slot before that, and then one interval after the other', async () => {
    const buckets = await place.open();
    const name = freshName();
    const learning = place.now();
    await buckets.reserve(name, wide, 1);
    // From this call it knows the store's clock, as well as the trip allows.
    const learntMs = place.now() - learning;
    const pushing = place.now();
    await buckets.pushBack(name, wide, 2_000);
    const pushed = place.now();
    await place.pass(100);
    const asked = place.now();
    const { opensInUs, intervalUs } = await buckets.reserve(name, wide, 1);
    // The bucket's now lies between asking and hearing, at both calls.
    expect(place.now() + opensInUs / 1_000).toBeGreaterThanOrEqual(pushing + 2_000 - clockErrorMs);
    expect(asked + opensInUs / 1_000).toBeLessThanOrEqual(pushed + 2_000 + learntMs + clockErrorMs);
    expect(intervalUs).toBe(20_000);
  });

  test.each<[string, pushesMs: number[], opensInMs: number]>([
    ['more than once, are pushed by the most', [1_000, 3_000, 2_000], 3_000],
    ['by an hour, are pushed by five seconds', [3_600_000], 5_000],
  ])('that are pushed back %s', async (_, pushesMs, opensInMs) => {
    const buckets = await place.open();
    const name = freshName();
    const began = place.now();
    for (const ms of pushesMs) await buckets.pushBack(name, messages, ms);
    const { opensInUs } = await buckets.reserve(name, messages, 1);
    expect(opensInUs / 1_000).toBeLessThanOrEqual(opensInMs + clockErrorMs);
    expect(opensInUs / 1_000).toBeGreaterThanOrEqual(opensInMs - (place.now() - began) - clockErrorMs);
  });

  test('that are busy beyond that stay as they are', async () => {
    const buckets = await place.open();
    const name = freshName();
    const quota: Quota = { ...slow, burst: 1 };
    for (let slot = 0; slot < 2; slot++) await buckets.reserve(name, quota, 1);
    await buckets.pushBack(name, quota, 1_000);
    const { opensInUs } = await buckets.reserve(name, quota, 1);
    expect(opensInUs).toBeGreaterThan(3 * halfIntervalUs);
    expect(opensInUs).toBeLessThanOrEqual(4 * halfIntervalUs);
  });

  test('that are not full again are not forgotten', async () => {
    const buckets = await place.open();
    const name = freshName();
    await drain(buckets, name, slow, halfIntervalUs);
    buckets.forget(name);
    expect(await drain(buckets, name, slow, halfIntervalUs)).toBe(0);
  });

  test('take another quota from the next call on', async () => {
    const buckets = await place.open();
    const name = freshName();
    await drain(buckets, name, messages, 0);
    expect((await buckets.reserve(name, { rate: 20, burst: 60 }, 1)).intervalUs).toBe(50_000);
  });
});

describe.each(places)('Narrow buckets in %s', (_, place) => {
  /** Takes tokens until there is none; counts them, and says when there will be one, milliseconds. */
  async function emptied(
    buckets: Buckets,
    name: string,
    quota: NarrowQuota,
  ): Promise<{ taken: number; opensInMs: number }> {
    for (let taken = 0; ; taken++) {
      const tried = await buckets.tryTake(name, quota, 1);
      if (!tried.taken) return { taken, opensInMs: tried.opensInUs / 1_000 };
    }
  }

  test('give what is there now and no more, and say when there will be more', async () => {
    const [buckets, name] = [await place.open(), freshName()];
    const quota = { rate: 0.001, burst: 5, settled: null };
    const { taken, opensInMs } = await emptied(buckets, name, quota);
    // A token that is kept for the way of its reply delays those behind it by as much.
    expect([4, 5]).toContain(taken);
    expect(opensInMs).toBeGreaterThan(0);
    expect(opensInMs).toBeLessThanOrEqual(1_000_000);
  });

  test('that give nothing take nothing: there is one when they said', async () => {
    const [buckets, name] = [await place.open(), freshName()];
    const quota = { rate: 5, burst: 1, settled: null };
    expect(await buckets.tryTake(name, quota, 1)).toMatchObject({ taken: true });
    const askedAt = place.now();
    const { opensInMs } = await emptied(buckets, name, quota);
    for (let i = 0; i < 20; i++) await buckets.tryTake(name, quota, 1);
    for (;;) {
      const tried = await buckets.tryTake(name, quota, 1);
      if (tried.taken) break;
      await place.pass(1);
    }
    // However late this process was: not before, by what the first refusal said.
    expect(place.now() - askedAt).toBeGreaterThanOrEqual(opensInMs - clockErrorMs);
  });

  test('take a token back', async () => {
    const [buckets, name] = [await place.open(), freshName()];
    const quota = { rate: 0.001, burst: 1, settled: null };
    expect((await buckets.tryTake(name, quota, 1)).taken).toBe(true);
    expect((await buckets.tryTake(name, quota, 1)).taken).toBe(false);
    buckets.settle(name, quota, -1, 0);
    expect((await buckets.tryTake(name, quota, 1)).taken).toBe(true);
    expect((await buckets.tryTake(name, quota, 1)).taken).toBe(false);
  });

  test('of different names do not know of one another', async () => {
    const [buckets, one, other] = [await place.open(), freshName(), freshName()];
    const quota = { rate: 0.001, burst: 1, settled: null };
    await emptied(buckets, one, quota);
    expect((await buckets.tryTake(other, quota, 1)).taken).toBe(true);
  });
});

describe.each(Object.entries(shared))('Buckets in one %s', (_, place) => {
  test('are one bucket for all replicas', async () => {
    const [one, other] = [await place.open({ replicas: 2 }), await place.open({ replicas: 2 })];
    const name = freshName();
    const began = place.now();
    const first = await drain(one, name, messages, leadMaxUs);
    const second = await drain(other, name, messages, leadMaxUs);
    const meanwhile = (messages.rate * (place.now() - began)) / 1_000;
    expect(first).toBeGreaterThanOrEqual(messages.burst);
    expect(first + second).toBeLessThanOrEqual(messages.burst + Math.ceil(meanwhile) + 1);
  });

  test('give one replica its share, and what is left to who asks again', async () => {
    const buckets = await place.open({ replicas: 3 });
    const name = freshName();
    const quota: Quota = { ...slow, burst: 30 };
    expect(await buckets.reserve(name, quota, 100)).toMatchObject({ count: 10 });
    expect(await buckets.reserve(name, quota, 100)).toMatchObject({ count: 7 });
  });

  test('do not ask what time it is at the replica', async () => {
    const name = freshName();
    const inTime = await place.open();
    const off = await place.open({ clock: new VirtualClock() });
    const began = place.now();
    await inTime.reserve(name, messages, 100);
    const { opensInUs } = await off.reserve(name, messages, 1);
    const betweenMs = place.now() - began;
    const taken = -2_960_000 + 100 * 20_000;
    expect(opensInUs).toBeLessThanOrEqual(taken);
    expect(opensInUs).toBeGreaterThanOrEqual(taken - 1_000 * (betweenMs + clockErrorMs));
  });

  test('are pushed back for all replicas at once', async () => {
    const [one, other] = [await place.open({ replicas: 2 }), await place.open({ replicas: 2 })];
    const name = freshName();
    await other.reserve(name, messages, 1);
    const pushing = place.now();
    await one.pushBack(name, messages, 2_000);
    const { opensInUs } = await other.reserve(name, messages, 1);
    expect(place.now() + opensInUs / 1_000).toBeGreaterThanOrEqual(pushing + 2_000 - clockErrorMs);
  });

  test('under another prefix are others', async () => {
    const [one, other] = [await place.open({ keyPrefix: 'a:' }), await place.open({ keyPrefix: 'b:' })];
    const name = freshName();
    await drain(one, name, messages, leadMaxUs);
    await expectFull(place, other, name, messages);
  });
});

describe.each(Object.entries(shared))('Narrow buckets in one %s', (_, place) => {
  test('are one bucket for all replicas', async () => {
    const quota = { rate: 0.001, burst: 3, settled: null };
    const name = freshName();
    const replicas = [await place.open({ replicas: 2 }), await place.open({ replicas: 2 })];
    let taken = 0;
    for (let i = 0; i < 10; i++) if ((await (replicas[i % 2] as Buckets).tryTake(name, quota, 1)).taken) taken += 1;
    expect([2, 3]).toContain(taken);
  });

  test('have what went back for all replicas, whatever these knew, and whoever took of it meanwhile', async () => {
    const quota = { rate: 0.001, burst: 4, settled: null };
    const name = freshName();
    const [one, other] = [await place.open({ replicas: 2 }), await place.open({ replicas: 2 })];
    const take = async (buckets: Buckets) => (await buckets.tryTake(name, quota, 1)).taken;
    expect([await take(one), await take(one), await take(other)]).toEqual([true, true, true]);
    for (let i = 0; i < 2; i++) one.settle(name, quota, -1, 0);
    await until(() => take(one), { what: 'a token that went back' });
    // The lead of the first one costs a token, until as much time has passed.
    const [next, maybe, last] = [await take(other), await take(other), await take(other)];
    expect([next, maybe && last]).toEqual([true, false]);
  });

  test('are pushed back for all replicas, and no token is there before', async () => {
    const quota = { rate: 100, burst: 10, settled: null };
    const name = freshName();
    const [one, other] = [await place.open({ replicas: 2 }), await place.open({ replicas: 2 })];
    const pushing = place.now();
    one.pushBackNarrow(name, quota, 30_000);
    const shut = async (): Promise<boolean> => {
      const tried = await other.tryTake(name, quota, 1);
      return !tried.taken && place.now() + tried.opensInUs / 1_000 >= pushing + 30_000 - clockErrorMs;
    };
    await until(shut, { what: 'the bucket to be shut' });
  });

  test('are settled all the same where they were pushed back meanwhile', async () => {
    const quota = { rate: 0.001, burst: 10, settled: { debtMaxUs: 3_600_000_000 } };
    const name = freshName();
    const [one, other] = [await place.open({ replicas: 2 }), await place.open({ replicas: 2 })];
    const taken = await one.tryTake(name, quota, 10);
    if (!taken.taken) throw new Error('ten of ten were not to be had');
    one.pushBackNarrow(name, quota, 1);
    // All that was taken is spent: the next one is there in 1,000 s.
    const tried = await other.tryTake(name, quota, 1);
    expect(!tried.taken && tried.opensInUs > 0.9e9).toBe(true);
    one.settle(name, quota, -6, taken.mark);
    await until(async () => (await other.tryTake(name, quota, 5)).taken, { what: 'what was given back' });
  });

  test('are settled for all replicas, also for those who knew that all was spent', async () => {
    const quota = { rate: 0.001, burst: 10, settled: { debtMaxUs: 3_600_000_000 } };
    const name = freshName();
    const [one, other] = [await place.open({ replicas: 2 }), await place.open({ replicas: 2 })];
    const taken = await one.tryTake(name, quota, 9);
    if (!taken.taken) throw new Error('nine of ten were not to be had');
    expect((await other.tryTake(name, quota, 5)).taken).toBe(false);
    one.settle(name, quota, -6, taken.mark);
    await until(async () => (await other.tryTake(name, quota, 5)).taken, { what: 'what was given back' });
    // What is owed is paid by all: an hour of it, and the next token.
    one.settle(name, quota, 50, taken.mark);
    const owes = async (): Promise<boolean> => {
      const tried = await other.tryTake(name, quota, 1);
      return !tried.taken && tried.opensInUs > 3.6e9;
    };
    await until(owes, { what: 'the debt' });
  });
});
