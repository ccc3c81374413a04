/**
 * The main job, for real: two Weir processes on one Redis in front of the simulator, which enforces the documented limits
 * itself; far more messages at once than the limit allows. Counted at the Coreapp's side.
 */
import { describe, expect, it } from 'vitest';
import { excessSince, tolerance } from '../support/fleet.ts';
import { RunningFleet } from '../support/running-fleet.ts';
import { until } from '../support/until.ts';
import { byStatus, offerMessages } from '../support/weir.ts';

const quota = { rate: 50, burst: 150 };
/** Nobody is to be turned away, or to go on alone, because the machine is slow. */
const patient = 'limits: {default: {holdMaxMs: 600000}}\nredis: {callTimeoutMs: 10000}\n';
const offer = { ratePerS: 500, count: 300 };

async function expectKept({ simulator }: RunningFleet, since: number): Promise<void> {
  const arrivals = await simulator.arrivals('messages');
  const instants = arrivals.map(([at]) => at);
  expect(excessSince(quota, since, instants)).toBeLessThanOrEqual(tolerance(quota));
  expect(arrivals.filter(([, outcome]) => outcome === 'acted')).toHaveLength(offer.count);
  expect(await simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
}

describe.concurrent('two replicas, ten times the limit', () => {
  it('every caller gets a 2xx, the limit holds, nothing arrives twice', async () => {
    await using fleet = await RunningFleet.start(2, { config: patient });
    const { simulator, urls, token } = fleet;
    const { atMs: since } = (await simulator.seen()).jobs;
    expect(byStatus(await offerMessages({ urls, token, ...offer }))).toEqual({ 201: offer.count });
    await expectKept(fleet, since);
  });

  it('so it is when the Coreapp refuses everything in the middle', async () => {
    await using fleet = await RunningFleet.start(2, { config: patient });
    const { simulator, urls, token } = fleet;
    const { atMs: since } = (await simulator.seen()).jobs;
    const offered = offerMessages({ urls, token, ...offer });
    const arrived = async (how: string) =>
      (await simulator.arrivals('messages')).filter(([, outcome]) => outcome === how).length;
    await until(async () => (await arrived('acted')) >= 160, { what: 'the middle' });
    await simulator.configure({ overloaded: true });
    await until(async () => (await arrived('overloaded503')) >= 12, { what: 'replicas that know of it' });
    await simulator.configure({ overloaded: false });
    expect(byStatus(await offered)).toEqual({ 201: offer.count });
    await expectKept(fleet, since);
  });
});
