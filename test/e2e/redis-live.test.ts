/**
 * Promise P7 against a real Redis and real links: two replicas whose lines never empty, and every fault that Redis and the
 * way to it can have. Counted by the moments at which requests may be written. test/e2e/redis-faults.test.ts is the same with
 * whole processes; how long anything takes is measured by `npm run bench:fleet`.
 */
import { describe, expect, test } from 'vitest';
import type { RedisConnection } from '../../src/adapters/redis/client.ts';
import { excess, tolerance } from '../support/fleet.ts';
import { type LiveFleet, startLiveFleet } from '../support/live-fleet.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type Link, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const quota = { rate: 50, burst: 20 };
const replicas = 2;
const share = quota.burst / replicas;
/** Where Redis is not away: no machine is so busy that it would seem so. */
const patient: Setting = { callTimeoutMs: 30_000 };

interface Scene {
  readonly server: TestRedis;
  readonly proxy: TcpProxy;
  readonly fleet: LiveFleet;
  readonly redis: RedisConnection;
}

interface Setting {
  readonly link?: Link;
  readonly callTimeoutMs?: number;
}

const instants = ({ departures }: LiveFleet, from = 0): number[] =>
  departures.map(({ at }) => at).filter((at) => at >= from);

/** Plays a scene and judges what every fault has in common. */
async function play({ link = {}, callTimeoutMs = 500 }: Setting, act: (scene: Scene) => Promise<void>): Promise<void> {
  await using server = await startRedis();
  await using proxy = await startTcpProxy(server.port, link);
  const url = `redis://127.0.0.1:${proxy.port}`;
  await using fleet = await startLiveFleet({ urls: [url, url], quota, callTimeoutMs });
  const scene = { server, proxy, fleet, redis: fleet.connections[0] as RedisConnection };
  // Until the burst is used up.
  await sent(scene, quota.burst + 10);
  await act(scene);
  fleet.stop();

  expect(fleet.errors).toEqual([]);
  expect(fleet.newcomers()).toBeGreaterThan(0);
  const alone = ((quota.rate / replicas) * fleet.loneMs()) / 1_000;
  expect(excess(quota, instants(fleet))).toBeLessThanOrEqual(share + alone + tolerance(quota));
}

/** The line keeps moving. */
async function sent({ fleet }: Scene, count: number): Promise<void> {
  const before = fleet.departures.length;
  await until(() => fleet.departures.length >= before + count, { what: `${count} to be sent` });
}

const alone = ({ fleet }: Scene, count = replicas) =>
  until(() => fleet.alone() === count, { what: `${count} replicas to go on alone` });

const back = ({ fleet }: Scene) => until(() => fleet.alone() === 0, { what: 'both replicas to be back' });

/** From now on slots come from Redis, and the limit holds to the token. */
async function holds(scene: Scene, slots = 60): Promise<void> {
  const { fleet } = scene;
  for (;;) {
    const from = performance.now();
    const [before, outages] = [fleet.slots.store, fleet.outages()];
    await until(() => fleet.slots.store >= before + slots, { what: `${slots} slots from Redis` });
    // Where the machine was so busy that Redis seemed to be away, those after it are looked at.
    if (fleet.outages() === outages && fleet.alone() === 0) {
      expect(excess(quota, instants(fleet, from))).toBeLessThanOrEqual(tolerance(quota));
      return;
    }
    await back(scene);
  }
}

describe.concurrent('Two replicas with full lines', () => {
  test('and nothing else: the limit holds', async () => {
    await play(patient, async (scene) => {
      await holds(scene);
      expect(scene.fleet.outages()).toBe(0);
      expect(excess(quota, instants(scene.fleet))).toBeLessThanOrEqual(tolerance(quota));
    });
  });

  test('SCRIPT FLUSH: nobody notices', async () => {
    await play(patient, async (scene) => {
      await scene.redis.script('FLUSH');
      await holds(scene);
      expect(scene.fleet.outages()).toBe(0);
      expect(excess(quota, instants(scene.fleet))).toBeLessThanOrEqual(tolerance(quota));
    });
  });

  test('FLUSHALL while the connections stand: the bucket goes on from what the replicas know', async () => {
    await play(patient, async (scene) => {
      await scene.redis.flushall();
      await holds(scene);
      expect(scene.fleet.outages()).toBe(0);
    });
  });

  test('restarted empty', async () => {
    await play({}, async (scene) => {
      await scene.server.restart();
      await back(scene);
      await holds(scene);
    });
  });

  test('away and empty then', async () => {
    await play({}, async (scene) => {
      await scene.server.kill('SIGKILL');
      await alone(scene);
      await sent(scene, 60);
      expect(scene.fleet.alone()).toBe(replicas);
      await scene.server.restart();
      await back(scene);
      await holds(scene);
    });
  });

  test('stopped for a while', async () => {
    await play({}, async (scene) => {
      await scene.server.kill('SIGSTOP');
      await alone(scene);
      await sent(scene, 60);
      expect(scene.fleet.alone()).toBe(replicas);
      await scene.server.kill('SIGCONT');
      await back(scene);
      await holds(scene);
    });
  });

  test('a link of 20 ms is used', async () => {
    await play({ ...patient, link: { oneWayMs: 10 } }, async (scene) => {
      await holds(scene);
      expect(scene.fleet.slots.fallback).toBe(0);
    });
  });

  test('a link of 200 ms is too slow for 50 ms: the replicas go on alone, and stay so', async () => {
    await play({ callTimeoutMs: 50, link: { oneWayMs: 100 } }, async (scene) => {
      await alone(scene);
      const { slots } = scene.fleet;
      const fromRedis = slots.store;
      await sent(scene, 100);
      expect(scene.fleet.alone()).toBe(replicas);
      expect([scene.fleet.outages(), slots.store]).toEqual([replicas, fromRedis]);
    });
  });

  test('a link that loses packets: alone where a call was held up, shared again after', async () => {
    await play({ callTimeoutMs: 50, link: { oneWayMs: 2, lostOneOf: 40 } }, async (scene) => {
      await until(() => scene.fleet.outages() >= 3, { what: 'some calls to be held up' });
      await back(scene);
    });
  });

  test('a link that swallows everything for a while', async () => {
    await play({}, async (scene) => {
      const end = scene.proxy.swallow();
      await alone(scene);
      await sent(scene, 60);
      expect(scene.fleet.alone()).toBe(replicas);
      end();
      await back(scene);
      await holds(scene);
    });
  });
});
