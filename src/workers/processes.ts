/** Workers as processes. Where the system has no SO_REUSEPORT, Node's cluster module starts them, which listens for them. */
import { type ChildProcess, fork } from 'node:child_process';
import cluster from 'node:cluster';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import type { SpawnWorker, WorkerEnd } from './member.ts';
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
    const ended = (end: Omit<WorkerEnd, 'openRequests'>): void =>
      events.ended({ ...end, openRequests: count?.end() ?? null });
    const child = attemptTo(() => start(count));
    if (child instanceof Error) {
      queueMicrotask(() => ended(unstarted(child)));
      return { pid: 0, countFd: null, send() {}, kill() {} };
    }
    const read = passWholeLines(child.stdout as Readable, take).catch(() => {});
    child.on('message', (message: FromWorker) => events.said(message));
    void endOf(child).then(async (end) => {
      await read;
      ended(end);
    });
    return {
      pid: child.pid ?? 0,
      countFd: count === null ? null : countOfWorkers,
      send: (message) => {
        if (child.connected) child.send(message, () => {});
      },
      kill: () => void child.kill('SIGKILL'),
    };
  };
}

function endOf(child: ChildProcess): Promise<Omit<WorkerEnd, 'openRequests'>> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, problem: null }));
    // Of one that was started: a message to it after its death, whose end is told anyway.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(unstarted(error));
    });
  });
}

/** The system has no memory, process or descriptor left, as a rule. */
const unstarted = ({ message }: Error) => ({ code: null, signal: null, problem: message });

function attemptTo(start: () => ChildProcess): ChildProcess | Error {
  try {
    return start();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
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
