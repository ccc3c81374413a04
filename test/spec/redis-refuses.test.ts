/**
 * A Redis that is there and is no use: one line says why and what would mend it, once an outage; the limits go on without
 * it; and when it has been mended it is used again.
 */
import { connect, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { Stores } from '../../src/app/stores.ts';
import { freePort, listening } from '../support/ports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { Event } from '../support/silent-log.ts';
import { storesOn } from '../support/stores.ts';
import { pass, until } from '../support/until.ts';

const quota = { rate: 50, burst: 150 };
const bucket = 'weir:{bucket:messages}';

/** What a test has started. */
type Running = AsyncDisposableStack;

async function redisWith(running: Running, ...args: string[]): Promise<TestRedis> {
  return running.use(await startRedis(args));
}

/** What an operator says to Redis. */
async function told(server: TestRedis, password: string | null, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis({ port: server.port, host: '127.0.0.1', ...(password === null ? {} : { password }) });
  try {
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

/** Asks for slots for a while: there are always some. */
async function askFor(stores: Stores, ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    expect((await stores.buckets.reserve('messages', quota, 1)).count).toBe(1);
    await pass(40);
  }
}

const troubles = (events: readonly Event[]) => events.filter(({ fields }) => 'remedy' in fields);

interface Case {
  readonly url: string;
  readonly mend: () => Promise<unknown>;
}

const cases: readonly [string, cause: string, remedy: RegExp, (running: Running) => Promise<Case>][] = [
  [
    'demands a password',
    'passwordWanted',
    /wants a password: give redis.url one/,
    async (running) => {
      const server = await redisWith(running, '--requirepass', 'secret');
      return { url: server.url, mend: () => told(server, 'secret', 'CONFIG', 'SET', 'requirepass', '') };
    },
  ],
  [
    'has another password',
    'passwordWrong',
    /user and password in redis.url/,
    async (running) => {
      const server = await redisWith(running, '--requirepass', 'secret');
      const url = `redis://:other@127.0.0.1:${server.port}`;
      return { url, mend: () => told(server, 'secret', 'CONFIG', 'SET', 'requirepass', 'other') };
    },
  ],
  [
    'does not let this user at its keys',
    'notPermitted',
    /allow this Redis user/,
    async (running) => {
      const server = await redisWith(running, '--user', 'weir', 'on', '>secret', '~other:*', '&*', '+@all');
      const url = `redis://weir:secret@127.0.0.1:${server.port}`;
      return { url, mend: () => told(server, null, 'ACL', 'SETUSER', 'weir', '~weir:*') };
    },
  ],
  [
    'is read-only',
    'readOnly',
    /lead to the primary/,
    async (running) => {
      const server = await redisWith(running, '--replicaof', '127.0.0.1', `${await freePort()}`);
      return { url: server.url, mend: () => told(server, null, 'REPLICAOF', 'NO', 'ONE') };
    },
  ],
  [
    'is full',
    'full',
    /raise its maxmemory/,
    async (running) => {
      const server = await redisWith(running, '--maxmemory', '1');
      return { url: server.url, mend: () => told(server, null, 'CONFIG', 'SET', 'maxmemory', '0') };
    },
  ],
  [
    'holds a key of another type under the bucket’s name',
    'wrongType',
    /another program has a key of this name/,
    async (running) => {
      const server = await redisWith(running);
      await told(server, null, 'RPUSH', bucket, 'somebody else’s');
      return { url: server.url, mend: () => told(server, null, 'DEL', bucket) };
    },
  ],
  [
    'has no such database',
    'database',
    /number of a database/,
    async (running) => {
      const server = await redisWith(running, '--databases', '4');
      return { url: `${server.url}/9`, mend: async () => null };
    },
  ],
  ['is an HTTP server', 'noRedis', /no Redis: look at host and port/, (running) => pretender(running, http)],
  ['is too old', 'tooOld', /use Redis 6.2 or later/, (running) => pretender(running, old)],
  ['is there and says nothing', 'late', /slow or stuck/, (running) => pretender(running, () => {})],
];

/** A server that is not what it should be, until a Redis takes its place. */
async function pretender(running: Running, behave: (socket: Socket) => void): Promise<Case> {
  const server = await redisWith(running);
  let mended = false;
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    if (!mended) return behave(socket);
    const redis = connect(server.port, '127.0.0.1');
    redis.on('error', () => socket.destroy());
    socket.pipe(redis).pipe(socket);
  });
  const port = await listening(listener);
  running.defer(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    async mend() {
      mended = true;
      // Not destroyed: with something unread that is a reset, a trouble of its own.
      for (const socket of sockets) socket.end();
    },
  };
}

function http(socket: Socket): void {
  socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
}

/** Redis 4: no HELLO, and scripts that may not write after they have asked for the time. */
function old(socket: Socket): void {
  const info = '# Server\r\nredis_version:4.0.9\r\nloading:0\r\nrole:master\r\n';
  const answers: Readonly<Record<string, string>> = {
    HELLO: "-ERR unknown command 'HELLO'",
    INFO: `$${info.length}\r\n${info}`,
    EVAL: '-ERR Error running script (call to f_0): @user_script:21: Write commands not allowed after non deterministic commands. Call redis.replicate_commands() at the start of your script in order to switch to single commands replication mode.',
  };
  socket.setEncoding('latin1').on('data', (text) => {
    for (const [, , word = ''] of String(text).matchAll(/\*\d+\r\n\$(\d+)\r\n(\w+)/g)) {
      const command = word.toUpperCase().replace('EVALSHA', 'EVAL');
      socket.write(`${answers[command] ?? '+OK'}\r\n`);
    }
  });
}

describe.concurrent('A Redis that', () => {
  test.each(cases)('%s', async (_, cause, remedy, start) => {
    await using running = new AsyncDisposableStack();
    const { url, mend } = await start(running);
    const { stores, events } = await storesOn(running, url);
    await askFor(stores, 1_200);
    expect(stores.state()).toMatchObject({ fallback: true });
    expect(troubles(events)).toEqual([
      {
        level: expect.stringMatching(/^(warn|error)$/),
        message: expect.stringMatching(/^Redis (is away|refuses what Weir asks)$/),
        fields: expect.objectContaining({ cause, remedy: expect.stringMatching(remedy) }),
      },
    ]);
    expect(JSON.stringify(events)).not.toContain('secret');
    if (cause === 'database') return;
    await mend();
    await until(() => !stores.state().fallback, { what: 'Redis to be used again' });
    await until(() => events.some(({ message }) => message === 'Redis is back'), { what: 'the line that says so' });
    expect(troubles(events)).toHaveLength(1);
  });
});

test('The other classes share their limits as ever while one has a key of another type', async () => {
  await using running = new AsyncDisposableStack();
  const server = await redisWith(running);
  await told(server, null, 'RPUSH', bucket, 'somebody else’s');
  const { stores, events } = await storesOn(running, server.url);
  await stores.buckets.reserve('messages', quota, 1);
  await stores.buckets.reserve('contacts', quota, 1);
  expect(await told(server, null, 'EXISTS', 'weir:{bucket:contacts}')).toBe(1);
  expect(events.map(({ message }) => message)).toContain(
    'the limit of one class: Redis does not serve it; going on with a share',
  );
  expect(events.find(({ fields }) => 'key' in fields)?.fields).toMatchObject({ key: bucket, cause: 'wrongType' });
});
