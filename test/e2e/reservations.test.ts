/**
 * The limit at rates that two cores could not bring through the whole of Weir: processes that share a bucket in a real Redis,
 * each with a line, a lease and arrivals made up in it (test/support/driver.ts). Counted by the moments at which they allow a
 * request to be written. However late a process is, the limit holds; how much of it is used, and what that costs Redis, are
 * measured by `npm run bench:fleet`.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drive } from '../support/driver.ts';
import { excess, tolerance } from '../support/fleet.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

let server: TestRedis;
beforeEach(async () => {
  server = await startRedis();
});
afterEach(() => server.stop());

test.for<[rate: number, burst: number, replicas: number, load: number]>([
  //                   load: arrivals over the limit's rate
  [50, 20, 4, 4],
  [10_000, 150, 2, 4],
  [10_000, 1_000, 2, 4],
  [10_000, 10_000, 2, 4],
  [10_000, 150, 2, 0.5],
])('%i/s with bursts of %i, %i processes, %d times the rate', async ([rate, burst, replicas, load]) => {
  const quota = { rate, burst };
  const sentAt = await drive({ redisUrl: server.url, quota, replicas, load, seconds: 1 });
  expect(sentAt.length).toBeGreaterThanOrEqual(burst + rate);
  expect(excess(quota, sentAt)).toBeLessThanOrEqual(tolerance(quota));
});
