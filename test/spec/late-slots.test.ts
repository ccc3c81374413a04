/**
 * A slot is used no later than its close, by the moment at which the request is written. One that comes too late gives its
 * slot up before, and goes back to the head of its caller's queue.
 */
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBuckets } from '../../src/adapters/memory/buckets.ts';
import type { Clock } from '../../src/clock.ts';
import type { BodyFile } from '../../src/exchange/bodies.ts';
import { slotsGivenUpMax } from '../../src/upstream/forward.ts';
import type { CoreappFailure, CoreappObserver, CoreappRequest } from '../../src/upstream/ports.ts';
import { type CoreappConnections, connectCoreapp } from '../../src/wire/client/coreapp.ts';
import { deafMeter, Fleet, narrowLimit, roomyLimits, tolerance } from '../support/fleet.ts';
import { listening } from '../support/ports.ts';
import { until, within } from '../support/until.ts';

/** A fleet whose ways to the Coreapp take so long, one after the other and again from the first. */
function fleetWith(
  quota: { rate: number; burst: number },
  ways: readonly number[],
  serviceMs = 0,
  more: Pick<ConstructorParameters<typeof Fleet>[0], 'bucketsOf'> = {},
): Fleet {
  let next = 0;
  const wayMs = () => ways[next++ % ways.length] as number;
  return new Fleet({ limits: roomyLimits(quota), replicas: 1, oneWayMs: () => 0.2, wayMs, serviceMs, ...more });
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
    const fleet = fleetWith(quota, [30], 0, store);
    for (let i = 0; i < 50; i++) void fleet.arrive(0);
    await fleet.clock.advance(100);
    expect(fleet.sent).toHaveLength(50);
    expect(fleet.givenUp).toBe(0);
    expect(fleet.sent.every(({ at, closesAt }) => at <= closesAt)).toBe(true);
    expect(fleet.excess(quota)).toBeLessThanOrEqual(tolerance(quota));
  });

  it('gives back what narrow limits gave for it: nothing was written, and a token of theirs may be one of a minute', async () => {
    const narrow = { rate: 0.2, burst: 2 };
    const also = [narrowLimit('principal', narrow)];
    // Each way takes longer than the 20 ms for which an idle bucket keeps what it gives, until the request is sent all the same.
    const fleet = new Fleet({
      limits: { ...roomyLimits({ rate: 1_000, burst: 1_000 }), also },
      replicas: 2,
      oneWayMs: () => 0.2,
      wayMs: () => 50,
    });
    for (let i = 0; i < 4; i++) void fleet.arrive(i % 2);
    await fleet.clock.advance(2 * 5_000 + 2_000);
    expect(fleet.givenUp).toBeGreaterThan(slotsGivenUpMax);
    expect(fleet.sent).toHaveLength(4);
    expect(fleet.excess(narrow)).toBeLessThanOrEqual(tolerance(narrow));
  });

  it('never adds to what the limit lets through: all of a burst are held up at once', async () => {
    const quota = { rate: 1_000, burst: 20 };
    // Each way takes as long as it needs for all to be written at one moment: a process that stands still for 200 ms.
    const fleet: Fleet = new Fleet({
      limits: roomyLimits(quota),
      replicas: 2,
      oneWayMs: () => 0.2,
      wayMs: () => (fleet.clock.now() < 200 ? 200 - fleet.clock.now() : 0.05),
    });
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

/** What the client makes of an observer that says no. */
describe('A connection to the Coreapp', () => {
  const tls = { ca: null, cert: null, key: null };
  const options = { connectTimeoutMs: 60_000, answerTimeoutMs: 60_000, tls, connectionMaxAgeMs: 60_000 };
  let server: Server;
  let coreapp: CoreappConnections;
  let connections = 0;
  let received = '';
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    [connections, received] = [0, ''];
    server = createServer((socket) => {
      connections += 1;
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        if (received.endsWith('!')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
    });
    const url = `http://127.0.0.1:${await listening(server)}`;
    coreapp = connectCoreapp({ ...options, url, connectionsMax: 1 });
  });
  afterEach(async () => {
    await coreapp.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  type End = CoreappFailure | 'answered';
  const sent = (body: CoreappRequest['body'], answers: boolean[]): Promise<End> => {
    const { promise, resolve } = Promise.withResolvers<End>();
    const observer: CoreappObserver = {
      mayWrite: () => answers.shift() ?? true,
      onInformation() {},
      onHead() {},
      onData: () => true,
      onEnd: () => resolve('answered'),
      onFailure: resolve,
    };
    coreapp.send({ method: 'POST', target: '/v1/messages', fields: [], body }, observer);
    return within(promise, { what: 'the end of the exchange' });
  };

  it('stays, and carries the next request; of the late one nothing is written', async () => {
    expect(await sent(Buffer.from('late!'), [false])).toMatchObject({ phase: 'unsent', cause: 'late' });
    expect(await sent(Buffer.from('in time!'), [true])).toBe('answered');
    expect(connections).toBe(1);
    expect(received).not.toContain('late!');
    expect(received.match(/POST/g)).toHaveLength(1);
  });

  const file = (text: string): BodyFile => ({
    bytes: text.length,
    append: () => Promise.resolve(false),
    read(into) {
      into.set(Buffer.from(text));
      return Promise.resolve(text.length);
    },
    close() {},
  });

  it('stays, too, where the body has been read from the disk by then', async () => {
    expect(await sent(file('late!'), [false])).toMatchObject({ phase: 'unsent', cause: 'late' });
    expect(await sent(file('in time!'), [true])).toBe('answered');
    expect(connections).toBe(1);
    expect(received).not.toContain('late!');
    expect(received.match(/POST/g)).toHaveLength(1);
  });

  it('that a late request leaves carries one request, and the next one has a connection of its own', async () => {
    await coreapp.close();
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    coreapp = connectCoreapp({ ...options, url, connectionsMax: 2 });
    // Late only once there is a connection, which then is free.
    expect(await sent(Buffer.from('late!'), [false])).toMatchObject({ cause: 'late' });
    await new Promise<void>((resolve) => {
      const observer: CoreappObserver = {
        mayWrite: () => false,
        onInformation() {},
        onHead() {},
        onData: () => true,
        onEnd() {},
        onFailure() {
          // As the next in line does. Neither is ever answered: no `!`.
          queueMicrotask(() => void sent(Buffer.from('one'), []).catch(() => {}));
          setImmediate(() => void sent(Buffer.from('two'), []).catch(() => {}));
          resolve();
        },
      };
      coreapp.send({ method: 'POST', target: '/v1/messages', fields: [], body: Buffer.from('late!') }, observer);
    });
    await until(() => received.match(/POST/g)?.length === 2, { what: 'both at the Coreapp' });
    expect(connections).toBe(2);
  });
});
