/** The app: services, their first generation, and the ports. What is opened here is closed by `close`. */

import { machineClock } from '../adapters/node/clock.ts';
import type { Config } from '../config/config.ts';
import type { Meter } from '../observe/ports.ts';
import type { Look, Readiness, ReloadReport } from '../ops/ports.ts';
import { type MainServer, startServer } from '../wire/server/server.ts';
import { AdminKeeper } from './admin.ts';
import { Certificates } from './certificates.ts';
import { Control } from './control.ts';
import { tellEdge } from './edge.ts';
import { createGeneration } from './generation.ts';
import { openOperations } from './operations.ts';
import { OwnLook } from './own-look.ts';
import type { WorkerPlace } from './place.ts';
import { Running } from './running.ts';
import { type AppStart, openServices, type Services } from './services.ts';
import { listenProblem } from './start-error.ts';
import { Traffic } from './traffic.ts';
import { refusalForms } from './traits.ts';

/** What serves callers. */
export interface Serving {
  /** The one that is listened on, for when the configuration says 0. */
  readonly port: number;
  readonly services: Services;
  readonly traffic: Traffic;
  readonly steer: Control;
  readonly look: Look;
  /** Which configuration is in force. */
  readonly running: Running;
  /**
   * Gets ready for another configuration: one that differs in what may change while Weir runs (`restart.ts`). What it
   * resolves to has that be in force. Rejects with a `StartError` where that can't be; nothing has changed then.
   */
  prepare(config: Config): Promise<() => void>;
  /** No longer ready: balancers look elsewhere, and requests that come all the same are served. */
  lameDuck(): void;
  /** Takes nothing new, serves what waits for at most `graceMs`, refuses the rest, lets go of everything. */
  close(graceMs: number): Promise<void>;
}

/** A whole replica in one process. */
export interface App extends Serving {
  readonly opsPort: number;
  readonly meter: Pick<Meter, 'reloaded'>;
  /** Tells the ops port what to do where this machine asks for a reload. */
  onReload(reload: () => Promise<ReloadReport>): void;
  /** Has it be in force, as `prepare` does. */
  apply(config: Config): Promise<void>;
}

/** How long refused callers get to take their answer once the grace time is over. */
const lastAnswersMs = 1_000;
const stopping: Readiness = { ready: false, why: 'stopping' };
export const drained: Readiness = { ready: false, why: 'drained by an operator' };
const serving: Readiness = { ready: true, why: null };

/** Rejects with a `StartError` where a port can't be listened on, or large bodies can't be kept. Nothing stays open then. */
export async function startApp(start: AppStart): Promise<App> {
  await using opened = new AsyncDisposableStack();
  const { config } = start;
  const whole = await open(start, null, opened);
  const { state, services, look, steer } = whole;
  const { meter, places } = services;
  // Before the main port: nobody comes to a process that can't start.
  const opening = openOperations({ ...config.ops, connectionsMax: places.opsConnectionsMax }, services, {
    ready: () => state.readiness,
    read: async () => services.snapshot(),
    metrics: (accept) => meter.scrape(accept),
    reload: () => state.reload(),
    look,
    steer,
  });
  const ops = opened.adopt(await opening, (some) => some.close());
  const serving = await serve(config, whole, opened);
  return {
    ...serving,
    opsPort: ops.port,
    meter,
    onReload(ask) {
      state.reload = ask;
    },
    async apply(next) {
      const commit = await serving.prepare(next);
      commit();
      ops.configure(next.ops);
    },
  };
}

/** One of several processes that serve a port as one replica; the ops port is another's. Rejects as `startApp` does. */
export async function startWorkerApp(start: AppStart, place: WorkerPlace): Promise<Serving> {
  await using opened = new AsyncDisposableStack();
  return await serve(start.config, await open(start, place, opened), opened);
}

/** What the ops port tells of the app. */
interface State {
  readiness: Readiness;
  connections: () => number;
  reload: () => Promise<ReloadReport> | null;
}

