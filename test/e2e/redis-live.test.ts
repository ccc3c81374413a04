/**
 * Promise P7 against a real Redis and real links: two replicas whose lines never empty, and every fault that Redis and the
 * way to it can have. Counted where requests leave for the Coreapp. test/e2e/redis-faults.test.ts is the same with whole
 * processes.
 */
import { describe, expect, test } from 'vitest';
import type { RedisConnection } from '../../src/adapters/redis/client.ts';
import { excess, tolerance } from '../support/fleet.ts';
import { type LiveFleet, startLiveFleet } from '../support/live-fleet.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type Link, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { pass, until } from '../support/until.ts';

const quota = { rate: 50, burst: 20 };
const replicas = 2;
const share = quota.burst / replicas;
/** Where nothing is to be late, not even on a machine with other things to do. */
const patient: Setting = { callTimeoutMs: 500 };
/** Long enough for the burst to be used up. */
const steadyMs = 1_500;
const backMs = 2_000;

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
async function play({ link = {}, callTimeoutMs = 50 }: Setting, act: (scene: Scene) => Promise<void>): Promise<void> {
  await using server = await startRedis();
  await using proxy = await startTcpProxy(server.port, link);
  const url = `redis://127.0.0.1:${proxy.port}`;
  await using fleet = await startLiveFleet({ urls: [url, url], quota, callTimeoutMs });
  const began = performance.now();
  await pass(steadyMs);
  await act({ server, proxy, fleet, redis: fleet.connections[0] as RedisConnection });
  fleet.stop();
  const seconds = (performance.now() - began) / 1_000;

  expect(fleet.errors).toEqual([]);
  expect(excess(quota, instants(fleet))).toBeLessThanOrEqual(share + tolerance(quota));
  expect(fleet.departures.length).toBeGreaterThanOrEqual(0.9 * (quota.burst + quota.rate * seconds));
  expect(Math.max(...fleet.newcomers.map(({ ms }) => ms))).toBeLessThan(100 + fleet.hesitationMs());
  expect(fleet.newcomers.length).toBeGreaterThan(10 * seconds);
}

/** Waits until the replicas share again; that has to be soon after Redis serves. */
async function back({ fleet }: Scene): Promise<void> {
  const servesAt = performance.now();
  await until(() => fleet.alone() === 0, { what: 'both replicas to be back', deadlineMs: 5_000 });
  expect(performance.now() - servesAt).toBeLessThan(backMs);
}

/** From now on slots come from Redis, and the limit holds to the token. */
async function holds({ fleet }: Scene, ms = steadyMs): Promise<void> {
  const from = performance.now();
  const before = { ...fleet.slots };
  await pass(ms);
  // A busy machine makes a call late now and then.
  expect(fleet.slots.store - before.store).toBeGreaterThan(2 * (fleet.slots.fallback - before.fallback));
  expect(excess(quota, instants(fleet, from))).toBeLessThanOrEqual(tolerance(quota));
}

describe.concurrent('Two replicas with full lines', { timeout: 30_000 }, () => {
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

  test('away for three seconds and empty then', async () => {
    await play({}, async (scene) => {
      await scene.server.kill('SIGKILL');
      await pass(3_000);
      expect(scene.fleet.alone()).toBe(2);
      await scene.server.restart();
      await back(scene);
      await holds(scene);
    });
  });

  test('stopped for five seconds', async () => {
    await play({}, async (scene) => {
      await scene.server.kill('SIGSTOP');
      await pass(5_000);
      expect(scene.fleet.alone()).toBe(2);
      await scene.server.kill('SIGCONT');
      await back(scene);
      await holds(scene);
    });
  });

  test('a link of 20 ms is used', async () => {
    await play({ ...patient, link: { oneWayMs: 10 } }, async (scene) => {
      await holds(scene, 3_000);
    });
  });

  test('a link of 200 ms is too slow for 50 ms: the replicas go on alone, and stay so', async () => {
    await play({ link: { oneWayMs: 100 } }, async ({ fleet }) => {
      await pass(3_000);
      expect(fleet.alone()).toBe(2);
      expect(fleet.outages()).toBe(2);
    });
  });

  test('a link that loses packets: alone where a call was held up, shared again after', async () => {
    await play({ link: { oneWayMs: 2, lostOneOf: 40 } }, async (scene) => {
      await until(() => scene.fleet.outages() >= 3, { what: 'some calls to be held up', deadlineMs: 10_000 });
      await back(scene);
    });
  });

  test('a link that swallows everything for three seconds', async () => {
    await play({}, async (scene) => {
      const end = scene.proxy.swallow();
      await pass(3_000);
      expect(scene.fleet.alone()).toBe(2);
      end();
      await back(scene);
      await holds(scene);
    });
  });
});
