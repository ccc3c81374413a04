/** Workers as processes of Node's cluster module, which can listen for them where the system has no SO_REUSEPORT. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import { heapOptions, withoutHeapOptions } from './heap.ts';
import type { SpawnWorker } from './member.ts';
import type { FromWorker } from './messages.ts';
import { passWholeLines } from './whole-lines.ts';

/** Beside `main.ts`, in the repository and in a package. */
const script = fileURLToPath(new URL(`../worker${extname(import.meta.filename)}`, import.meta.url));

/**
 * @param count how many there are to be at a time
 * @param take is handed what they write to stdout, by whole lines
 */
export function spawnBy(count: number, take: (lines: Buffer) => Promise<void>): SpawnWorker {
  cluster.setupPrimary({
    exec: script,
    args: [],
    execArgv: [...withoutHeapOptions(process.execArgv), ...heapOptions(getHeapStatistics().heap_size_limit, count)],
    // Maps, sets and buffers arrive as what they are.
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const env = { NODE_OPTIONS: withoutHeapOptions((process.env['NODE_OPTIONS'] ?? '').split(' ')).join(' ') };
  return (events) => {
    const worker = cluster.fork(env);
    const child = worker.process;
    const read = passWholeLines(child.stdout as Readable, take).catch(() => {});
    worker.on('message', (message: FromWorker) => events.said(message));
    // A message to one that has just died: its end is told anyway.
    worker.on('error', () => {});
    void once(child, 'exit').then(async ([code, signal]) => {
      await read;
      events.ended({ code, signal });
    });
    const kill = (): void => void child.kill('SIGKILL');
    return {
      pid: child.pid ?? 0,
      send: (message) => {
        if (worker.isConnected()) worker.send(message, () => {});
      },
      kill,
    };
  };
}
