/**
 * One replica without its HTTP: a line, a lease and the shared bucket, asked by made-up arrivals in real time, as a process
 * of its own: `node test/support/driver.ts ORDER`. For rates that two cores could not bring through the whole of Weir.
 */

import { machineClock } from '../../src/adapters/node/clock.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { gatesOn, messageFrom, roomyLimits, WaitingDownstream } from './fleet.ts';
import { startProcess } from './processes.ts';
import { openBuckets } from './redis-buckets.ts';
import { Sender } from './sender.ts';

interface DriverOrder {
  readonly redisUrl: string;
  readonly quota: Quota;
  readonly replicas: number;
  /** How many requests come to this replica, and how many of them a second. */
  readonly count: number;
  readonly ratePerS: number;
  /** When to begin, milliseconds of the machine's own clock (CLOCK_MONOTONIC), which all processes share. */
  readonly beginAt: number;
}

/** When each request was allowed to be written, by the same clock. */
type Instants = readonly number[];

/** What all replicas are asked for together. */
interface Drive {
  readonly redisUrl: string;
  readonly quota: Quota;
  readonly replicas: number;
  /** Arrivals over the limit's rate. */
  readonly load: number;
  /** How many seconds it lasts at the limit, once the burst is used up. */
  readonly seconds: number;
}

const machineMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** By then all have started, as a rule. One that starts later has its arrivals at once. */
const startMs = 1_500;
const patienceMs = 110_000;

/** Has so many replicas share a bucket until all requests are sent. Returns when, in order. */
export async function drive({ redisUrl, quota, replicas, load, seconds }: Drive): Promise<Instants> {
  const count = Math.ceil((quota.burst + quota.rate * seconds) / replicas);
  const beginAt = machineMs() + startMs;
  const order: DriverOrder = { redisUrl, quota, replicas, count, ratePerS: (quota.rate * load) / replicas, beginAt };
  const reports = Array.from({ length: replicas }, async () => {
    await using driver = startProcess([JSON.stringify(order)], { script: 'test/support/driver.ts' });
    return JSON.parse(await driver.waitForLine(/^\[/, patienceMs)) as Instants;
  });
  return (await Promise.all(reports)).flat().sort((a, b) => a - b);
}

/** How far this process's clock is behind the machine's. A look at both may be torn apart; the least torn one counts. */
function behindMs(): number {
  let behind = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < 1_000; i++) behind = Math.max(behind, machineMs() - machineClock.now());
  return behind;
}

async function replica({ redisUrl, quota, replicas, count, ratePerS, beginAt }: DriverOrder): Promise<Instants> {
  // A machine that is busy is no outage.
  const { redis, buckets } = await openBuckets(redisUrl, { replicas, callTimeoutMs: patienceMs });
  const gates = gatesOn(buckets, machineClock, roomyLimits(quota));
  const sender = new Sender({ clock: machineClock });
  const sentAt: number[] = [];
  const behind = behindMs();
  const all: Promise<unknown>[] = [];
  const note = ({ at }: { readonly at: number }): void => void sentAt.push(Math.round(1_000 * (at + behind)) / 1_000);
  while (all.length < count) {
    const due = Math.min(count, ((machineMs() - beginAt) * ratePerS) / 1_000);
    while (all.length < due) all.push(sender.send(gates, messageFrom('a'), new WaitingDownstream(), note));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(all);
  redis.disconnect();
  return sentAt;
}

if (process.argv[2] !== undefined && import.meta.main) {
  const sentAt = await replica(JSON.parse(process.argv[2]) as DriverOrder);
  process.stdout.write(`${JSON.stringify(sentAt)}\n`, () => process.exit());
}
