/**
 * A Coreapp that works on eight messages at once and refuses the ninth, with the limits out of the way and more offered
 * than it can take. Counted at the Coreapp's side; docs/decisions/0011-permits.md has the same in virtual time.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pass } from '../support/until.ts';
import {
  byStatus,
  login,
  offerMessages,
  type RunningSimulator,
  startSimulatorProcess,
  startWeir,
} from '../support/weir.ts';

const workers = 8;
/** Long beside what a busy machine adds to the way of an answer and of the next request. */
const serviceMs = 200;
const offer = { ratePerS: 200, count: 2_400 };

interface Moment {
  /** Milliseconds of the Coreapp's clock. */
  readonly atMs: number;
  /** How long its workers have been busy. */
  readonly workedMs: number;
}

/** What happened at the Coreapp from one moment to another. */
async function flow(simulator: RunningSimulator, from: Moment, to: Moment) {
  const here = (await simulator.arrivals('messages')).filter(([at]) => at >= from.atMs && at < to.atMs);
  const refused = here.filter(([, outcome]) => outcome === 'overloaded503').length;
  const used = (to.workedMs - from.workedMs) / (workers * (to.atMs - from.atMs));
  return { used, refused: refused / here.length };
}

describe('a Coreapp with room for eight, 200/s offered', { timeout: 90_000 }, () => {
  it('is used to at least 90 %, refuses fewer than 5 % of attempts, and after three seconds of refusing everything it is so again within two', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weir-busy-'));
    const file = join(folder, 'weir.yaml');
    await writeFile(file, 'limits: {messages: {rate: 10000, burst: 10000}}\n');
    await using simulator = await startSimulatorProcess([
      '--no-limits',
      ...['--workers', `${workers}`, '--service-ms', `${serviceMs}`, '--queue-max', '0'],
    ]);
    await using weir = await startWeir({ COREAPP_URL: simulator.url, WEIR_CONFIG: file });
    const urls = [weir.url];
    const token = await login(weir.url);

    const now = async (): Promise<Moment> => (await simulator.seen()).jobs;
    const offered = offerMessages({ urls, token, ...offer });
    await pass(3_000);
    const settled = await now();
    await pass(3_000);
    const outage = await now();
    await simulator.configure({ overloaded: true });
    await pass(3_000);
    await simulator.configure({ overloaded: false });
    const recovery = await now();
    await pass(2_000);
    const recovered = await now();
    await pass(2_500);
    const end = await now();
    // What was to be shown has been: the rest need not take its time.
    await simulator.configure({ serviceMs: 0 });

    expect(byStatus(await offered)).toEqual({ 201: offer.count });
    const flows = [await flow(simulator, settled, outage), await flow(simulator, recovered, end)];
    for (const { used, refused } of flows) {
      expect(used).toBeGreaterThanOrEqual(0.9);
      expect(refused).toBeLessThan(0.05);
    }
    const arrivals = await simulator.arrivals('messages');
    const inVain = arrivals.filter(([at]) => at > outage.atMs + 500 && at < recovery.atMs);
    expect(inVain.length).toBeLessThanOrEqual(10);
    expect(await simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
    await rm(folder, { recursive: true });
  });
});
