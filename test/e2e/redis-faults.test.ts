/**
 * Promise P7 for real: two Weir processes, the simulator, and a Redis that is killed, hangs, or is failed over by Sentinel or
 * in a cluster, while lines are full. What holds however slow the machine is; how long anything takes is measured by
 * `npm run bench:fleet`.
 */
import { expect, it } from 'vitest';
import { excessSince, tolerance } from '../support/fleet.ts';
import { quota, type SceneName, scenes } from '../support/redis-scenes.ts';

const replicas = 2;
const share = quota.burst / replicas;
/** Ten times the default: a machine that is busy is no outage. */
const callTimeoutMs = 500;

it.each(Object.keys(scenes) as SceneName[])('%s', async (name) => {
  const report = await scenes[name](callTimeoutMs);
  expect(Object.keys(report.answered)).toEqual(['201']);
  expect(Object.keys(report.newcomers)).toEqual(['200']);
  expect(report.actedTwice).toBe(0);
  const alone = (quota.rate / replicas) * report.loneSeconds;
  expect(excessSince(quota, report.since, report.arrivals)).toBeLessThanOrEqual(share + alone + tolerance(quota));
});
