/** Promise P7 in virtual time: Redis away for a while, with everybody waiting. The limit holds and the line keeps moving. */
import { describe, expect, it } from 'vitest';
import { type Alone, RedisBuckets } from '../../src/adapters/redis/buckets.ts';
import { dice } from '../support/dice.ts';
import { deafMeter, excess, Fleet, roomyLimits, tolerance } from '../support/fleet.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { VirtualRedis } from '../support/virtual-redis.ts';

const quota = { rate: 50, burst: 150 };
const outageFromMs = 10_000;
const afterwardsMs = 20_000;

/** A replica's way to Redis, and how many replicas it counts; default: all. */
interface Place {
  readonly way: () => number;
  readonly counts?: number;
}

/** Replicas whose lines never empty for so long. */
function overloaded(places: readonly Place[], seconds: number, changed = (_: Alone | null): void => {}) {
  const replicas = places.length;
  const left = [...places];
  let redis: VirtualRedis | undefined;
  const fleet = new Fleet({
    limits: roomyLimits(quota),
    replicas,
    oneWayMs: () => 0,
    bucketsOf: (clock) => {
      redis ??= new VirtualRedis(clock, () => 0.2);
      const { way, counts = replicas } = left.shift() as Place;
      const options = { keyPrefix: '', replicas: () => counts, callTimeoutMs: 50, changed };
      return new RedisBuckets(redis.connection(way), clock, deafMeter, options);
    },
  });
  for (let i = 0; i < 2 * (quota.burst + quota.rate * seconds); i++) void fleet.arrive(i % replicas);
  return { fleet, redis: redis as VirtualRedis };
}

/** Through an outage. */
async function play(counts: readonly number[], outageMs: number, empty: boolean) {
  const seconds = (outageFromMs + outageMs + afterwardsMs) / 1_000;
  const places = counts.map((counts) => ({ way: () => 0.2, counts }));
  const { fleet, redis } = overloaded(places, seconds);
  await fleet.clock.run(outageFromMs);
  redis.stall();
  await fleet.clock.advance(outageMs);
  redis.comeBack({ empty });
  await fleet.clock.advance(afterwardsMs);
  return { instants: fleet.sent.map(({ at }) => at), seconds };
}

/** For a minute, with what happens after ten seconds. */
async function playOn(act: (redis: VirtualRedis) => void, ways = [() => 0.2, () => 0.2]) {
  const changes: boolean[] = [];
  const places = ways.map((way) => ({ way }));
  const { fleet, redis } = overloaded(places, 60, (alone) => void changes.push(alone !== null));
  await fleet.clock.run(outageFromMs);
  act(redis);
  await fleet.clock.run(60_000);
  const instants = fleet.sent.map(({ at }) => at);
  return { instants, changes, used: instants.length / (quota.burst + quota.rate * 60) };
}

const hourMs = 3_600_000;

describe('While the connections stand', () => {
  it.each<[string, (redis: VirtualRedis) => void]>([
    ['Redis loses the bucket', (redis) => redis.flush()],
    ['a server takes over that lagged two seconds behind', (redis) => redis.failOverLater(2_000)],
    ['Redis’s clock is set two seconds ahead', (redis) => redis.setClock(2_000)],
    ['… an hour ahead', (redis) => redis.setClock(hourMs)],
    ['… two seconds back', (redis) => redis.setClock(-2_000)],
    ['… half a minute back', (redis) => redis.setClock(-30_000)],
    ['… an hour back', (redis) => redis.setClock(-hourMs)],
    [
      '… an hour ahead, and the bucket is lost',
      (redis) => {
        redis.setClock(hourMs);
        redis.flush();
      },
    ],
    [
      '… half a minute back, and the bucket is lost',
      (redis) => {
        redis.setClock(-30_000);
        redis.flush();
      },
    ],
  ])('%s: the bucket goes on from what is known to be spent', async (_, act) => {
    const { instants, changes, used } = await playOn(act);
    expect(changes).toEqual([]);
    expect(excess(quota, instants)).toBeLessThanOrEqual(0.1 * quota.burst + tolerance(quota));
    expect(used).toBeGreaterThanOrEqual(0.99);
  });

  it.each([1, 2])('calls of %i replicas that travel for longer or shorter lose no slot', async (replicas) => {
    const random = dice(7);
    const ways = Array.from({ length: replicas }, () => () => 20 * random());
    const { instants, changes, used } = await playOn(() => {}, ways);
    expect(changes).toEqual([]);
    expect(excess(quota, instants)).toBeLessThanOrEqual(tolerance(quota));
    expect(used).toBeGreaterThanOrEqual(0.995);
  });
});

