/**
 * What lives as long as the process, whatever happens to the configuration: connections, waiting requests, caches and
 * counts. What follows from one configuration is a generation.
 *
 * Services are opened by the settings of the start, and keep these until the process ends. Most are of one kind with
 * the socket that they belong to: hosts, ports, TLS, URLs, pools, the store, the bounds of what is counted.
 *
 * `admit` is different: the limits of a configuration hang on it. A reload keeps its lines with those who wait in them,
 * the leases with their slots, the permits with what the limiters have learned, and the pauses. A reload has to replace
 * each class's limits (rate, burst, scope, hold time, bounds), the costs, `line.bestUrgency`, `coreapp.permits…` and
 * `coreapp.pauseMaxMs`. From then on a lease takes its slots by the new quota.
 *
 * Three more things follow from the configuration of the start, and a reload has to know of them:
 *
 * - Whether there are files for large bodies: from `bodyMaxBytes` and `bodies.memoryMaxBytes` (`bodies.ts`).
 * - The size of the connection pool: from `coreapp.permitsMax` and the number of classes that are not held.
 * - Whether paths differ that differ in case only (`coreapp.caseSensitivePaths`): `admit` and its costs are made for
 *   one of the two, and a generation's routes have to be made for the same.
 */
import { randomBytes } from 'node:crypto';
import { createTunnels, type HttpProxyTunnels } from '../adapters/http-proxy/tunnels.ts';
import { machineClock } from '../adapters/node/clock.ts';
import { createPasswords, passwordsDefaults } from '../adapters/node/passwords.ts';
import { nodeSecrets } from '../adapters/node/secrets.ts';
import { createMeter, type PrometheusMeter } from '../adapters/prometheus/meter.ts';
import { Admit } from '../admission/admit.ts';
import { concurrencyBounds, reserved } from '../admission/concurrency/in-flight-budget.ts';
import { createCosts } from '../admission/rate/costs.ts';
import { BearerTokens } from '../auth/bearer-tokens.ts';
import { ownBounds } from '../bodies/own-bounds.ts';
import type { Config } from '../config/config.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { Log } from '../observe/ports.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import { Reachability } from '../upstream/reachability.ts';
import { tunnelPlaces } from '../upstream/tunnel.ts';
import { connectCoreapp } from '../wire/client/coreapp.ts';
import { OpenRequests } from '../wire/open-requests.ts';
import { OwnTurns } from '../wire/own-turns.ts';
import { openBodies } from './bodies.ts';
import { Credentials } from './credentials.ts';
import { openJwtAuth } from './jwt.ts';
import { fitOpenFiles } from './open-files.ts';
import { openStores, type Stores } from './stores.ts';
import { figuresForms, ownClassesOf } from './traits.ts';

export type Services = Awaited<ReturnType<typeof openServices>>;

export interface Start {
  readonly config: Config;
  /** Where the Coreapp is, or its simulator. */
  readonly coreappUrl: string;
  /** Weir's own. */
  readonly version: string;
  readonly log: Log;
  /** The state of the ports, and which configuration is in force. */
  readonly ports: () => Pick<Snapshot, 'config' | 'connections' | 'ready' | 'stopping'>;
}

const clock = machineClock;
const secrets = nodeSecrets;

