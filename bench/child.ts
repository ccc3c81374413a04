/** The processes of the bench: each is one of its own, on loopback, and gone when the bench is. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leash } from '../test/support/leash.ts';
import { within } from '../test/support/until.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const startMs = 15_000;
const stopMs = 10_000;

/** In a child: listens on a free port of loopback, tells the bench which, and ends with it. */
export function serveBench(server: Server): void {
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
  process.once('disconnect', () => process.exit());
  process.once('SIGTERM', () => process.exit());
}

export interface Child extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly pid: number;
  /** When it was started, `performance.now()`. */
  readonly startedAt: number;
}

interface ChildOptions {
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio?: StdioOptions;
  /** Another checkout, with packages of its own. Not there: this one. */
  readonly checkout?: string;
}

/** Starts `node [nodeArgs] script [args]` under this Node. Its environment is bare; disposing it waits for its end. */
export function startChild(script: string, args: readonly string[] = [], options: ChildOptions = {}): Child {
  const { nodeArgs = [], env = {}, stdio = ['ignore', 'ignore', 'inherit', 'ipc'], checkout = root } = options;
  return startProgram(process.execPath, [...nodeArgs, join(checkout, script), ...args], {
    name: script,
    cwd: checkout,
    env,
    stdio,
  });
}

interface ProgramOptions {
  readonly name: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
}

/** Starts a program. Its environment is bare; disposing it waits for its end. */
export function startProgram(program: string, args: readonly string[], options: ProgramOptions): Child {
  const { name, cwd, env = {}, stdio } = options;
  const startedAt = performance.now();
  const child = leash(spawn(program, args, { cwd, env: { ...bare(), ...env }, stdio }));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} could not be started`);
  return {
    process: child,
    pid,
    startedAt,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await within(exited, { what: `${name} to end`, deadlineMs: stopMs }).catch(() => child.kill('SIGKILL'));
    },
  };
}

/** The child's next message. */
export async function messageOf<T>(child: Child, what: string, deadlineMs = startMs): Promise<T> {
  const over = new AbortController();
  const ended = once(child.process, 'exit', { signal: over.signal }).then(([code, signal]) => {
    throw new Error(`the process that was to give ${what} ended with ${signal ?? `code ${code}`}`);
  });
  const message = once(child.process, 'message', { signal: over.signal }).then(([value]) => value as T);
  try {
    return await within(Promise.race([message, ended]), { what, deadlineMs });
  } finally {
    over.abort();
    await Promise.allSettled([message, ended]);
  }
}

function bare(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME };
}
