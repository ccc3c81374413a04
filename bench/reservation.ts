/**
 * What a reservation costs: `node bench/reservation.ts`. Redis's side is the CPU of the redis-server process for a
 * call, so its reciprocal is how many calls one core would take; the replica's side is the CPU of this process for a
 * call, its reply and what the lease does with it. Both stand beside the cheapest thing that Redis can be asked, on a
 * plain connection of the same client: PING.
 */
import { Redis } from 'ioredis';
import { machineClock } from '../src/adapters/node/clock.ts';
import { RedisBuckets } from '../src/adapters/redis/buckets.ts';
import { firstConnection, openRedis } from '../src/adapters/redis/client.ts';
import { Lease } from '../src/admission/rate/lease.ts';
import { deafMeter } from '../test/support/fleet.ts';
import { startRedis } from '../test/support/redis.ts';
import { silentLog } from '../test/support/silent-log.ts';
import { cpuMs } from './cpu.ts';
import { median } from './figures.ts';

/** As many buckets as are asked at a time, each once at a time, as gates do. */
const buckets = 8;
const callsInRound = 40_000;
const rounds = 15;
const quota = { rate: 10_000, burst: 10_000 };

/** One call, of the bucket with this number. */
type Call = (bucket: number) => Promise<unknown>;

interface Cost {
  readonly redisUs: number;
  readonly replicaUs: number;
}

const server = await startRedis();
const redis = openRedis({ url: server.url, callTimeoutMs: 10_000 }, silentLog, 'bench');
const options = { keyPrefix: 'bench:', replicas: () => 2, callTimeoutMs: 10_000 };
const store = new RedisBuckets(redis, machineClock, deafMeter, options);
const leases = Array.from({ length: buckets }, () => new Lease(quota));

const plain = new Redis(server.url);
const ping: Call = () => plain.ping();
const reserve: Call = async (bucket) => {
  const lease = leases[bucket] as Lease;
  const sentAt = machineClock.now();
  lease.arrivals.add(sentAt);
  const grant = await store.reserve(`b${bucket}`, quota, lease.wanted(sentAt, 1));
  lease.add(grant, sentAt, machineClock.now());
  while (lease.take(machineClock.now())) {}
};

async function cost(call: Call): Promise<Cost> {
  let left = callsInRound;
  const redisBefore = cpuMs(server.pid);
  const before = process.cpuUsage();
  const one = async (bucket: number): Promise<void> => {
    while (left-- > 0) await call(bucket);
  };
  await Promise.all(Array.from({ length: buckets }, (_, bucket) => one(bucket)));
  const { user, system } = process.cpuUsage(before);
  return {
    redisUs: ((cpuMs(server.pid) - redisBefore) * 1_000) / callsInRound,
    replicaUs: (user + system) / callsInRound,
  };
}

try {
  await firstConnection(redis, 5_000);
  const costs = { ping: [] as Cost[], reserve: [] as Cost[] };
  for (let round = -2; round < rounds; round++) {
    const [forPing, forReserve] = [await cost(ping), await cost(reserve)];
    if (round < 0) continue; // The compiler has its work to do first.
    costs.ping.push(forPing);
    costs.reserve.push(forReserve);
  }
  const row = (what: string, side: keyof Cost): string => {
    const ratios = costs.reserve.map((one, i) => one[side] / (costs.ping[i] as Cost)[side]);
    const us = median(costs.reserve.map((one) => one[side]));
    const pingUs = median(costs.ping.map((one) => one[side]));
    const spread = `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}`;
    return `| ${what} | ${us.toFixed(1)} | ${pingUs.toFixed(1)} | ${median(ratios).toFixed(2)} | ${spread} |`;
  };
  console.log('| CPU µs a call | reservation | PING | ratio | spread |\n|---|---|---|---|---|');
  console.log(row('Redis', 'redisUs'));
  console.log(row('replica', 'replicaUs'));
  const callsPerS = 1e6 / median(costs.reserve.map(({ redisUs }) => redisUs));
  console.log(`\nOne Redis core takes ${Math.round(callsPerS / 1_000)},000 reservations a second.`);
} finally {
  redis.disconnect();
  plain.disconnect();
  await server.stop();
}
