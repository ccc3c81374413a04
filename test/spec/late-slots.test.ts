/**
 * A slot is used no later than its close, by the moment at which the request is written. One that comes too late gives its
 * slot up before, and goes back to the head of its caller's queue.
 */
import { describe, expect, it } from 'vitest';
import { MemoryBuckets } from '../../src/adapters/memory/buckets.ts';
import type { Clock } from '../../src/clock.ts';
import { slotsGivenUpMax } from '../../src/upstream/attempt.ts';
import { deafMeter, Fleet, narrowLimit, roomyLimits, tolerance } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { sayNothing } from '../support/upstream.ts';
import { wireClient } from '../support/wire-client.ts';

/** A fleet whose ways to the Coreapp take so long, one after the other and again from the first. */
function fleetWith(
  quota: { rate: number; burst: number },
  ways: readonly number[],
  more: Partial<ConstructorParameters<typeof Fleet>[0]> = {},
): Fleet {
  let next = 0;
  const wayMs = () => ways[next++ % ways.length] as number;
  return new Fleet({ limits: roomyLimits(quota), replicas: 1, oneWayMs: () => 0.2, wayMs, ...more });
}

describe('A request that is late', () => {
  it('gives its slot up and is written with the next one, before those who wait behind it', async () => {
    // Slots 100 ms apart, each open for half of that.
    const fleet = fleetWith({ rate: 10, burst: 1 }, [60, 1, 1]);
    const order: string[] = [];
    for (const name of ['first', 'second']) void fleet.arrive(0).then(() => order.push(name));
    await fleet.clock.advance(1_000);
    expect(order).toEqual(['first', 'second']);
    expect(fleet.givenUp).toBe(1);
    expect(fleet.sent.map(({ at, closesAt }) => at <= closesAt)).toEqual([true, true]);
    expect(fleet.sent[0]?.at).toBeGreaterThan(100);
  });

  it('takes another slot that is open, and does not begin anew', async () => {
    // The bucket keeps 20 ms of each grant open; each way takes longer, and there is room for a burst.
    const quota = { rate: 1_000, burst: 1_000 };
    const store = { bucketsOf: (clock: Clock) => new MemoryBuckets(clock, deafMeter) };
    const fleet = fleetWith(quota, [30], store);
    for (let i = 0; i < 50; i++) void fleet.arrive(0);
    await fleet.clock.advance(100);
    expect(fleet.sent).toHaveLength(50);
    expect(fleet.givenUp).toBe(0);
    expect(fleet.sent.every(({ at, closesAt }) => at <= closesAt)).toBe(true);
    expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
  });

  it('gives back what narrow limits gave for it: nothing was written, and a token of theirs may be one of a minute', async () => {
    const narrow = { rate: 0.2, burst: 2 };
    const quota = { rate: 1_000, burst: 1_000 };
    const limits = { ...roomyLimits(quota), also: [narrowLimit('principal', narrow)] };
    // Each way takes longer than the 20 ms for which an idle bucket keeps what it gives, until the request is sent all the same.
    const fleet = fleetWith(quota, [50], { limits, replicas: 2 });
    for (let i = 0; i < 4; i++) void fleet.arrive(i % 2);
    await fleet.clock.advance(2 * 5_000 + 2_000);
    expect(fleet.givenUp).toBeGreaterThan(slotsGivenUpMax);
    expect(fleet.sent).toHaveLength(4);
    expect(fleet.excess(narrow)).toBeLessThanOrEqual(tolerance(narrow));
  });

  it('never adds to what the limit lets through: all of a burst are held up at once', async () => {
    const quota = { rate: 1_000, burst: 20 };
    // Each way takes as long as it needs for all to be written at one moment: a process that stands still for 200 ms.
    const wayMs = () => (fleet.clock.now() < 200 ? 200 - fleet.clock.now() : 0.05);
    const fleet: Fleet = fleetWith(quota, [], { replicas: 2, wayMs });
    for (let i = 0; i < 600; i++) void fleet.arrive(i % 2);
    await fleet.clock.advance(3_000);
    expect(fleet.sent).toHaveLength(600);
    expect(fleet.givenUp).toBeGreaterThan(100);
    expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
  });

  it('is written at last where the way always takes longer than a slot is open, and the limit holds', async () => {
    const quota = { rate: 100, burst: 1 };
    const fleet = fleetWith(quota, [30]);
    for (let i = 0; i < 5; i++) void fleet.arrive(0);
    await fleet.clock.advance(5_000);
    expect(fleet.sent).toHaveLength(5);
    expect(fleet.givenUp).toBe(5 * slotsGivenUpMax);
    expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
  });

  it('has not been at the Coreapp: no attempt is counted, and its permit teaches nothing', async () => {
    const fleet = fleetWith({ rate: 10, burst: 1 }, [60, 60, 1]);
    const [gates] = fleet.gates;
    const { limit } = gates?.limiter ?? { limit: 0 };
    void fleet.arrive(0);
    await fleet.clock.advance(1_000);
    expect(fleet.givenUp).toBe(2);
    expect(gates?.limiter).toMatchObject({ limit, inUse: 0, probing: false });
  });
});

/** What the client makes of an observer that says no; wire/client-exchanges.test.ts has that nothing is written. */
describe('A connection to the Coreapp', () => {
  const wire = wireClient();

  it('that a late request leaves carries one request, and the next one has a connection of its own', async () => {
    await wire.reconnect({ connectionsMax: 2 });
    const late = { method: 'POST', body: Buffer.from('late') };
    const mayWrite = () => false;
    // Late only once there is a connection, which then is free.
    expect(await wire.client.send(late, { mayWrite }).failed()).toMatchObject({ cause: 'late' });
    wire.upstream.play(sayNothing);
    const onFailure = (): void => {
      // As the next in line does.
      queueMicrotask(() => void wire.client.send({ target: '/one' }));
      setImmediate(() => void wire.client.send({ target: '/two' }));
    };
    wire.client.send(late, { mayWrite, onFailure });
    await until(() => wire.upstream.arrivals.length === 2, { what: 'both at the Coreapp' });
    expect(new Set(wire.upstream.arrivals.map(({ connection }) => connection)).size).toBe(2);
  });
});
