import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { leash } from './leash.ts';
import type { Exit } from './processes.ts';
import { within } from './until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A few lines of TypeScript in a process of their own, with its pipes in the test's hands. */
export class Script implements AsyncDisposable {
  readonly process: ChildProcessWithoutNullStreams;
  readonly exited: Promise<Exit>;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.process = child;
    this.exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  /** All of its stdout, once it has ended. */
  output(): Promise<string> {
    return within(text(this.process.stdout), { what: 'the end of the script’s output' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}

/** Runs a module's text as if it were a file in the repository's root. */
export function startScript(module: string): Script {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', module], {
    cwd: root,
    env: { PATH: process.env.PATH },
    stdio: 'pipe',
  });
  return new Script(leash(child));
}
