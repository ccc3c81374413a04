import { execFileSync } from 'node:child_process';
import { delimiter } from 'node:path';

/** As outside of npm's scripts: this machine's npm runs under this machine's Node. */
const path = process.env.PATH?.split(delimiter).filter((folder) => !folder.endsWith('node_modules/.bin'));

/** Runs a program of this machine to its end. Returns what it printed; throws with what it said if it failed. */
export function onMachine(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, {
    env: { ...process.env, PATH: path?.join(delimiter) },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 26,
  });
}
