/** Replicas on a real Redis, in real time: each has its connection, its buckets and a line that never empties. */

import { machineClock as clock } from '../../src/adapters/node/clock.ts';
import type { RedisConnection } from '../../src/adapters/redis/client.ts';
import { Replicas } from '../../src/adapters/redis/replicas.ts';
import type { Gates } from '../../src/admission/gates.ts';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { deafMeter, gatesOn, messageFrom, roomyLimits, WaitingDownstream } from './fleet.ts';
import { openBuckets } from './redis-buckets.ts';
import { Sender } from './sender.ts';
import { until } from './until.ts';

/** Where a request left for the Coreapp, milliseconds of the machine's clock. */
interface Departure {
  readonly at: number;
  readonly replica: number;
}

export interface LiveFleet extends AsyncDisposable {
  readonly departures: readonly Departure[];
  /** How many newcomers were sent for whom nobody was in line and the bucket was not empty. */
  newcomers(): number;
  /** What ended otherwise than being sent. */
  readonly errors: readonly string[];
  readonly connections: readonly RedisConnection[];
  /** How many slots came from where: from Redis, or a replica's own share. */
  readonly slots: Readonly<Record<'store' | 'fallback', number>>;
  /** How many replicas go on alone just now. */
  alone(): number;
  /** How often a replica has begun to go on alone. */
  readonly outages: () => number;
  /** For how long some replicas went on alone while others did not: they take their share on top, docs/reference/promises.md. */
  readonly loneMs: () => number;
  /** Stops the load. */
  stop(): void;
}

interface LiveFleetOptions {
  /** Where each replica finds Redis. */
  readonly urls: readonly string[];
  readonly quota: Quota;
  readonly callTimeoutMs?: number;
}

/** So many wait in each line at least. */
const waiting = 20;
const newcomerEveryMs = 70;
/** Far from its limit. */
const idleQuota: Quota = { rate: 1_000, burst: 1_000 };

/** How often replicas went on alone, and for how long some did while others did not. */
class Outages {
  readonly #replicas: number;
  count = 0;
  #loneMs = 0;
  #alone = 0;
  #since = 0;

  constructor(replicas: number) {
    this.#replicas = replicas;
  }

  turned(by: 1 | -1): void {
    this.#loneMs = this.loneMs();
    this.#since = clock.now();
    this.#alone += by;
    if (by === 1) this.count += 1;
  }

  loneMs(): number {
    const isSplit = this.#alone > 0 && this.#alone < this.#replicas;
    return this.#loneMs + (isSplit ? clock.now() - this.#since : 0);
  }
}

async function openMember(
  url: string,
  replica: number,
  callTimeoutMs: number,
  meter: typeof deafMeter,
  outages: Outages,
) {
  const { redis, buckets } = await openBuckets(url, {
    replicas: () => replicas.count(),
    callTimeoutMs,
    connectionTimeoutMs: Math.max(1_000, callTimeoutMs),
    meter,
    changed: (alone) => outages.turned(alone === null ? -1 : 1),
  });
  const replicas = new Replicas(redis, clock, 'weir:', `${replica}`);
  await replicas.start();
  return { redis, replicas, buckets };
}

export async function startLiveFleet({ urls, quota, callTimeoutMs = 50 }: LiveFleetOptions): Promise<LiveFleet> {
  const departures: Departure[] = [];
  let newcomers = 0;
  const errors: string[] = [];
  const slots = { store: 0, fallback: 0 };
  const meter = {
    ...deafMeter,
    reserved(bucket: string, source: 'store' | 'fallback' | 'memory', count: number) {
      if (bucket === 'messages' && source !== 'memory') slots[source] += count;
    },
  };
  const outages = new Outages(urls.length);
  let stopped = false;
  const members = await Promise.all(
    urls.map((url, replica) => openMember(url, replica, callTimeoutMs, meter, outages)),
  );
  await until(() => members.every(({ replicas }) => replicas.count() === urls.length), { what: 'all to be counted' });

  const sender = new Sender({ clock });
  const sent = async (gate: Gates, told: (at: number) => void): Promise<boolean> => {
    const end = await sender.send(gate, messageFrom('a'), new WaitingDownstream(), ({ at }) => told(at));
    if (end !== 'sent') errors.push(end.kind);
    return end === 'sent';
  };
  const timers: NodeJS.Timeout[] = [];
  for (const [replica, { buckets }] of members.entries()) {
    const busy = gatesOn(buckets, clock, roomyLimits(quota));
    const idle = gatesOn(buckets, clock, roomyLimits(idleQuota), 'contacts');
    const ask = async (): Promise<void> => {
      // What went wrong is told in errors; one who asks again at once would ask for ever.
      if (!(await sent(busy, (at) => departures.push({ at, replica })))) return;
      if (!stopped) void ask();
    };
    for (let i = 0; i < waiting; i++) void ask();
    const newcomer = (): void => {
      void sent(idle, () => {
        newcomers += 1;
      });
    };
    timers.push(setInterval(newcomer, newcomerEveryMs));
  }
  const stop = (): void => {
    stopped = true;
    for (const timer of timers) clearInterval(timer);
  };
  return {
    departures,
    newcomers: () => newcomers,
    errors,
    slots,
    connections: members.map(({ redis }) => redis),
    alone: () => members.filter(({ buckets }) => buckets.away).length,
    outages: () => outages.count,
    loneMs: () => outages.loneMs(),
    stop,
    async [Symbol.asyncDispose]() {
      stop();
      await Promise.all(members.map(({ replicas }) => replicas.stop()));
      for (const { redis } of members) redis.disconnect();
    },
  };
}
