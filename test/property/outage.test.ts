/** Promise P7 in virtual time: Redis away for a while, with everybody waiting. The limit holds and the line keeps moving. */
import { describe, expect, it } from 'vitest';
import { RedisBuckets } from '../../src/adapters/redis/buckets.ts';
import { deafMeter, excess, Fleet, roomyLimits, tolerance } from '../support/fleet.ts';
import { VirtualRedis } from '../support/virtual-redis.ts';

const quota = { rate: 50, burst: 150 };
const outageFromMs = 10_000;
const afterwardsMs = 20_000;

/** Replicas whose lines never empty, through an outage. */
async function play(replicas: number, outageMs: number, empty: boolean) {
  let redis: VirtualRedis | undefined;
  const fleet = new Fleet({
    limits: roomyLimits(quota),
    replicas,
    oneWayMs: () => 0,
    bucketsOf: (clock) => {
      redis ??= new VirtualRedis(clock, quota, 0.2);
      const options = { keyPrefix: '', replicas: () => replicas, callTimeoutMs: 50 };
      return new RedisBuckets(redis.connection(), clock, deafMeter, options);
    },
  });
  const seconds = (outageFromMs + outageMs + afterwardsMs) / 1_000;
  for (let i = 0; i < 2 * (quota.burst + quota.rate * seconds); i++) void fleet.arrive(i % replicas);
  await fleet.clock.run(outageFromMs);
  redis?.stall();
  await fleet.clock.advance(outageMs);
  redis?.comeBack({ empty });
  await fleet.clock.advance(afterwardsMs);
  return { instants: fleet.sent.map(({ at }) => at), seconds };
}

const scenes = [1, 2, 4].flatMap((replicas) =>
  [300, 1_000, 3_000, 10_000, 60_000].flatMap((outageMs) =>
    [false, true].map((empty) => [replicas, outageMs, empty ? 'empty' : 'as it was'] as const),
  ),
);

describe('A Redis that is only slow', () => {
  it('is away for as long as it is, instead of now and then', async () => {
    const changes: boolean[] = [];
    const fleet = new Fleet({
      limits: roomyLimits(quota),
      replicas: 1,
      oneWayMs: () => 0,
      bucketsOf: (clock) => {
        const connection = new VirtualRedis(clock, quota, 40).connection();
        const changed = (away: boolean) => void changes.push(away);
        const options = { keyPrefix: '', replicas: () => 1, callTimeoutMs: 50, changed };
        return new RedisBuckets(connection, clock, deafMeter, options);
      },
    });
    for (let i = 0; i < 400; i++) void fleet.arrive(0);
    await fleet.clock.run(4_000);
    expect(changes).toEqual([true]);
    expect(fleet.sent.length).toBeGreaterThanOrEqual(quota.burst + quota.rate * 3.5);
  });
});

describe('With everybody waiting', () => {
  it.each(scenes)('%i replicas, Redis away for %i ms and back %s', async (replicas, outageMs, state) => {
    const { instants, seconds } = await play(replicas, outageMs, state === 'empty');
    expect(excess(quota, instants)).toBeLessThanOrEqual(quota.burst / replicas + tolerance(quota));
    expect(instants.length).toBeGreaterThanOrEqual(0.98 * (quota.burst + quota.rate * seconds));
    const backMs = outageFromMs + outageMs + 2_000;
    const after = instants.filter((at) => at >= backMs && at < backMs + 5_000).length;
    expect(after).toBeGreaterThanOrEqual(0.99 * quota.rate * 5);
  });
});
