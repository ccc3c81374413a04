/** `weir serve`: reads the configuration, opens the house, and on SIGTERM drains and closes it. */
import { machineClock } from '../adapters/node/clock.ts';
import { createLog } from '../adapters/pino/log.ts';
import type { Config } from '../config/config.ts';
import { type House, openHouse } from '../house/house.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { welcome } from './banner.ts';
import { configuredBy } from './configured.ts';
import type { CommandIo } from './options.ts';
import { version } from './version.ts';

/** Resolves to the exit code once the process has been told to stop, or could not start. */
export async function serve(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  io: CommandIo,
): Promise<number> {
  const loaded = configuredBy('serve', args, env, io);
  if (loaded === null) return 1;
  const { config } = loaded;
  const log = createLog({ level: config.log.level, clock: machineClock });
  const signals = new Signals();
  const simulator = config.coreapp.url === null ? await startSimulator() : null;
  let house: House;
  try {
    house = await openHouse(config, config.coreapp.url ?? (simulator as Simulator).url, version, log);
  } catch (error) {
    await simulator?.close();
    io.err(`weir serve: ${startProblem(error, config)}`);
    return 1;
  }
  for (const note of loaded.notes) log.warn(note);
  for (const line of welcome(config, loaded.file, house, simulator)) io.err(line);
  log.info('serving', { port: house.port, opsPort: house.opsPort, version });

  await stop(house, config, await signals.next(), signals, log);
  await simulator?.close();
  log.info('stopped');
  await log.flush();
  return 0;
}

type Stopping = 'SIGTERM' | 'SIGINT';

async function stop(
  house: House,
  { stop: { lameDuckMs, graceMs } }: Config,
  signal: Stopping,
  signals: Signals,
  log: ReturnType<typeof createLog>,
): Promise<void> {
  // Whoever presses Ctrl-C has no load balancer that needs time to notice.
  const lame = signal === 'SIGTERM' ? lameDuckMs : 0;
  log.info('stopping', { signal, lameDuckMs: lame, graceMs });
  void signals.next().then(async (second) => {
    log.warn('stopping at once: a second signal', { signal: second });
    await log.flush();
    process.exit(1);
  });
  house.lameDuck();
  await new Promise<void>((resolve) => void machineClock.after(lame, resolve));
  await house.close(graceMs);
}

/** npm passes on the SIGINT that the terminal has sent to both of them: what comes twice at once was meant once. */
const echoMs = 500;

/** SIGTERM and SIGINT, in the order in which they come. */
class Signals {
  readonly #came: Stopping[] = [];
  readonly #waiting: ((signal: Stopping) => void)[] = [];

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      let cameAt = Number.NEGATIVE_INFINITY;
      process.on(signal, () => {
        const now = machineClock.now();
        if (now - cameAt < echoMs) return;
        cameAt = now;
        const next = this.#waiting.shift();
        if (next === undefined) this.#came.push(signal);
        else next(signal);
      });
    }
  }

  next(): Promise<Stopping> {
    const came = this.#came.shift();
    return came === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(came);
  }
}

/** Why a port can't be listened on or a folder can't be used, in one line; any other error is a bug and keeps its stack. */
function startProblem(error: unknown, config: Config): string {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  const { host, port } = config.listen;
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') {
    if (error instanceof Error && /^(ops|bodies)\./.test(message)) return message;
    throw error;
  }
  switch (code) {
    case 'EADDRINUSE':
      return `listen.port (PORT): ${port} is taken by another process; stop that one or give another port`;
    case 'EACCES':
      return `listen.port (PORT): ${port} needs privileges that this process lacks; give a port above 1023`;
    default:
      return `listen.host (HOST): ${host} cannot be listened on (${code ?? message}); give an address of this machine`;
  }
}
