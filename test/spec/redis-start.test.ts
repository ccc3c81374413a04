/** A start while Redis is away: the ports open at once, the log has one line for the outage, and the admin is kept later. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp } from '../../src/app/app.ts';
import { adminPassword } from '../support/app.ts';
import { basic } from '../support/basic.ts';
import { config, load } from '../support/config.ts';
import { freePort, listening } from '../support/ports.ts';
import { startRedis } from '../support/redis.ts';
import { eventLog } from '../support/silent-log.ts';
import { stopTimers } from '../support/still-timers.ts';
import { until } from '../support/until.ts';

/** Where Redis should be: says nothing to those who connect, or shuts at once, until it leads to a Redis. */
class Door {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #port: number | null = null;

  constructor({ shut = false } = {}) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      if (this.#port === null) return shut ? void socket.destroy() : undefined;
      const redis = connect(this.#port, '127.0.0.1');
      redis.on('error', () => socket.destroy());
      socket.pipe(redis).pipe(socket);
      socket.on('close', () => redis.destroy());
    });
  }

  async open(): Promise<string> {
    return `redis://127.0.0.1:${await listening(this.#server)}`;
  }

  leadTo(port: number): void {
    this.#port = port;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

let running: AsyncDisposableStack;
let kept: ReturnType<typeof eventLog>;

beforeEach(() => {
  running = new AsyncDisposableStack();
  kept = eventLog();
});
afterEach(() => running.disposeAsync());

const nowhere = { coreappUrl: 'http://127.0.0.1:1', version: '0.0.0', hash: '' };

async function open(url: string, port: number, opsPort: number) {
  const env = { HOST: '127.0.0.1', PORT: `${port}`, OPS_PORT: `${opsPort}`, WEIR_ADMIN_PASSWORD: adminPassword };
  const app = await startApp({ config: config(load('', { ...env, REDIS_URL: url })), ...nowhere, log: kept.log });
  running.defer(() => app.close(0));
  return app;
}

const login = (port: number) =>
  fetch(`http://127.0.0.1:${port}/v1/users/login`, {
    method: 'POST',
    headers: { authorization: basic('admin', adminPassword) },
  });

const turn = () => new Promise((resolve) => void setImmediate(resolve));

/** As soon as somebody listens, without a timer: those stand still. */
async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    const reached = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (reached) return;
    await turn();
  }
}

describe('A start while Redis is away', () => {
  it('has its ports open at once; it is ready, and has a first request answered, when Redis is there', async () => {
    const door = new Door();
    running.defer(() => door.close());
    const url = await door.open();
    const server = running.use(await startRedis());
    const [port, opsPort] = [await freePort(), await freePort()];
    const still = running.use(stopTimers());
    let opened = false;
    const opening = open(url, port, opsPort).then(() => {
      opened = true;
    });
    await answers(port);
    await answers(opsPort);
    expect(opened).toBe(false);
    still[Symbol.dispose]();
    const ready = await fetch(`http://127.0.0.1:${opsPort}/readyz`);
    expect((await fetch(`http://127.0.0.1:${opsPort}/livez`)).status).toBe(200);
    expect([ready.status, await ready.text()]).toEqual([503, 'not ready: starting\n']);
    const early = login(port);
    door.leadTo(server.port);
    await opening;
    expect((await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status).toBe(200);
    // Once there is an admin, that is: the first request may have come before.
    expect([200, 401]).toContain((await early).status);
    expect((await login(port)).status).toBe(200);
  });

  it('is ready without it, says once that it is away, and has an admin when it comes', async () => {
    const door = new Door({ shut: true });
    running.defer(() => door.close());
    const app = await open(await door.open(), 0, 0);
    expect((await fetch(`http://127.0.0.1:${app.opsPort}/readyz`)).status).toBe(200);
    expect((await login(app.port)).status).toBe(503);
    const server = running.use(await startRedis(['--appendonly', 'yes']));
    door.leadTo(server.port);
    await until(async () => (await login(app.port)).status === 200, { what: 'the admin to log in' });
    const troubles = kept.events.filter(({ level }) => level === 'warn' || level === 'error');
    expect(troubles.map(({ message }) => message)).toEqual(['Redis is away']);
    const isBack = () => kept.events.some(({ message }) => message === 'Redis is back');
    await until(isBack, { what: 'the line that says so' });
  });
});
