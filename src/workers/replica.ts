/**
 * A replica of several workers: the process that callers never meet. It has the ops port, the figures of all, the log,
 * and the workers.
 */
import { machineClock } from '../adapters/node/clock.ts';
import { FleetMeter, type FleetReading } from '../adapters/prometheus/fleet-meter.ts';
import { type App, drained } from '../app/app.ts';
import type { Logging } from '../app/logging.ts';
import { openOperations } from '../app/operations.ts';
import { aboutReplica, Stepping } from '../app/own-look.ts';
import { Running } from '../app/running.ts';
import { type AppStart, longestHoldMs, newInstance } from '../app/services.ts';
import { listenProblem, StartError } from '../app/start-error.ts';
import { figuresForms, ownClassesOf } from '../app/traits.ts';
import type { Config } from '../config/config.ts';
import { addedLeftOut, mergedSnapshot } from '../observe/merged.ts';
import { noneLeftOut } from '../observe/ports.ts';
import { Recent } from '../observe/recent.ts';
import type { Readiness, ReloadReport } from '../ops/ports.ts';
import { Fleet } from './fleet.ts';
import type { Report } from './messages.ts';
import { Operating } from './operating.ts';
import { spawnBy } from './processes.ts';
import { type SharedPort, sharedPort, socketOfWorkers } from './sharing.ts';

/** As an `App`, for those who start and stop it. */
export type Replica = Omit<App, 'services' | 'traffic' | 'steer' | 'look' | 'prepare'>;

type ReplicaStart = Omit<AppStart, 'log'> & { readonly logging: Logging };

/** Another process may take the port that was free a moment before. */
const freePortTriesMax = 5;

/** Rejects with a `StartError` where a port can't be listened on, or a worker can't start. Nothing stays open then. */
export async function startReplica(start: ReplicaStart): Promise<Replica> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryToStart(start);
    } catch (error) {
      const isOfPort = error instanceof StartError && error.setting === 'listen.port';
      if (!isOfPort || start.config.listen.port !== 0 || tries === freePortTriesMax) throw error;
    }
  }
}

async function tryToStart(start: ReplicaStart): Promise<Replica> {
  await using opened = new AsyncDisposableStack();
  const { listen } = start.config;
  const shared = await sharedPort(listen).catch((error: unknown) => {
    throw listenProblem('listen', listen, error);
  });
  const parent = new Parent(start, shared);
  const killAll = (): void => parent.fleet.kill();
  process.on('exit', killAll);
  opened.defer(() => void process.off('exit', killAll));
  // Before the workers: nobody comes to a process that can't start.
  const opening = openOperations(start.config.ops, { clock: machineClock, log: start.logging.log }, parent.shown);
  const ops = opened.adopt(await opening, (some) => some.close());
  opened.adopt(new Stepping(machineClock, parent.recent), (some) => some.close());
  await parent.begin();
  const open = opened.move();
  return {
    port: parent.fleet.port,
    opsPort: ops.port,
    running: parent.running,
    meter: parent.meter,
    onReload: (ask) => parent.onReload(ask),
    async apply(next) {
      await parent.apply(at(shared, next));
      ops.configure(next.ops);
    },
    lameDuck: () => parent.lameDuck(),
    async close(graceMs) {
      parent.stopping = true;
      await parent.fleet.close(graceMs);
      await open.disposeAsync();
    },
  };
}

/** With the port that was free, where any will do, or with the socket as workers have it: all listen on the same one. */
function at({ port, sharing }: SharedPort, { listen, ...config }: Config): Config {
  return { ...config, listen: { ...listen, port, ...(sharing === 'handedOver' && { fd: socketOfWorkers }) } };
}

const countedBy = ({ limits, profile }: Config) => ({
  classes: [...Object.keys(limits), ...ownClassesOf(profile)],
  holdMaxMs: longestHoldMs(limits),
});

