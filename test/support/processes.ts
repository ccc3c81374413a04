import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { leash } from './leash.ts';
import { within } from './until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Exit {
  /** The exit code; null when a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** Script, relative to the repository. Default: `src/main.ts`. */
  readonly script?: string;
  /** Added to a bare environment (`PATH`, `HOME`): nothing of the tester's own settings gets in. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the repository. */
  readonly cwd?: string;
  /** A stream whose reader has gone before the process says anything. */
  readonly unread?: 'stdout' | 'stderr';
  /** The largest file that it may write, in blocks of 512 bytes. Default: as the tests themselves. */
  readonly fileMaxBlocks?: number;
  /** How many files it may have open. Default: as the tests themselves. */
  readonly openFilesMax?: number;
  /** File descriptors that it has from 3 on, as systemd hands sockets over. */
  readonly sockets?: readonly number[];
}

interface OutputLine {
  readonly from: 'stdout' | 'stderr';
  readonly text: string;
}

/** A child process whose output is kept by the line and which never outlives the test process. */
export class TestProcess implements AsyncDisposable {
  readonly pid: number;
  /** Everything it has said so far. */
  readonly lines: readonly OutputLine[];
  /** When it has ended and all its output has been read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #command: string;
  readonly #onLine = new Set<(line: OutputLine) => void>();
  #exit: Exit | null = null;

  constructor(child: ChildProcessByStdio<null, Readable, Readable>, command: string) {
    if (child.pid === undefined) throw new Error(`${command} could not be started.`);
    const lines: OutputLine[] = [];
    this.pid = child.pid;
    this.lines = lines;
    this.#child = child;
    this.#command = command;
    for (const from of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[from], crlfDelay: Number.POSITIVE_INFINITY }).on('line', (text) => {
        const line = { from, text };
        lines.push(line);
        for (const listener of this.#onLine) listener(line);
      });
    }
    this.exited = once(child, 'close').then(([code, signal]) => {
      const exit: Exit = { code, signal };
      this.#exit = exit;
      return exit;
    });
  }

  get stdout(): string[] {
    return this.lines.filter((line) => line.from === 'stdout').map((line) => line.text);
  }

  get stderr(): string[] {
    return this.lines.filter((line) => line.from === 'stderr').map((line) => line.text);
  }

  /** The first line that matches, said already or still to come. Fails at once when the process ends without it. */
  async waitForLine(pattern: RegExp, deadlineMs = 60_000): Promise<string> {
    const said = this.lines.find((line) => pattern.test(line.text));
    if (said !== undefined) return said.text;
    const what = `a line like ${pattern} from ${this.#command}`;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const listener = (line: OutputLine): void => {
      if (pattern.test(line.text)) resolve(line.text);
    };
    this.#onLine.add(listener);
    void this.exited.then((exit) => reject(new Error(`${what} never came: it ended with ${describe(exit)}.`)));
    try {
      return await within(promise, { what, deadlineMs });
    } catch (error) {
      throw new Error(`${(error as Error).message}\nIt said:\n${this.transcript()}`);
    } finally {
      this.#onLine.delete(listener);
    }
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#exit === null) this.#child.kill(signal);
  }

  /** A signal, and SIGKILL when it is still there after `graceMs`. How it ended says which it took. */
  async stop(graceMs = 60_000, signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.#exit !== null) return this.#exit;
    this.#child.kill(signal);
    try {
      return await within(this.exited, { what: `${this.#command} to end`, deadlineMs: graceMs });
    } catch {
      this.#child.kill('SIGKILL');
      return await this.exited;
    }
  }

  /** Nobody reads this any more: what is written from now on fails with EPIPE. */
  stopReading(from: 'stdout' | 'stderr'): void {
    this.#child[from].destroy();
  }

  transcript(): string {
    return this.lines.map((line) => `  ${line.from}: ${line.text}`).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function describe(exit: Exit): string {
  return exit.signal === null ? `code ${exit.code}` : exit.signal;
}

/** Starts `node SCRIPT ...args` under the same Node as the tests. */
export function startProcess(args: readonly string[], options: ProcessOptions = {}): TestProcess {
  const script = options.script ?? 'src/main.ts';
  const command = [process.execPath, resolve(root, script), ...args];
  const limits = [
    ...(options.fileMaxBlocks === undefined ? [] : [`ulimit -f ${options.fileMaxBlocks}`]),
    ...(options.openFilesMax === undefined ? [] : [`ulimit -n ${options.openFilesMax}`]),
    ...(options.sockets === undefined ? [] : ['export LISTEN_PID=$$']),
  ];
  const [program = '', ...rest] =
    limits.length === 0 ? command : ['sh', '-c', [...limits, 'exec "$0" "$@"'].join(' && '), ...command];
  const child = spawn(program, rest, {
    cwd: options.cwd ?? root,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      // Half of what a start takes is the compiling of what the last one has compiled. Limits on files would meet the cache's.
      ...(limits.length === 0 && { NODE_COMPILE_CACHE: resolve(root, '.cache/compiled') }),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(options.sockets ?? [])],
  }) as ChildProcessByStdio<null, Readable, Readable>;
  const started = new TestProcess(leash(child), [script, ...args].join(' '));
  if (options.unread !== undefined) started.stopReading(options.unread);
  return started;
}