async function open({ hash, ...start }: AppStart, place: WorkerPlace | null, opened: AsyncDisposableStack) {
  const state: State = { readiness: { ready: false, why: 'starting' }, connections: () => 0, reload: () => null };
  const running = new Running(machineClock, hash);
  const ports = () => ({
    config: running.snapshot(),
    connections: state.connections(),
    ready: state.readiness.ready,
    stopping: state.readiness === stopping,
  });
  const services = await openServices({ ...start, place, ports }, opened);
  const steer = opened.adopt(new Control(start.config, services), (some) => some.close());
  const look = opened.adopt(new OwnLook(start.version, services), (some) => some.close());
  return { place, state, running, services, steer, look };
}

/** Opens the main port. What is open then is closed by `close`. */
async function serve(
  config: Config,
  { place, state, running, services, steer, look }: Awaited<ReturnType<typeof open>>,
  opened: AsyncDisposableStack,
): Promise<Serving> {
  const { clock, log, stores, passwords } = services;
  const traffic = new Traffic(createGeneration(config, services), services.sending);
  const main = await openMain(config, services, traffic, place);
  opened.defer(() => {
    void main.close();
    main.destroy();
  });
  state.connections = () => main.connections;
  await stores.begin();
  traffic.begin();
  // A process without its ports must not touch what it shares with others.
  const admin = new AdminKeeper({ stores, passwords, clock, log }, config.auth.adminPassword);
  if (config.profile === 'coreapp') await admin.begin(place?.admin ?? 'set');
  followDrains(steer, state, main);
  const certificates = opened.adopt(new Certificates(main.secure, clock, log), (some) => some.close());
  certificates.keep(config.listen.tls);
  const parts = { services, traffic, main, admin, certificates, control: steer };
  return {
    port: main.port,
    services,
    traffic,
    steer,
    look,
    running,
    prepare: (next) => prepare(next, parts),
    lameDuck() {
      state.readiness = stopping;
      main.retire();
    },
    close: closing(opened.move(), state, parts),
  };
}

interface Parts {
  readonly services: Services;
  readonly traffic: Traffic;
  readonly main: MainServer;
  readonly admin: AdminKeeper;
  readonly certificates: Certificates;
  readonly control: Control;
}

async function prepare(next: Config, { services, traffic, main, admin, certificates, control }: Parts) {
  await services.bodies.prepare(next);
  // Nothing of this is awaited: no request sees a part of it.
  return (): void => {
    services.configure(control.over(next));
    main.configure(next.http, {
      max: services.places.connectionsMax,
      perAddressMax: next.http.connectionsPerAddressMax,
    });
    certificates.keep(next.listen.tls);
    if (next.profile === 'coreapp') admin.configure(next.auth.adminPassword);
    // The last one, since from here on requests are served by it.
    traffic.generation = createGeneration(next, services);
  };
}

/** Ready from now on, unless an operator has the replica drained: then balancers look elsewhere, as before a stop. */
function followDrains(control: Control, state: State, main: MainServer): void {
  control.onDrain((isDrained) => {
    if (state.readiness === stopping) return;
    state.readiness = isDrained ? drained : serving;
    main.retire(isDrained);
  });
}

/** @param open what was opened */
function closing(open: AsyncDisposableStack, state: State, { services, traffic, main }: Parts): App['close'] {
  return async (graceMs) => {
    state.readiness = stopping;
    const closed = main.close();
    await Promise.race([traffic.idle(), pause(services, graceMs)]);
    services.admit.refuseAll('stopping');
    // Tunnels never end by themselves: they had the lame-duck time, and as long as there was other work.
    services.upstreams.closeTunnels();
    await Promise.race([closed, pause(services, lastAnswersMs)]);
    await open.disposeAsync();
  };
}

async function openMain(
  { listen, http, profile }: Config,
  { places, clock, meter, log }: Services,
  traffic: Traffic,
  place: WorkerPlace | null,
) {
  const options = {
    ...listen,
    ...http,
    reusePort: place?.sharing === 'reusePort',
    connectionsMax: places.connectionsMax,
    trusts: (address: string) => traffic.trusts(address),
    ...refusalForms[profile],
  };
  const events = {
    request: traffic.request.bind(traffic),
    upgrade: traffic.upgrade.bind(traffic),
    ...tellEdge(clock, meter, log),
  };
  return await startServer(options, events).catch((error: unknown) => {
    throw listenProblem('listen', listen, error);
  });
}

function pause({ clock }: Services, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
