/** `weir serve`: reads the configuration, starts the app, and on SIGTERM drains and closes it. */

import type { AdjustableLog } from '../adapters/log/log.ts';
import { machineClock } from '../adapters/node/clock.ts';
import { type HandedOver, SocketProblem, socketsHandedOver } from '../adapters/systemd/sockets.ts';
import { type App, startApp } from '../app/app.ts';
import { Logging } from '../app/logging.ts';
import { Reload } from '../app/reload.ts';
import { StartError } from '../app/start-error.ts';
import type { Config } from '../config/config.ts';
import { type Environment, variables } from '../config/environment.ts';
import type { ProfileName } from '../config/schema.ts';
import { startBundled } from '../simulator/apis/command.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { type Replica, startReplica } from '../workers/replica.ts';

import { welcome } from './banner.ts';
import { configuredWith, sourcesOf } from './configured.ts';
import { bugExitCode, LastResort } from './last-resort.ts';
import { type CommandIo, columns, configAndProfile, type Grammar, givenTo } from './options.ts';
import { managerOf, type ServiceManager } from './service-manager.ts';
import { Signals, type Stopping } from './signals.ts';
import { version } from './version.ts';

/** A week. */
const demoTokenMs = 604_800_000;

export const serveGrammar: Grammar = {
  command: 'serve',
  about: `Serve, until SIGTERM or Ctrl-C. Without any setting a bundled simulator is the upstream.

These environment variables go before the file:
${columns([...variables].map(([name, text]) => [name, text.split(/[.;] |\.$/)[0] as string])).join('\n')}

With OTEL_EXPORTER_OTLP_ENDPOINT spans of traces are sent to a collector (docs/how-to/trace-requests.md).`,
  ...configAndProfile,
};

/** Resolves to the exit code once the process has been told to stop, or could not start. */
export async function serve(args: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  const given = givenTo(serveGrammar, args, io);
  if (given === null) return 1;
  const loaded = configuredWith(given, env, io);
  if (loaded === null) return 1;
  const sockets = orTold(io, () => socketsHandedOver(env, process.pid));
  if (sockets === null) return 1;
  const logging = orTold(io, () => new Logging(loaded.config.log, version, machineClock));
  if (logging === null) return 1;
  const { log } = logging;
  const signals = new Signals(log, logging);
  const lastResort = new LastResort(log);
  try {
    const manager = managerOf(env, log);
    const code = await run(loaded, sourcesOf(given.options, env), {
      sockets,
      manager,
      logging,
      signals,
      lastResort,
      io,
    });
    await manager.close();
    await log.flush();
    return code;
  } catch (error) {
    log.error('a bug: what starts and stops threw', { error });
    io.err(`weir serve: a bug: ${error instanceof Error ? error.stack : String(error)}`);
    await log.flush();
    return bugExitCode;
  }
}

/** Null: why that can't be had was told, such as a log file that can't be written to. */
function orTold<T>(io: CommandIo, make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof StartError || error instanceof SocketProblem)) throw error;
    io.err(`weir serve: ${error.message}`);
    return null;
  }
}

type Loaded = NonNullable<ReturnType<typeof configuredWith>>;

async function run(
  { config: given, notes, file, hash }: Loaded,
  sources: ReturnType<typeof sourcesOf>,
  parts: ServeParts,
): Promise<number> {
  const { sockets, manager, logging, signals, lastResort, io } = parts;
  const { log } = logging;
  const simulator = given.coreapp.url === null ? await startBundledFor(given.profile) : null;
  const adapt = (read: Config): Config =>
    withSockets(simulator === null ? read : towardsSimulator(read, simulator), sockets);
  const config = adapt(given);
  let app: App | Replica;
  try {
    const coreappUrl = config.coreapp.url ?? (simulator as Bundled).url;
    const start = { config, coreappUrl, version, hash };
    app = config.workers === 1 ? await startApp({ ...start, log }) : await startReplica({ ...start, logging });
  } catch (error) {
    await simulator?.close();
    if (!(error instanceof StartError)) throw error;
    io.err(`weir serve: ${error.message}`);
    return 1;
  }
  for (const note of notes) log.warn(note);
  const token = simulator === null || config.profile === 'coreapp' ? null : await demoToken(config, app);
  for (const line of welcome(config, file, app, simulator, token)) io.err(line);
  const { port, opsPort } = app;
  const workers = config.workers === 1 ? {} : { workers: config.workers };
  log.info('serving', { port, opsPort, version, config: hash, ...workers });
  const reloads = keepReloaded(app, { config, notes, adapt, sources }, parts);
  manager.ready(port, { host: config.ops.host, port: opsPort });

  const signal = signals.next();
  const why = await Promise.race([signal, lastResort.struck]);
  void endAtOnce(why, signal, signals, log);
  reloads.close();
  manager.stopping();
  await stop(app, reloads.config, why, log);
  await simulator?.close();
  log.info('stopped');
  return lastResort.hasStruck ? bugExitCode : 0;
}

