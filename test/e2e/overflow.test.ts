/**
 * The main job, for real: two Weir processes on one Redis in front of the simulator, which enforces the documented
 * limits itself; twice as many messages as the limit allows, for ten seconds. Counted at the Coreapp's side.
 */
import { describe, expect, it } from 'vitest';
import { excess, tolerance } from '../support/fleet.ts';
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
const offer = { ratePerS: 100, count: 1_000 };

interface Scene {
  readonly simulator: RunningSimulator;
  readonly urls: readonly string[];
  readonly token: string;
}

/**
 * A request of another class goes the whole way first. What is counted below are arrivals, and the very first of a
 * process is late by its first connections and its first, slow run through the code: those behind it would seem early.
 */
async function travelOnce(url: string, token: string): Promise<void> {
  const response = await fetch(`${url}/v1/contacts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ blocking: 'wait', contacts: ['+16315551000'] }),
  });
  expect(response.status).toBe(200);
}

/** A fresh Coreapp, a fresh Redis and two fresh replicas. */
async function withTwoReplicas(play: (scene: Scene) => Promise<void>): Promise<void> {
  await using simulator = await startSimulatorProcess();
  await using redis = await startRedis();
  const env = { COREAPP_URL: simulator.url, REDIS_URL: redis.url };
  await using one = await startWeir(env);
  await using other = await startWeir(env);
  const urls = [one.url, other.url];
  const token = await login(one.url);
  for (const url of urls) await travelOnce(url, token);
  await play({ simulator, urls, token });
}

describe('two replicas, twice the limit for ten seconds', { timeout: 60_000 }, () => {
  it('every caller gets a 2xx, the limit holds and is used up, nothing arrives twice', async () => {
    await withTwoReplicas(async ({ simulator, ...scene }) => {
      const answers = await offerMessages({ ...scene, ...offer });
      expect(byStatus(answers)).toEqual({ 201: offer.count });

      const arrivals = await simulator.arrivals('messages');
      const sent = arrivals.map(([at]) => at);
      const refused = arrivals.filter(([, outcome]) => outcome !== 'acted').length;
      expect(refused).toBeLessThanOrEqual(0.01 * offer.count);
      expect(excess(quota, sent)).toBeLessThanOrEqual(tolerance(quota));
      const seconds = ((sent.at(-1) as number) - (sent[0] as number)) / 1_000;
      expect(sent.length).toBeGreaterThanOrEqual(0.995 * (quota.burst + quota.rate * seconds));
      expect(await simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
    });
  });

  it('so it is when the Coreapp refuses everything for three seconds in the middle', async () => {
    await withTwoReplicas(async ({ simulator, ...scene }) => {
      const offered = offerMessages({ ...scene, ...offer });
      await until(async () => (await simulator.arrivals('messages')).length >= 250, { what: 'the middle' });
      await simulator.configure({ overloaded: true });
      const recoversAt = performance.now() + 3_000;
      await until(() => performance.now() >= recoversAt, { what: 'the end of the overload' });
      await simulator.configure({ overloaded: false });
      expect(byStatus(await offered)).toEqual({ 201: offer.count });

      const arrivals = await simulator.arrivals('messages');
      const sent = arrivals.map(([at]) => at);
      expect(excess(quota, sent)).toBeLessThanOrEqual(tolerance(quota));
      expect(arrivals.filter(([, outcome]) => outcome === 'acted')).toHaveLength(offer.count);
      expect(arrivals.some(([, outcome]) => outcome === 'overloaded503')).toBe(true);
      expect(await simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
    });
  });
});
