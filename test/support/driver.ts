/**
 * One replica without its HTTP: a line, a lease and the shared bucket, asked by made-up arrivals in real time, as a process
 * of its own: `node test/support/driver.ts ORDER`. For rates that two cores could not bring through the whole of Weir.
 */
import { machineClock } from '../../src/adapters/node/clock.ts';
import { RedisBuckets } from '../../src/adapters/redis/buckets.ts';
import { openRedis } from '../../src/adapters/redis/client.ts';
import { Permits, Room } from '../../src/model/permits.ts';
import type { Quota } from '../../src/model/quota.ts';
import type { Clock } from '../../src/ports.ts';
import { Gates } from '../../src/stages/gates.ts';
import { deafMeter, messageFrom, plainOrder, roomyLimits, unbounded, WaitingCaller } from './fleet.ts';
import { silentLog } from './silent-log.ts';

export interface DriverOrder {
  readonly redisUrl: string;
  readonly quota: Quota;
  readonly replicas: number;
  /** Arrivals at this replica a second. */
  readonly ratePerS: number;
  /** When to begin, milliseconds of the machine's own clock (CLOCK_MONOTONIC), which all processes share. */
  readonly beginAt: number;
  readonly ms: number;
}

export interface DriverReport {
  /** When the slots were used, by the same clock and by what the replica took for now: how late it was itself is not in it. */
  readonly sentAt: readonly number[];
  /** How many still waited at the end. */
  readonly waiting: number;
}

export const machineMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

async function drive({ redisUrl, quota, replicas, ratePerS, beginAt, ms }: DriverOrder): Promise<DriverReport> {
  const redis = openRedis({ url: redisUrl, callTimeoutMs: 2_000 }, silentLog, 'driver');
  // What is counted are calls that are answered: a machine that is busy is no outage.
  const options = { keyPrefix: 'driver:', replicas: () => replicas, callTimeoutMs: 1_000 };
  const buckets = new RedisBuckets(redis, machineClock, deafMeter, options);
  let now = 0;
  const clock: Clock = {
    ...machineClock,
    now() {
      now = machineClock.now();
      return now;
    },
  };
  const permits = new Permits(
    new Room(unbounded),
    () => now,
    () => 0.5,
    () => {},
  );
  const world = { clock, buckets, meter: deafMeter, permits, digest: String, ...plainOrder, blocked() {} };
  const gates = new Gates('messages', roomyLimits(quota), world);
  const sentAt: number[] = [];
  const offset = machineMs() - machineClock.now();
  const arrive = async (): Promise<void> => {
    const admission = await gates.admit(messageFrom('a'), new WaitingCaller());
    if (admission.kind !== 'exchange') return;
    sentAt.push(Math.round(1_000 * (now + offset)) / 1_000);
    admission.permit.end('answered');
  };
  let arrived = 0;
  for (let elapsed = machineMs() - beginAt; elapsed < ms; elapsed = machineMs() - beginAt) {
    for (const due = (elapsed * ratePerS) / 1_000; arrived < due; arrived++) void arrive();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  redis.disconnect();
  return { sentAt: sentAt.filter((at) => at <= beginAt + ms), waiting: gates.headcount.total };
}

if (process.argv[2] !== undefined && import.meta.main) {
  const report = await drive(JSON.parse(process.argv[2]) as DriverOrder);
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit());
}