/** They take the place of hosts and ports. */
function withSockets(config: Config, { main, ops }: HandedOver): Config {
  return {
    ...config,
    listen: { ...config.listen, ...(main !== null && { fd: main }) },
    ops: { ...config.ops, ...(ops !== null && { fd: ops }) },
  };
}

/** What `weir serve` has to do with the process that it is. */
interface ServeParts {
  /** Ports that the service manager has opened. */
  readonly sockets: HandedOver;
  readonly manager: ServiceManager;
  readonly logging: Logging;
  readonly signals: Signals;
  readonly lastResort: LastResort;
  readonly io: CommandIo;
}

interface Origin {
  readonly config: Config;
  readonly notes: readonly string[];
  readonly adapt: (read: Config) => Config;
  readonly sources: ReturnType<typeof sourcesOf>;
}

/** The configuration is read again at SIGHUP, when a file has changed, and when `weir reload` asks for it. */
function keepReloaded(app: App | Replica, origin: Origin, { manager, logging, signals }: ServeParts): Reload {
  const { running, meter } = app;
  const { log } = logging;
  const apply = async (config: Config): Promise<void> => {
    const change = logging.prepare(config.log);
    try {
      await app.apply(config);
    } catch (error) {
      change.discard();
      throw error;
    }
    change.commit();
  };
  const reloads = new Reload({ ...origin, running, apply, manager, clock: machineClock, meter, log });
  app.onReload(() => reloads.reload('command'));
  signals.onReload(() => void reloads.reload('SIGHUP'));
  reloads.watch();
  return reloads;
}

/** Stands in for the upstream, to try Weir out. */
interface Bundled extends Pick<Simulator, 'url' | 'close'> {
  /** Where media are downloaded from, if not from `url`. */
  readonly mediaUrl: string | null;
}

async function startBundledFor(profile: ProfileName): Promise<Bundled> {
  return profile === 'coreapp' ? { ...(await startSimulator()), mediaUrl: null } : await startBundled(profile);
}

/**
 * The bundled simulator stands for all upstreams of a profile. Simulators of other APIs want a credential, as these
 * APIs do: any will do.
 */
function towardsSimulator(config: Config, { mediaUrl }: Bundled): Config {
  const { profile, coreapp } = config;
  if (profile === 'coreapp') return config;
  const simulated = [{ of: null, file: null, text: 'Bearer simulated' }];
  const credentials = coreapp.credentials.length > 0 ? coreapp.credentials : simulated;
  return { ...config, coreapp: { ...coreapp, urls: mediaUrl === null ? {} : { download: mediaUrl }, credentials } };
}

/** A token to try Weir out with, where there is no login: it ends with this process. Null: tokens are in Redis. */
async function demoToken({ redis }: Config, app: App | Replica): Promise<string | null> {
  if (redis.url !== null || !('services' in app)) return null;
  const { stores, secrets, clock } = app.services;
  await stores.accounts.addUser({ name: 'demo', role: 'ROLE_USER', passwordHash: '', mustChangePassword: false });
  const user = await stores.accounts.findUser('demo');
  const token = secrets.token();
  if (user === undefined) return null;
  await stores.accounts.addToken(secrets.digest(token), user, clock.wallMs() + demoTokenMs);
  return token;
}

async function stop(
  app: App | Replica,
  { stop: { lameDuckMs, graceMs } }: Config,
  why: Stopping | 'bug',
  log: AdjustableLog,
): Promise<void> {
  // Ctrl-C is pressed at a terminal, where no load balancer needs time to notice.
  const lame = why === 'SIGINT' ? 0 : lameDuckMs;
  log.info('stopping', { signal: why === 'bug' ? null : why, lameDuckMs: lame, graceMs });
  app.lameDuck();
  await new Promise<void>((resolve) => void machineClock.after(lame, resolve));
  await app.close(graceMs);
}

/**
 * At the second signal. The first one after a bug does not count: its sender doesn't know that the process stops
 * already.
 */
async function endAtOnce(
  why: Stopping | 'bug',
  first: Promise<Stopping>,
  signals: Signals,
  log: AdjustableLog,
): Promise<never> {
  const signal = await first;
  if (why === 'bug') log.info('stopping already, after a bug', { signal });
  log.warn('stopping at once: a second signal', { signal: await signals.next() });
  await log.flush();
  process.exit(1);
}
