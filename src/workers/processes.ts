/** Workers as processes. Where the system has no SO_REUSEPORT, Node's cluster module starts them, which listens for them. */
import { type ChildProcess, fork } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import type { SpawnWorker } from './member.ts';
import type { FromWorker } from './messages.ts';
import { heapOptions, inspectorOptions, withoutHeapOptions } from './node-options.ts';
import { type OpenCount, openCount } from './open-count.ts';
import { type SharedPort, socketOfWorkers } from './sharing.ts';
import { passWholeLines } from './whole-lines.ts';

/** Beside `main.ts`, in the repository and in a package. */
const script = fileURLToPath(new URL(`../worker${extname(import.meta.filename)}`, import.meta.url));

/** Where a worker has the file of its count: behind the socket. */
const countOfWorkers = socketOfWorkers + 1;

/**
 * @param workers how many there are to be at a time
 * @param shared the port that they share
 * @param take is handed what they write to stdout, by whole lines
 */
export function spawnBy(workers: number, shared: SharedPort, take: (lines: Buffer) => Promise<void>): SpawnWorker {
  const start = starting(workers, shared);
  return (events) => {
    const count = openCount();
    const child = start(count);
    const read = passWholeLines(child.stdout as Readable, take).catch(() => {});
    child.on('message', (message: FromWorker) => events.said(message));
    // A message to one that has just died: its end is told anyway.
    child.on('error', () => {});
    void once(child, 'exit').then(async ([code, signal]) => {
      await read;
      events.ended({ code, signal, openRequests: count?.end() ?? null });
    });
    const kill = (): void => void child.kill('SIGKILL');
    return {
      pid: child.pid ?? 0,
      countFd: count === null ? null : countOfWorkers,
      send: (message) => {
        if (child.connected) child.send(message, () => {});
      },
      kill,
    };
  };
}

type Stdio = 'ignore' | 'pipe' | 'inherit' | 'ipc' | number;

function starting(workers: number, { sharing, fd }: SharedPort): (count: OpenCount | null) => ChildProcess {
  const options = {
    execArgv: [
      ...withoutHeapOptions(process.execArgv),
      ...heapOptions(getHeapStatistics().heap_size_limit, workers),
      ...inspectorOptions(process.execArgv),
    ],
    // Maps, sets and buffers arrive as what they are.
    serialization: 'advanced' as const,
  };
  /** A socket that was handed over is at `socketOfWorkers` in each, and its count at `countOfWorkers`. */
  const stdioWith = (count: OpenCount | null) =>
    ['ignore', 'pipe', 'inherit', 'ipc', fd ?? 'ignore', count?.fd ?? 'ignore'] satisfies Stdio[];
  const env = { NODE_OPTIONS: withoutHeapOptions((process.env['NODE_OPTIONS'] ?? '').split(' ')).join(' ') };
  if (sharing !== 'cluster') {
    return (count) => fork(script, { ...options, stdio: stdioWith(count), env: { ...process.env, ...env } });
  }
  return (count) => {
    cluster.setupPrimary({ ...options, stdio: stdioWith(count), exec: script, args: [] });
    const worker = cluster.fork(env);
    worker.on('error', () => {});
    return worker.process;
  };
}
