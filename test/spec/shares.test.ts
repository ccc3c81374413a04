/** Promise P2 for replicas that share a bucket, in virtual time: all of it is used, in equal shares, and whoever is alone is served. */
import { describe, expect, test } from 'vitest';
import { horizonMs } from '../../src/admission/rate/slots.ts';
import { Fleet, jain, roomyLimits } from '../support/fleet.ts';

const oneWayMs = () => 0.15;
const seconds = 6;

describe('Replicas that are all asked for more than the limit', () => {
  test.each([
    [50, 150, 1],
    [50, 150, 2],
    [50, 150, 4],
    [50, 150, 8],
    [1_000, 1_000, 2],
    [1_000, 1_000, 8],
  ])('use it up and have equal shares: %i/s, bursts of %i, %i replicas', async (rate, burst, replicas) => {
    const fleet = new Fleet({ limits: roomyLimits({ rate, burst }), replicas, oneWayMs });
    const demand = 2 * (burst + rate * seconds);
    for (let i = 0; i < demand; i++) void fleet.arrive(i % replicas);
    await fleet.clock.advance(seconds * 1_000);
    expect(fleet.sent.length).toBeGreaterThanOrEqual(0.995 * (burst + rate * seconds));
    // Who comes first has more of the burst.
    const later = fleet.sent.filter(({ at }) => at > 1_000);
    const shares = fleet.gates.map((_, replica) => later.filter((one) => one.replica === replica).length);
    expect(jain(shares)).toBeGreaterThanOrEqual(0.99);
  });
});

describe('A request that is alone at its replica', () => {
  test.each([2, 8])('waits twice the horizon at most, with thousands at another of %i', async (replicas) => {
    const quota = { rate: 50, burst: 150 };
    const fleet = new Fleet({ limits: roomyLimits(quota), replicas, oneWayMs });
    for (let i = 0; i < 5_000; i++) void fleet.arrive(0);
    await fleet.clock.advance(2_000);
    for (let replica = 1; replica < replicas; replica++) {
      void fleet.arrive(replica);
      await fleet.clock.advance(500);
    }
    const waits = fleet.sent.filter(({ replica }) => replica > 0).map(({ waitedMs }) => waitedMs);
    expect(waits).toHaveLength(replicas - 1);
    // His turn is one interval after the slots that are taken already.
    expect(Math.max(...waits)).toBeLessThanOrEqual(2 * horizonMs + 1_000 / quota.rate);
  });
});

describe('When a turn comes', () => {
  test.each([
    [1, 'turnInMs', 'at the earliest, where nobody waits in the others'],
    [4, 'turnByMs', 'by the share of the replica, where others have a line, too'],
  ] as const)('is told: with a line in %i of 4 replicas it is %s, %s', async (busy, told, _) => {
    const fleet = new Fleet({ limits: roomyLimits({ rate: 50, burst: 1 }), replicas: 4, oneWayMs });
    for (let i = 0; i < 500 * busy; i++) void fleet.arrive(i % busy);
    await fleet.clock.advance(2_000);
    const now = fleet.clock.now();
    const [gate] = fleet.gates[0]?.inUse ?? [];
    const turn = gate?.turn(100, now);
    expect(turn?.turnByMs).toBeGreaterThan(3 * (turn?.turnInMs ?? Infinity));
    await fleet.clock.advance(12_000);
    const [hundredth] = fleet.sent.filter(({ replica, at }) => replica === 0 && at > now).slice(99);
    const comesInMs = (hundredth?.at ?? Infinity) - now;
    // Slots come for a horizon or so at a time.
    expect(Math.abs(comesInMs - (turn?.[told] ?? Infinity))).toBeLessThan(2 * horizonMs);
  });
});
