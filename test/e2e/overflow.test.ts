/**
 * The main job, for real: two Weir processes on one Redis in front of the simulator, which enforces the documented limits
 * itself; far more messages at once than the limit allows. Counted at the Coreapp's side.
 */
import { describe, expect, it } from 'vitest';
import { testFile } from '../support/files.ts';
import { excessSince, tolerance } from '../support/fleet.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import {
  byStatus,
  login,
  offerMessages,
  type RunningSimulator,
  startSimulatorProcess,
  startWeir,
} from '../support/weir.ts';

const quota = { rate: 50, burst: 150 };
/** Nobody is to be turned away, or to go on alone, because the machine is slow. */
const patient = 'limits: {default: {holdMaxMs: 600000}}\nredis: {callTimeoutMs: 10000}\n';
const offer = { ratePerS: 500, count: 300 };

interface Scene {
  readonly simulator: RunningSimulator;
  readonly urls: readonly string[];
  readonly token: string;
}

/** A fresh Coreapp, a fresh Redis and two fresh replicas. */
async function withTwoReplicas(play: (scene: Scene) => Promise<void>): Promise<void> {
  await using simulator = await startSimulatorProcess();
  await using redis = await startRedis();
  await using config = await testFile('weir.yaml', patient);
  const env = { COREAPP_URL: simulator.url, REDIS_URL: redis.url, WEIR_CONFIG: config.path };
  await using one = await startWeir(env);
  await using other = await startWeir(env);
  await play({ simulator, urls: [one.url, other.url], token: await login(one.url) });
}

async function expectKept({ simulator }: Scene, since: number): Promise<void> {
  const arrivals = await simulator.arrivals('messages');
  const instants = arrivals.map(([at]) => at);
  expect(excessSince(quota, since, instants)).toBeLessThanOrEqual(tolerance(quota));
  expect(arrivals.filter(([, outcome]) => outcome === 'acted')).toHaveLength(offer.count);
  expect(await simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
}

describe.concurrent('two replicas, ten times the limit', () => {
  it('every caller gets a 2xx, the limit holds, nothing arrives twice', async () => {
    await withTwoReplicas(async (scene) => {
      const { atMs: since } = (await scene.simulator.seen()).jobs;
      expect(byStatus(await offerMessages({ ...scene, ...offer }))).toEqual({ 201: offer.count });
      await expectKept(scene, since);
    });
  });

  it('so it is when the Coreapp refuses everything in the middle', async () => {
    await withTwoReplicas(async (scene) => {
      const { simulator } = scene;
      const { atMs: since } = (await simulator.seen()).jobs;
      const offered = offerMessages({ ...scene, ...offer });
      const arrived = async (how: string) =>
        (await simulator.arrivals('messages')).filter(([, outcome]) => outcome === how).length;
      await until(async () => (await arrived('acted')) >= 160, { what: 'the middle' });
      await simulator.configure({ overloaded: true });
      await until(async () => (await arrived('overloaded503')) >= 12, { what: 'replicas that know of it' });
      await simulator.configure({ overloaded: false });
      expect(byStatus(await offered)).toEqual({ 201: offer.count });
      await expectKept(scene, since);
    });
  });
});