class Parent {
  readonly fleet: Fleet;
  readonly meter: FleetMeter;
  readonly running: Running;
  readonly recent: Recent;
  readonly #operating: Operating;
  stopping = false;
  readonly #start: ReplicaStart;
  /** In force. */
  #ops: Config['ops'];
  #begun = false;
  /** Of workers that are gone. */
  #leftOut = noneLeftOut;
  #reload: () => Promise<ReloadReport> | null = () => null;

  constructor(start: ReplicaStart, shared: SharedPort) {
    const { config, coreappUrl, version, hash, logging } = start;
    const { log, terminal } = logging;
    this.#start = start;
    this.#ops = config.ops;
    this.running = new Running(machineClock, hash);
    this.meter = new FleetMeter({
      version,
      ...countedBy(config),
      form: figuresForms[config.profile],
      figuresMaxAgeMs: () => this.#ops.figuresMaxAgeMs,
      now: () => machineClock.now(),
      read: () => this.#read(),
    });
    const place = { sharing: shared.sharing, instance: newInstance() };
    this.fleet = new Fleet(
      { config: at(shared, config), coreappUrl, version, hash, place, terminal },
      {
        spawn: spawnBy(config.workers, shared, (lines) => log.pass(lines)),
        clock: machineClock,
        log,
        figures: (format) => this.meter.figures(format),
        keep: (report) => this.#keep(report),
        welcome: (member) => void this.#operating.welcome(member),
      },
    );
    this.recent = new Recent(() => this.meter.totals(this.fleet.latest.map(({ counted }) => counted)));
    this.#operating = new Operating({
      about: aboutReplica(place.instance, version, machineClock),
      workers: () => this.fleet.whoServe,
      recent: () => this.recent.figures(),
      refresh: () => this.fleet.reports(),
    });
  }

  async begin(): Promise<void> {
    await this.fleet.begin();
    this.#begun = true;
  }

  async apply(config: Config): Promise<void> {
    await this.fleet.apply(config);
    const { classes, holdMaxMs } = countedBy(config);
    this.meter.know(classes, holdMaxMs);
    this.#ops = config.ops;
  }

  onReload(reload: () => Promise<ReloadReport>): void {
    this.#reload = reload;
  }

  lameDuck(): void {
    this.stopping = true;
    this.fleet.lameDuck();
  }

  /** What the ops port shows. */
  get shown(): Parameters<typeof openOperations>[2] {
    return {
      ready: () => this.#readiness(),
      read: async () => (await this.#read()).snapshot,
      metrics: (accept) => this.meter.scrape(accept),
      reload: () => this.#reload(),
      look: this.#operating,
      steer: this.#operating,
    };
  }

  async #read(): Promise<FleetReading> {
    const reports = await this.fleet.reports();
    const ofParent = {
      config: this.running.snapshot(),
      ready: this.#readiness().ready,
      stopping: this.stopping,
      workers: this.fleet.snapshot(),
    };
    const snapshots = reports.map(({ snapshot }) => snapshot);
    const merged = mergedSnapshot(snapshots, ofParent);
    const leftOut = addedLeftOut([merged.log.leftOut, this.#leftOut, this.#start.logging.log.leftOut()]);
    return { counted: reports.map(({ counted }) => counted), snapshot: { ...merged, log: { leftOut } } };
  }

  #keep({ counted, snapshot }: Report): void {
    void this.meter.keep(counted);
    this.#leftOut = addedLeftOut([this.#leftOut, snapshot.log.leftOut]);
  }

  /** As long as one worker serves, callers are served. An operator has the whole replica drained. */
  #readiness(): Readiness {
    if (this.stopping) return { ready: false, why: 'stopping' };
    if (!this.#begun) return { ready: false, why: 'starting' };
    if (this.fleet.whoServe.some(({ report }) => report?.drained)) return drained;
    return this.fleet.serving > 0 ? { ready: true, why: null } : { ready: false, why: 'no worker serves' };
  }
}
