/**
 * What lives as long as the process, whatever happens to the configuration: connections, waiting requests, caches and
 * counts. What follows from one configuration is a generation.
 *
 * Services are opened by the settings of the start. A reload configures those in place that can be (`App.apply`). The
 * others keep the settings of the start until the process ends: hosts, ports, TLS, URLs, the store (`restart.ts`).
 *
 * `admit` is in the first group. A reload keeps its lines with those who wait in them, the permits with what the
 * limiters have learned, the pauses, and what was spent of the buckets.
 */
import { randomBytes } from 'node:crypto';
import { machineClock } from '../adapters/node/clock.ts';
import { openFiles } from '../adapters/node/descriptors.ts';
import { createPasswords, type PasswordsOptions, passwordsDefaults } from '../adapters/node/passwords.ts';
import { nodeSecrets } from '../adapters/node/secrets.ts';
import { PrometheusMeter } from '../adapters/prometheus/meter.ts';
import { Admit, type AdmitSettings } from '../admission/admit.ts';
import { concurrencyBounds } from '../admission/concurrency/in-flight-budget.ts';
import { createCosts } from '../admission/rate/costs.ts';
import { ownBounds } from '../bodies/own-bounds.ts';
import type { Config } from '../config/config.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { Log } from '../observe/ports.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import { boundTunnels, tunnelPlaces } from '../upstream/tunnel.ts';
import { OpenRequests, type OpenRequestsBounds } from '../wire/open-requests.ts';
import { OwnTurns } from '../wire/own-turns.ts';
import { openBodies } from './bodies.ts';
import { Credentials } from './credentials.ts';
import { fitOpenFiles } from './open-files.ts';
import type { WorkerPlace } from './place.ts';
import { Sending } from './sending.ts';
import { openStores, type Stores } from './stores.ts';
import { TokenKinds } from './tokens.ts';
import { openTracing } from './tracing.ts';
import { figuresForms, ownClassesOf } from './traits.ts';
import { Upstreams } from './upstreams.ts';

export type Services = Awaited<ReturnType<typeof openServices>>;

/** What a process serves by, and how it is told of. */
export interface AppStart {
  readonly config: Config;
  /** Where the Coreapp is, or its simulator. */
  readonly coreappUrl: string;
  /** Weir's own. */
  readonly version: string;
  readonly log: Log;
  /** Of the configuration. */
  readonly hash: string;
}

interface Start extends Omit<AppStart, 'hash'> {
  /** Null: this process is the whole replica. */
  readonly place: WorkerPlace | null;
  /** The state of the ports, and which configuration is in force. */
  readonly ports: () => Pick<Snapshot, 'config' | 'connections' | 'ready' | 'stopping'>;
}

const clock = machineClock;
const secrets = nodeSecrets;

/** @param opened closes what was opened, also where not all of it could be */
export async function openServices(start: Start, opened: AsyncDisposableStack) {
  const { config, log, place } = start;
  const parts = await openParts(start, opened);
  const { meter, bodies, stores, upstreams, credentials, admit, tokens, places, shown } = parts;
  return {
    ...parts,
    /** All of these go by another configuration, as far as they can (`restart.ts`). */
    configure(next: Config): void {
      shown.figuresMaxAgeMs = next.ops.figuresMaxAgeMs;
      shown.limits = next.limits;
      meter.know(Object.keys(next.limits), longestHoldMs(next.limits));
      places.configure(next);
      bodies.configure(next);
      stores.configure(next);
      tokens.configure(next);
      upstreams.configure(next);
      credentials.configure(next.coreapp);
      admit.configure(admitSettings(next));
    },
    /** Other limits for the same classes, at once: an operator's. */
    limit(next: Config): void {
      shown.limits = next.limits;
      admit.configure(admitSettings(next));
    },
    /** As the profile shows them to its callers. */
    figures: place?.figures ?? ((format: 'json' | 'prometheus') => meter.figures(format)),
    /** How old may be what is shown. */
    figuresMaxAgeMs: () => shown.figuresMaxAgeMs,
    /** With what an operator has ordered. */
    limits: () => shown.limits,
    clock,
    log,
    secrets,
    passwords: createPasswords(passwordsFor(config.workers), clock),
    /** By the configuration in force. */
    sending: new Sending(),
    ownTurns: new OwnTurns(setImmediate),
    ownBodies: ownBounds(clock),
  };
}

