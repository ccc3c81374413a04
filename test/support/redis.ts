import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { leash } from './leash.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

/** A Redis of the test's own: loopback, a free port, no persistence unless `extraArgs` ask for it. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Two more for it to listen on: another port with TLS, a cluster's bus. */
  readonly more: MorePorts;
  /** Another one after each `restart`. */
  readonly pid: number;
  /** Ends it for good, whatever state it is in, and removes its directory. Twice is fine. */
  stop(): Promise<void>;
  /** Sends a signal. After one that ends a process (`SIGKILL`, `SIGTERM`, `SIGINT`) it waits until it has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends it in order if it still runs, then starts it anew: same port, same directory, same arguments. */
  restart(): Promise<void>;
}

type MorePorts = readonly [number, number];

const portAttempts = 5;

/** `REDIS_SERVER`, the one on the `PATH`, or the one that `scripts/redis.mjs` fetched. */
function redisServer(): string {
  const fetched = fileURLToPath(new URL('../../.cache/redis/redis-server', import.meta.url));
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'redis-server'));
  const found = process.env.REDIS_SERVER ?? [...onPath, fetched].find(isExecutable);
  if (found === undefined) throw new Error('There is no redis-server: run `node scripts/redis.mjs`.');
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param extraArgs by the ports that it has besides, where it needs them: others with each try */
export async function startRedis(
  extraArgs: readonly string[] | ((more: MorePorts) => readonly string[]) = [],
): Promise<TestRedis> {
  return await start((port, folder, more) => {
    const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
    return [...own, ...(typeof extraArgs === 'function' ? extraArgs(more) : extraArgs)];
  });
}

/** A cluster that is this one server. */
export async function startClusterOfOne(): Promise<TestRedis> {
  const server = await startRedis(([bus]) => ['--cluster-enabled', 'yes', '--cluster-port', `${bus}`]);
  const client = new Redis(server.url);
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  const isUp = async () => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok');
  await until(isUp, { what: 'the cluster of one to be up' });
  client.disconnect();
  return server;
}

/** A Sentinel that watches a primary as `mymaster`, with nobody to agree with, and has lost patience after half a second. */
export async function startSentinel(
  primaryPort: number,
  extraLines: (more: MorePorts) => readonly string[] = () => [],
): Promise<TestRedis> {
  return await start((port, folder, more) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor mymaster 127.0.0.1 ${primaryPort} 1`,
      'sentinel down-after-milliseconds mymaster 500',
      'sentinel failover-timeout mymaster 1000',
      ...extraLines(more),
    ];
    writeFileSync(file, `${lines.join('\n')}\n`); // It writes down there what it learns.
    return [file, '--sentinel'];
  });
}

type ArgsOf = (port: number, folder: string, more: MorePorts) => readonly string[];

async function start(argsOf: ArgsOf): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-redis-'));
  for (let attempt = 1; ; attempt++) {
    const [port, ...more] = [await freePort(), await freePort(), await freePort()] as const;
    const args = argsOf(port, folder, more);
    try {
      return new Server(port, more, folder, args, await launch(port, args));
    } catch (error) {
      // Between finding a port free and using it, somebody else may have taken it.
      if (attempt < portAttempts && /Address already in use|bind/i.test(String(error))) continue;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

async function launch(port: number, args: readonly string[]): Promise<ChildProcess> {
  const child = leash(spawn(redisServer(), args, { stdio: ['ignore', 'pipe', 'pipe'] }));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000);
    });
  }
  const over = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
  });
  const serves = until(() => ping(port), { what: `redis-server on port ${port} to answer PING` });
  try {
    const failure = await Promise.race([over, serves.then(() => null)]);
    if (failure !== null) throw new Error(`redis-server did not start: ${failure}.`);
    return child;
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${(error as Error).message}\nIt said:\n${said}`, { cause: error });
  }
}

/** Whether it serves. A server that wants a password first (`-NOAUTH`) does; one that is `-LOADING` does not yet. */
async function ping(port: number): Promise<boolean> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  socket.setTimeout(1_000, () => socket.destroy(new Error(`Port ${port} took the connection and kept silent.`)));
  try {
    socket.write('PING\r\n');
    const [reply] = (await once(socket, 'data')) as [Buffer];
    return /^(\+PONG|-NOAUTH)/.test(reply.toString('latin1'));
  } finally {
    socket.destroy();
  }
}

class Server implements TestRedis {
  readonly port: number;
  readonly more: MorePorts;
  readonly url: string;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess;

  constructor(port: number, more: MorePorts, folder: string, args: readonly string[], child: ChildProcess) {
    this.port = port;
    this.more = more;
    this.url = `redis://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#args = args;
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#hasEnded()) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') await ended;
  }

  async restart(): Promise<void> {
    if (!this.#hasEnded()) this.#child.kill('SIGCONT'); // A stopped one would never see SIGTERM.
    await this.kill('SIGTERM');
    this.#child = await launch(this.port, this.#args);
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
