/** The subscription to revocations, on a Redis whose connections break at the worst moment. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { openSubscriber } from '../../src/adapters/redis/client.ts';
import { watchFailover } from '../../src/adapters/redis/failover.ts';
import { followRevocations } from '../../src/adapters/redis/revocations.ts';
import { listening } from '../support/ports.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

/** A Redis that says yes to everything; `onSubscribe` may break the connection instead, or forbid it. */
async function startYesSayer(onSubscribe: (socket: Socket) => 'answer' | 'broken' | 'forbidden') {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const command of chunk
        .toString('latin1')
        .split(/^\*\d+\r\n/m)
        .slice(1)) {
        const [, name = ''] = command.split('\r\n');
        if (name.toLowerCase() === 'info') socket.write('$11\r\nloading:0\r\n\r\n');
        else if (name.toLowerCase() !== 'subscribe') socket.write('+OK\r\n');
        else {
          const what = onSubscribe(socket);
          if (what === 'answer') socket.write('*3\r\n$9\r\nsubscribe\r\n$9\r\np:revoked\r\n:1\r\n');
          else if (what === 'forbidden') socket.write('-NOPERM no channels\r\n');
        }
      }
    });
  });
  return {
    url: `redis://127.0.0.1:${await listening(server)}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('A connection that breaks while the subscription is being renewed', () => {
  test('is replaced, and nobody has to catch what ioredis would have done by itself', async () => {
    const subscribed: number[] = [];
    const uncaught: unknown[] = [];
    const note = (reason: unknown): void => void uncaught.push(reason);
    process.on('unhandledRejection', note);
    await using server = await startYesSayer((socket) => {
      subscribed.push(server.sockets.length);
      // The first and the third connection last.
      if (server.sockets.length !== 2) return 'answer';
      socket.destroy();
      return 'broken';
    });
    const redis = openSubscriber({ url: server.url, callTimeoutMs: 10_000 }, silentLog, 'test');
    try {
      let missed = 0;
      const revocationsMissed = (): void => {
        missed += 1;
      };
      const listener = { tokenRevoked() {}, userRevoked() {}, revocationsMissed };
      followRevocations(redis, 'p:', listener, { clock: machineClock, log: silentLog });
      await until(() => subscribed.length === 1 && missed > 0, { what: 'the first subscription' });
      server.sockets[0]?.destroy();
      await until(() => subscribed.includes(3), { what: 'the third connection to subscribe' });
      expect(uncaught).toEqual([]);
      expect(missed).toBeGreaterThanOrEqual(3);
      expect(subscribed).toEqual([1, 2, 3]);
    } finally {
      redis.disconnect();
      process.off('unhandledRejection', note);
    }
  });
});

test('A Sentinel that forbids subscribing is told of, with its own words', async () => {
  await using server = await startYesSayer(() => 'forbidden');
  const connection = openSubscriber({ url: server.url, callTimeoutMs: 10_000 }, silentLog, 'test');
  try {
    const told: unknown[] = [];
    const log = { ...silentLog, warn: (_: string, what: unknown) => void told.push(what) };
    watchFailover({ connection, master: 'm' }, [], { clock: machineClock, log });
    await until(() => told.length > 0, { what: 'the warning' });
    expect(told).toEqual([{ channel: '+switch-master', reason: 'NOPERM no channels' }]);
  } finally {
    connection.disconnect();
  }
});