async function openParts({ config, coreappUrl, version, log, place, ports }: Start, opened: AsyncDisposableStack) {
  const snapshot = (): Snapshot => ({
    ...admit.snapshot(),
    ...bodies.snapshot(),
    store: stores.state(),
    log: { leftOut: log.leftOut() },
    ...ports(),
  });
  const shown = { figuresMaxAgeMs: config.ops.figuresMaxAgeMs, limits: config.limits };
  const meter = openMeter(config, version, () => shown.figuresMaxAgeMs, snapshot);
  const bodies = opened.adopt(await openBodies(config, clock, log), (some) => some.close());
  const stores = opened.adopt(openStores(config, clock, meter, log), (some) => some.close());
  const upstreams = opened.adopt(new Upstreams(config, coreappUrl, log), (some) => some.close());
  const credentials = opened.adopt(new Credentials(config.coreapp, log), (some) => some.close());
  const admit = createAdmit(config, stores, meter);
  stores.onPause(admit);
  /** Tells this replica from others. */
  const instance = place?.instance ?? newInstance();
  // To a collector each process is an instance of the service.
  const ofProcess = place === null ? instance : newInstance();
  const tracing = opened.adopt(
    await openTracing(config.otel, { clock, log, meter, version, instance: ofProcess }),
    (some) => some.close(),
  );
  const places = openPlaces(config, log);
  const tokens = new TokenKinds(config, { stores, secrets, clock, meter, log });
  return { snapshot, shown, meter, bodies, stores, upstreams, credentials, admit, instance, tracing, tokens, places };
}

/** How many connections, requests and tunnels there may be: what the limit of open files leaves. */
function openPlaces(config: Config, log: Log) {
  const inUse = openFiles();
  let fitting = fitOpenFiles(config, inUse, log);
  const openRequests = new OpenRequests(requestBounds(config, fitting.connectionsMax));
  const tunnels = tunnelPlaces(config.http.tunnelsMax);
  return {
    configure(next: Config): void {
      fitting = fitOpenFiles(next, inUse, log);
      openRequests.configure(requestBounds(next, fitting.connectionsMax));
      boundTunnels(tunnels, next.http.tunnelsMax);
    },
    get connectionsMax(): number {
      return fitting.connectionsMax;
    },
    opsConnectionsMax: fitting.opsConnectionsMax,
    openRequests,
    tunnels,
  };
}

/** Workers share the cores. */
function passwordsFor(workers: number): PasswordsOptions {
  const { turnsMax } = passwordsDefaults;
  return { ...passwordsDefaults, turnsMax: Math.max(1, Math.floor(turnsMax / workers)) };
}

export const newInstance = (): string => randomBytes(4).toString('hex');

function openMeter(
  { profile, limits }: Config,
  version: string,
  figuresMaxAgeMs: () => number,
  snapshot: () => Snapshot,
): PrometheusMeter {
  return new PrometheusMeter({
    version,
    classes: Object.keys(limits),
    ownClasses: ownClassesOf(profile),
    form: figuresForms[profile],
    snapshot,
    figuresMaxAgeMs,
    now: () => clock.now(),
    wallMs: () => clock.wallMs(),
    holdMaxMs: longestHoldMs(limits),
  });
}

function requestBounds({ http }: Config, max: number): OpenRequestsBounds {
  return { max, perAddressMax: http.connectionsPerAddressMax };
}

export function longestHoldMs(limits: Config['limits']): number {
  return Math.max(0, ...Object.values(limits).map(({ holdMaxMs }) => holdMaxMs));
}

/** The classes whose requests are never held. */
export function notHeldBy(limits: Config['limits']): readonly EndpointClass[] {
  return Object.entries(limits).flatMap(([name, { hold }]) => (hold ? [] : [name]));
}

function createAdmit(config: Config, { buckets, tellPause }: Stores, meter: PrometheusMeter): Admit {
  return new Admit({
    clock,
    buckets,
    meter,
    random: Math.random,
    digest: (text) => secrets.digest(text),
    tellPause,
    ...admitSettings(config),
  });
}

/** What admission does by a configuration. */
function admitSettings({ limits, line, coreapp }: Config): AdmitSettings {
  const { permitsMin, permitsMax, pauseMaxMs, caseSensitivePaths } = coreapp;
  return {
    limits,
    bestUrgency: line.bestUrgency,
    costOf: createCosts(line.costs, caseSensitivePaths),
    pauseMaxMs,
    concurrency: concurrencyBounds(permitsMin, permitsMax),
    caseSensitivePaths,
  };
}
