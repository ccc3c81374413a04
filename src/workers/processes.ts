/** Workers as processes. Where the system has no SO_REUSEPORT, Node's cluster module starts them, which listens for them. */
import { type ChildProcess, fork } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import { heapOptions, withoutHeapOptions } from './heap.ts';
import type { SpawnWorker } from './member.ts';
import type { FromWorker } from './messages.ts';
import type { SharedPort } from './sharing.ts';
import { passWholeLines } from './whole-lines.ts';

/** Beside `main.ts`, in the repository and in a package. */
const script = fileURLToPath(new URL(`../worker${extname(import.meta.filename)}`, import.meta.url));

/**
 * @param count how many there are to be at a time
 * @param shared the port that they share
 * @param take is handed what they write to stdout, by whole lines
 */
export function spawnBy(count: number, shared: SharedPort, take: (lines: Buffer) => Promise<void>): SpawnWorker {
  const start = starting(count, shared);
  return (events) => {
    const child = start();
    const read = passWholeLines(child.stdout as Readable, take).catch(() => {});
    child.on('message', (message: FromWorker) => events.said(message));
    // A message to one that has just died: its end is told anyway.
    child.on('error', () => {});
    void once(child, 'exit').then(async ([code, signal]) => {
      await read;
      events.ended({ code, signal });
    });
    const kill = (): void => void child.kill('SIGKILL');
    return {
      pid: child.pid ?? 0,
      send: (message) => {
        if (child.connected) child.send(message, () => {});
      },
      kill,
    };
  };
}

function starting(count: number, { sharing, fd }: SharedPort): () => ChildProcess {
  const options = {
    execArgv: [...withoutHeapOptions(process.execArgv), ...heapOptions(getHeapStatistics().heap_size_limit, count)],
    // Maps, sets and buffers arrive as what they are.
    serialization: 'advanced' as const,
    // A socket that was handed over is at `socketOfWorkers` in each.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc', ...(fd === undefined ? [] : [fd])] as ('ignore' | 'pipe' | number)[],
  };
  const env = { NODE_OPTIONS: withoutHeapOptions((process.env['NODE_OPTIONS'] ?? '').split(' ')).join(' ') };
  if (sharing !== 'cluster') return () => fork(script, { ...options, env: { ...process.env, ...env } });
  cluster.setupPrimary({ ...options, exec: script, args: [] });
  return () => {
    const worker = cluster.fork(env);
    worker.on('error', () => {});
    return worker.process;
  };
}
