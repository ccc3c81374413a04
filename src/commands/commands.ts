/** The commands by their names. Each is loaded when it is asked for: loading all of them takes longer than most of them run. */
import { readFileSync } from 'node:fs';
import { createTerminal } from '../adapters/node/terminal.ts';
import { helpAsked } from './options.ts';
import type { PasswordIo } from './passwords.ts';
import { version } from './version.ts';

const io: PasswordIo = {
  out: (line) => void heard('stdout').write(`${line}\n`),
  err: (line) => void heard('stderr').write(`${line}\n`),
  readFile: (path) => readFileSync(path, 'utf8'),
  get terminal() {
    return createTerminal(process.stdin, heard('stderr'));
  },
};

/**
 * A reader that has gone (`EPIPE`) is told nothing more; without a listener, that error would end the process. The
 * listener is added when a stream is first used: only then Node sets up the pipe, and the log writes to the same one.
 */
function heard(name: 'stdout' | 'stderr'): NodeJS.WriteStream {
  const stream = process[name];
  return stream.listenerCount('error', ignoreError) === 0 ? stream.on('error', ignoreError) : stream;
}

function ignoreError(): void {}

/** Resolves to the exit code. */
export async function run(given: readonly string[]): Promise<number> {
  // It has flags and a help of its own, for each API.
  if (given[0] === 'simulate') return await simulator(given.slice(1).map((arg) => (arg === '-h' ? '--help' : arg)));
  const asked = helpAsked(given);
  if (asked !== null) return await help(asked);
  const [command, ...args] = given;
  switch (command) {
    case 'serve':
      return await (await import('./serve.ts')).serve(args, process.env, io);
    case 'reload':
      return await (await import('./reload.ts')).reload(args, process.env, io);
    case 'status':
      return await (await import('./status.ts')).status(args, process.env, io);
    case 'top':
      return await (await import('./top.ts')).top(args, process.env, io);
    case 'pause':
    case 'resume':
    case 'limit':
    case 'drain':
      return await (await import('./steer.ts')).steer(command, args, process.env, io);
    case 'check':
      return await (await import('./check.ts')).check(args, process.env, io);
    case 'explain':
      return (await import('./explain.ts')).explain(args, process.env, io);
    case 'profile':
      return (await import('./profile.ts')).profile(args, io);
    case 'users':
      return await (await import('./users.ts')).users(args, process.env, io);
    case 'tokens':
      return await (await import('./tokens.ts')).tokens(args, process.env, io);
    case '--version':
    case '-v':
      io.out(version);
      return 0;
    case undefined:
      io.err((await import('./help.ts')).overview());
      return 1;
    default:
      return unknown(command);
  }
}

async function simulator(args: readonly string[]): Promise<number> {
  const { simulate } = await import('../simulator/command.ts');
  return await simulate(args, { stdout: io.out, stderr: io.err });
}

async function help(words: readonly string[]): Promise<number> {
  const [command] = words;
  const { helpFor, overview } = await import('./help.ts');
  if (command === undefined) {
    io.out(overview());
    return 0;
  }
  if (command === 'simulate') return await simulator(['--help']);
  const text = helpFor(words);
  if (text === null) return unknown(command);
  io.out(text);
  return 0;
}

function unknown(command: string): number {
  io.err(
    `weir: unknown command ${JSON.stringify(command)}; give serve, reload, status, top, pause, resume, limit, drain, check, explain, profile, simulate, users, tokens, --help or --version`,
  );
  return 1;
}