/** @param opened closes what was opened, also where not all of it could be */
export async function openServices({ config, coreappUrl, version, log, ports }: Start, opened: AsyncDisposableStack) {
  const { figuresMaxAgeMs } = config.ops;
  const snapshot = (): Snapshot => ({
    ...admit.snapshot(),
    ...bodies.snapshot(),
    store: stores.state(),
    ...ports(),
  });
  const classes = Object.keys(config.limits);
  const meter = createMeter({
    version,
    classes,
    ownClasses: ownClassesOf(config.profile),
    form: figuresForms[config.profile],
    snapshot,
    figuresMaxAgeMs,
    now: () => clock.now(),
  });
  const bodies = opened.adopt(await openBodies(config, clock, log), (some) => some.close());
  const stores = opened.adopt(openStores(config, clock, meter, log), (some) => some.close());
  const { host, tls, connectTimeoutMs, answerTimeoutMs, connectionMaxAgeMs, permitsMax } = config.coreapp;
  const towards = { url: coreappUrl, host, tls, connectTimeoutMs, answerTimeoutMs };
  const connectionsMax = permitsMax + reserved * notHeldBy(config.limits).length;
  const connect = (url: string, said: string | null) =>
    opened.adopt(connectCoreapp({ ...towards, url, host: said, connectionMaxAgeMs, connectionsMax }), (some) =>
      some.close(),
    );
  const coreapp = connect(coreappUrl, host);
  const others = Object.entries(config.coreapp.urls).map(([name, url]) => {
    return [name, { coreapp: connect(url, null), reachability: new Reachability(url, log) }] as const;
  });
  const credentials = opened.adopt(
    new Credentials(config.coreapp.credentials, config.coreapp.caseSensitivePaths),
    (some) => some.close(),
  );
  credentials.watch(config.coreapp.credentials, log);
  const admit = createAdmit(config, stores, meter);
  stores.onPause(admit);
  const fitting = fitOpenFiles(config, log);
  const jwt = openJwtAuth(config, { stores, secrets, clock, meter, log });
  const own = { tokens: stores.tokens, end: (text: string) => stores.accounts.dropToken(secrets.digest(text)) };
  return {
    /** Tells this process from others. */
    instance: randomBytes(4).toString('hex'),
    clock,
    log,
    meter,
    snapshot,
    secrets,
    passwords: createPasswords(passwordsDefaults, clock),
    bodies,
    stores,
    tokens: [own, ...(jwt === null ? [] : [jwt])].map(
      (kind) => new BearerTokens({ ...kind, guard: stores.guard, secrets }),
    ),
    coreappUrl,
    coreapp,
    /** Of classes that have an upstream of their own; null: no class has. */
    others: others.length === 0 ? null : new Map(others),
    credentials,
    reachability: new Reachability(coreappUrl, log),
    admit,
    tunnels: new TunnelsByClass(createTunnels(towards), config.coreapp.urls, (url) =>
      createTunnels({ ...towards, url, host: null }),
    ),
    tunnelPlaces: tunnelPlaces(config.http.tunnelsMax),
    /** What the limit of open files leaves. */
    connectionsMax: fitting.connectionsMax,
    opsConnectionsMax: fitting.opsConnectionsMax,
    openRequests: new OpenRequests({
      max: fitting.connectionsMax,
      perAddressMax: config.http.connectionsPerAddressMax,
    }),
    ownTurns: new OwnTurns(setImmediate),
    ownBodies: ownBounds(clock),
  };
}

/** The classes whose requests are never held. */
export function notHeldBy(limits: Config['limits']): readonly EndpointClass[] {
  return Object.entries(limits).flatMap(([name, { hold }]) => (hold ? [] : [name]));
}

function createAdmit({ limits, line, coreapp }: Config, { buckets, tellPause }: Stores, meter: PrometheusMeter): Admit {
  const { permitsMin, permitsMax, pauseMaxMs, caseSensitivePaths } = coreapp;
  return new Admit({
    clock,
    buckets,
    meter,
    limits,
    bestUrgency: line.bestUrgency,
    costOf: createCosts(line.costs, caseSensitivePaths),
    pauseMaxMs,
    concurrency: concurrencyBounds(permitsMin, permitsMax),
    random: Math.random,
    digest: (text) => secrets.digest(text),
    caseSensitivePaths,
    tellPause,
  });
}

/** Tunnels to the upstream of each class. */
class TunnelsByClass {
  readonly #usual: HttpProxyTunnels;
  readonly #others: ReadonlyMap<EndpointClass, HttpProxyTunnels>;

  constructor(
    usual: HttpProxyTunnels,
    urls: Readonly<Record<EndpointClass, string>>,
    open: (url: string) => HttpProxyTunnels,
  ) {
    this.#usual = usual;
    this.#others = new Map(Object.entries(urls).map(([name, url]) => [name, open(url)]));
  }

  readonly of = (name: EndpointClass): HttpProxyTunnels => this.#others.get(name) ?? this.#usual;

  close(): void {
    for (const tunnels of [this.#usual, ...this.#others.values()]) tunnels.close();
  }
}
