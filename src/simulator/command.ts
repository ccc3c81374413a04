/** `weir simulate`: a simulator alone, until it is stopped. */

import { parseApiCommand } from './apis/command.ts';
import { parseCommand, type Running, type Starting } from './flags.ts';

interface Io {
  stdout(line: string): void;
  stderr(line: string): void;
}

/**
 * Runs until SIGTERM, SIGINT or `stop`. Resolves to the exit code: 0 stopped (or `--help`), 1 bad input or a port that
 * cannot be had, told in one line each.
 *
 * @param args what stands behind `weir simulate`
 */
export async function simulate(args: readonly string[], io: Io, stop?: AbortSignal): Promise<number> {
  const { profile, others } = profileIn(args);
  if (profile !== 'coreapp' && profile !== 'cloud' && profile !== 'none') {
    return failed([`--profile: ${JSON.stringify(profile)} is not a profile; give coreapp, cloud or none`], io);
  }
  const command = profile === 'coreapp' ? parseCommand(others) : parseApiCommand(profile, others);
  if (command.kind === 'help') {
    io.stdout(command.text);
    return 0;
  }
  if (command.kind === 'problems') return failed(command.lines, io);
  // Listens before anything is said: whoever reads the first line may send a signal at once.
  using stopping = new Stopping(stop);
  let simulator: Running;
  try {
    simulator = await command.start();
  } catch (error) {
    return failed([listenProblem(error as NodeJS.ErrnoException, command)], io);
  }
  for (const line of simulator.said) io.stdout(line);
  await stopping.asked;
  await simulator.close();
  return 0;
}

/** Which API is meant, and what else was given. */
function profileIn(args: readonly string[]): { readonly profile: string; readonly others: readonly string[] } {
  const at = args.findIndex((arg) => arg === '--profile' || arg.startsWith('--profile='));
  if (at === -1) return { profile: 'coreapp', others: args };
  const [, inOne] = (args[at] as string).split('=');
  const profile = inOne ?? args[at + 1] ?? '';
  return { profile, others: args.toSpliced(at, inOne === undefined ? 2 : 1) };
}

function failed(lines: readonly string[], io: Io): number {
  for (const line of lines) io.stderr(`weir simulate: ${line}`);
  return 1;
}

function listenProblem(
  error: NodeJS.ErrnoException & { port?: number },
  { host, port, other }: Omit<Starting, 'start'>,
): string {
  const flag = error.port === other.port && error.port !== port ? other.flag : '--port';
  switch (error.code) {
    case 'EADDRINUSE':
      return `${flag}: ${error.port} on ${host} is taken; give another, or 0 for a free one`;
    case 'EACCES':
      return `${flag}: ${error.port} is not allowed to this user; give one above 1023, or 0 for a free one`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `--host: ${JSON.stringify(host)} is no address of this machine; give one, such as 127.0.0.1 or 0.0.0.0`;
    default:
      return error.message;
  }
}

/** Waits for SIGTERM, SIGINT or an abort; leaves no listener behind. */
class Stopping {
  readonly asked: Promise<void>;
  readonly #ask: () => void;
  readonly #stop: AbortSignal | undefined;

  constructor(stop: AbortSignal | undefined) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    this.#ask = () => resolve();
    this.#stop = stop;
    process.on('SIGTERM', this.#ask).on('SIGINT', this.#ask);
    stop?.addEventListener('abort', this.#ask);
    if (stop?.aborted) this.#ask();
  }

  [Symbol.dispose](): void {
    process.off('SIGTERM', this.#ask).off('SIGINT', this.#ask);
    this.#stop?.removeEventListener('abort', this.#ask);
  }
}
