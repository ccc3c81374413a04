/** A command of `weir` in this process: its exit code, and what it says. */
import type { CommandIo } from '../../src/commands/options.ts';
import { type Env, type Files, readFrom } from './config.ts';

type Command<Code> = (args: readonly string[], env: Env, io: CommandIo) => Code;

/** @param files a text: every file that is read has it */
export function runCommand<Code>(
  command: Command<Code>,
  args: readonly string[],
  env: Env = {},
  files: Files | string = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  const io: CommandIo = {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    readFile: typeof files === 'string' ? () => files : readFrom(files),
  };
  return { code: command(args, env, io), out, err };
}
