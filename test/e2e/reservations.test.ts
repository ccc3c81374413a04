/**
 * What the limits cost Redis: calls a request, counted by Redis itself, for replicas that share a bucket in real time. Each
 * is a process with a line and a lease, and arrivals made up in it (test/support/driver.ts).
 */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DriverOrder, type DriverReport, machineMs } from '../support/driver.ts';
import { excess, tolerance } from '../support/fleet.ts';
import { startProcess } from '../support/processes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { judge } from '../support/witness.ts';

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

const startMs = 1_500; // Until all have started.

async function run(order: DriverOrder): Promise<DriverReport> {
  await using driver = startProcess([JSON.stringify(order)], { script: 'test/support/driver.ts' });
  return JSON.parse(await driver.waitForLine(/^\{/, startMs + order.ms + 20_000)) as DriverReport;
}

/** How often Redis ran a script since the last `CONFIG RESETSTAT`. */
async function scriptCalls(): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** What was not as promised. */
async function measured(rate: number, burst: number, replicas: number, load: number, ms: number, callsMax: number) {
  const quota = { rate, burst };
  await redis.flushall();
  await redis.config('RESETSTAT');
  const beginAt = machineMs() + startMs;
  const order = { redisUrl: server.url, quota, replicas, ratePerS: (rate * load) / replicas, beginAt, ms };
  const reports = await Promise.all(Array.from({ length: replicas }, () => run(order)));
  const sentAt = reports.flatMap((report) => report.sentAt).sort((a, b) => a - b);
  const calls = (await scriptCalls()) / sentAt.length;
  const above = excess(quota, sentAt);
  const expected = Math.min(rate * load * (ms / 1_000), burst + rate * (ms / 1_000));
  return [
    calls <= callsMax ? '' : `${calls.toFixed(4)} calls a request`,
    above <= tolerance(quota) ? '' : `${above.toFixed(1)} in excess`,
    sentAt.length >= 0.95 * expected ? '' : `${sentAt.length} of ${expected} sent`,
  ].filter((offence) => offence !== '');
}

test.for<[rate: number, burst: number, processes: number, load: number, ms: number, callsMax: number]>([
  //                load: arrivals over the limit's rate                 calls a request
  [50, 150, 8, 4, 3_000, 1.1],
  [10_000, 150, 2, 4, 1_500, 0.05],
  [10_000, 1_000, 2, 4, 1_500, 0.05],
  [10_000, 10_000, 2, 4, 1_500, 0.05],
  [10_000, 30_000, 2, 4, 1_500, 0.05],
  [10_000, 150, 2, 0.5, 1_500, 0.05],
  [10_000, 1_000, 2, 0.5, 1_500, 0.05],
  [10_000, 10_000, 2, 0.5, 1_500, 0.05],
  [10_000, 30_000, 2, 0.5, 1_500, 0.05],
])('%i/s with bursts of %i, %i processes, %d times the rate', { timeout: 60_000 }, async (row, context) => {
  expect(await judge(context, () => measured(...row))).toEqual([]);
});
