/** The commands by their names. */
import { readFileSync } from 'node:fs';
import { createTerminal } from '../adapters/node/terminal.ts';
import { simulate } from '../simulator/command.ts';
import { check } from './check.ts';
import type { PasswordIo } from './passwords.ts';
import { serve } from './serve.ts';
import { tokens } from './tokens.ts';
import { users } from './users.ts';
import { version } from './version.ts';

const help = `Weir: an authenticating, rate-limiting reverse proxy for the WhatsApp Business API.

Usage:
  weir serve [--config FILE]   serve (default file: config/weir.yaml; WEIR_CONFIG names another)
  weir check [--config FILE]   say what is wrong with a configuration, all of it, and exit 1; or exit 0
  weir simulate [OPTIONS]      run the Coreapp simulator alone (weir simulate --help)
  weir --help | --version

On the users and tokens in the configuration's Redis, each with [--config FILE]:
  weir users add NAME          add a user; its password is asked for, or read with --password-file FILE (- is stdin)
  weir users list              name and role of every user, with a tab between
  weir users passwd NAME       change a password as it is given to add, and revoke the user's tokens
  weir users delete NAME       delete a user and revoke its tokens
  weir tokens list [NAME]      short id, user, made and expires of each valid token, with tabs between; never a token
  weir tokens revoke --user NAME
                               revoke a user's tokens; its password stays`;

const io: PasswordIo = {
  out: (line) => void heard('stdout').write(`${line}\n`),
  err: (line) => void heard('stderr').write(`${line}\n`),
  readFile: (path) => readFileSync(path, 'utf8'),
  get terminal() {
    return createTerminal(process.stdin, heard('stderr'));
  },
};

/**
 * A reader that has gone (`EPIPE`) is told nothing more; unheard, that error would end the process. Not before a stream is
 * used: Node sets a pipe up for itself then, and the log writes to the same one.
 */
function heard(name: 'stdout' | 'stderr'): NodeJS.WriteStream {
  const stream = process[name];
  return stream.listenerCount('error', ignoreError) === 0 ? stream.on('error', ignoreError) : stream;
}

function ignoreError(): void {}

/** Resolves to the exit code. */
export async function run([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case 'serve':
      return await serve(args, process.env, io);
    case 'check':
      return await check(args, process.env, io);
    case 'simulate':
      return await simulate(args, { stdout: io.out, stderr: io.err });
    case 'users':
      return await users(args, process.env, io);
    case 'tokens':
      return await tokens(args, process.env, io);
    case '--help':
    case '-h':
      io.out(help);
      return 0;
    case '--version':
      io.out(version);
      return 0;
    case undefined:
      io.err(help);
      return 1;
    default:
      io.err(
        `weir: unknown command ${JSON.stringify(command)}; give serve, check, simulate, users, tokens, --help or --version`,
      );
      return 1;
  }
}
