/**
 * What the limits cost Redis: calls a request, counted by Redis itself, for replicas that share a bucket in real time. Each
 * is a process with a line and a lease, and arrivals made up in it (test/support/driver.ts).
 */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DriverOrder, type DriverReport, machineMs } from '../support/driver.ts';
import { startProcess } from '../support/processes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { judge, type Offence, offencesAgainst } from '../support/witness.ts';

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

type Row = [rate: number, burst: number, processes: number, load: number, ms: number, callsMax: number];

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

async function measured(...[rate, burst, replicas, load, ms, callsMax]: Row): Promise<Offence[]> {
  const quota = { rate, burst };
  await redis.flushall();
  await redis.config('RESETSTAT');
  const beginAt = machineMs() + startMs;
  const order = { redisUrl: server.url, quota, replicas, ratePerS: (rate * load) / replicas, beginAt, ms };
  const reports = await Promise.all(Array.from({ length: replicas }, () => run(order)));
  const sentAt = reports.flatMap((report) => report.sentAt).sort((a, b) => a - b);
  const offences = offencesAgainst(quota, 'slots used', sentAt);
  const calls = (await scriptCalls()) / sentAt.length;
  // Who is late makes no call more.
  if (calls > callsMax) offences.push({ says: `${calls.toFixed(4)} calls a request`, excusable: false });
  const most = Math.min((rate * load * ms) / 1_000, burst + (rate * ms) / 1_000);
  if (sentAt.length < 0.95 * most) offences.push({ says: `${sentAt.length} of ${most} sent`, excusable: true });
  return offences;
}

test.for<Row>([
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
