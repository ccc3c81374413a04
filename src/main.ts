/** The command line. */
import { readFileSync } from 'node:fs';
import { check } from './commands/check.ts';
import type { CommandIo } from './commands/options.ts';
import { serve } from './commands/serve.ts';
import { version } from './commands/version.ts';
import { simulate } from './simulator/command.ts';

const help = `Weir: an authenticating, rate-limiting reverse proxy for the WhatsApp Business API.

Usage:
  weir serve [--config FILE]   serve (default file: config/weir.yaml; WEIR_CONFIG names another)
  weir check [--config FILE]   say what is wrong with a configuration, all of it, and exit 1; or exit 0
  weir simulate [OPTIONS]      run the Coreapp simulator alone (weir simulate --help)
  weir --help | --version`;

const io: CommandIo = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  readFile: (path) => readFileSync(path, 'utf8'),
};

async function run([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case 'serve':
      return await serve(args, process.env, io);
    case 'check':
      return await check(args, process.env, io);
    case 'simulate':
      return await simulate(args, { stdout: io.out, stderr: io.err });
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
      io.err(`weir: unknown command ${JSON.stringify(command)}; give serve, check, simulate, --help or --version`);
      return 1;
  }
}

process.exitCode = await run(process.argv.slice(2));
// A timer or a connection that somebody forgot must not keep a stopped process alive.
process.exit();