describe('A replica whose calls are held up now and then', () => {
  it('makes up for what it used on its own meanwhile: the limit does not leak', async () => {
    let calls = 0;
    const { instants, changes, used } = await playOn(() => {}, [() => (++calls % 50 === 0 ? 200 : 0.2), () => 0.2]);
    expect(changes.filter((alone) => alone).length).toBeGreaterThan(20);
    expect(excess(quota, instants)).toBeLessThanOrEqual(quota.burst / 10 + tolerance(quota));
    expect(used).toBeGreaterThanOrEqual(0.98);
  });
});

const scenes = [1, 2, 4].flatMap((replicas) =>
  [300, 1_000, 3_000, 10_000, 60_000].flatMap((outageMs) =>
    [false, true].map((empty) => [replicas, outageMs, empty ? 'empty' : 'as it was'] as const),
  ),
);

describe('A Redis that is only slow', () => {
  it('is away for as long as it is, instead of now and then', async () => {
    const changes: boolean[] = [];
    const fleet = new Fleet({
      limits: roomyLimits(quota),
      replicas: 1,
      oneWayMs: () => 0,
      bucketsOf: (clock) => {
        const connection = new VirtualRedis(clock, () => 40).connection();
        const changed = (alone: Alone | null) => void changes.push(alone !== null);
        const options = { keyPrefix: '', replicas: () => 1, callTimeoutMs: 50, changed };
        return new RedisBuckets(connection, clock, deafMeter, options);
      },
    });
    for (let i = 0; i < 400; i++) void fleet.arrive(0);
    await fleet.clock.run(4_000);
    expect(changes).toEqual([true]);
    expect(fleet.sent.length).toBeGreaterThanOrEqual(quota.burst + quota.rate * 3.5);
  });
});

describe('With everybody waiting', () => {
  it.each(scenes)('%i replicas, Redis away for %i ms and back %s', async (replicas, outageMs, state) => {
    const { instants, seconds } = await play(Array(replicas).fill(replicas), outageMs, state === 'empty');
    expect(excess(quota, instants)).toBeLessThanOrEqual(quota.burst / replicas + tolerance(quota));
    expect(instants.length).toBeGreaterThanOrEqual(0.98 * (quota.burst + quota.rate * seconds));
    const backMs = outageFromMs + outageMs + 2_000;
    const after = instants.filter((at) => at >= backMs && at < backMs + 5_000).length;
    expect(after).toBeGreaterThanOrEqual(0.99 * quota.rate * 5);
  });
});

describe('Replicas of which not all have heard of the newest when Redis goes away', () => {
  it.each([[[1, 2]], [[2, 1]], [[2, 2, 3]], [[1, 2, 3]], [[1, 2, 3, 4]]])(
    'count %j: each goes on with its share of what there are',
    async (counts) => {
      const { instants, seconds } = await play(counts, 10_000, false);
      expect(excess(quota, instants)).toBeLessThanOrEqual(quota.burst / counts.length + tolerance(quota));
      expect(instants.length).toBeGreaterThanOrEqual(0.98 * (quota.burst + quota.rate * seconds));
    },
  );
});

describe('A number of replicas that another has told', () => {
  it.each([
    ['counts when Redis goes away at once', 0, 4],
    ['no longer counts when they have left since', 5_000, 1],
  ])('%s', async (_, laterMs, divisor) => {
    const clock = new VirtualClock();
    const redis = new VirtualRedis(clock, () => 0.2);
    const counting = (replicas: number) =>
      new RedisBuckets(redis.connection(), clock, deafMeter, {
        keyPrefix: '',
        replicas: () => replicas,
        callTimeoutMs: 50,
      });
    const [one, other] = [counting(1), counting(4)];
    const take = async (buckets: RedisBuckets) => {
      const grant = Promise.resolve(buckets.reserve('messages', quota, 1));
      await clock.advance(100);
      return await grant;
    };
    await take(other);
    await take(one);
    await clock.advance(laterMs);
    redis.stall();
    const { intervalUs } = await take(one);
    expect(intervalUs).toBe((divisor * 1_000_000) / quota.rate);
  });
});
