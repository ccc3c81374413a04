/** The app: every module built and joined to the others. What is opened here is closed by `close`. */
import { randomUUID } from 'node:crypto';
import { createTunnels } from '../adapters/http-proxy/tunnels.ts';
import { machineClock } from '../adapters/node/clock.ts';
import { createPasswords, passwordsDefaults } from '../adapters/node/passwords.ts';
import { nodeSecrets } from '../adapters/node/secrets.ts';
import { type MainServer, startServer } from '../adapters/node/server.ts';
import { trustIn } from '../adapters/node/trust.ts';
import { createMeter, type PrometheusMeter } from '../adapters/prometheus/meter.ts';
import { connectCoreapp } from '../adapters/undici/coreapp.ts';
import { Admit } from '../admission/admit.ts';
import { concurrencyBounds, reserved } from '../admission/concurrency/limiter.ts';
import { createCosts } from '../admission/rate/costs.ts';
import { scopeFields } from '../admission/rate/scope.ts';
import { createAuthenticate } from '../auth/authenticate.ts';
import type { Passwords } from '../auth/ports.ts';
import { createFindToken } from '../auth/tokens.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { createReceive } from '../exchange/receive.ts';
import { endpointClasses } from '../exchange/route.ts';
import { ownFields } from '../http/own-fields.ts';
import type { Log } from '../observe/ports.ts';
import { Shared } from '../observe/shared.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import type { OpsSources, Readiness } from '../ops/pages.ts';
import { startOps } from '../ops/server.ts';
import { errorEnvelope } from '../profiles/coreapp/envelope.ts';
import { createRoute } from '../profiles/coreapp/route.ts';
import { createWebapp } from '../profiles/coreapp/webapp.ts';
import { createGateway, type Stages } from '../proxy.ts';
import { createForward } from '../upstream/forward.ts';
import { Reachability } from '../upstream/reachability.ts';
import { createTunnel } from '../upstream/tunnel.ts';
import { OpenRequests } from '../wire/open-requests.ts';
import { keepAdmin } from './admin.ts';
import { type Bodies, openBodies } from './bodies.ts';
import { keepCertificates } from './certificates.ts';
import { tellEdge, tellNotAccepted } from './edge.ts';
import { openJwtAuth } from './jwt.ts';
import { fitOpenFiles } from './open-files.ts';
import { openStores, type Stores } from './stores.ts';
import { Beginning, Traffic } from './traffic.ts';

export interface App {
  /** The ports that are listened on: of use where the configuration says 0. */
  readonly port: number;
  readonly opsPort: number;
  /** No longer ready: balancers look elsewhere, whoever comes all the same is served. */
  lameDuck(): void;
  /** Takes nothing new, serves what waits for at most `graceMs`, refuses the rest, lets go of everything. */
  close(graceMs: number): Promise<void>;
}

/** How long refused callers get to take their answer once the grace time is over. */
const lastAnswersMs = 1_000;
const stopping: Readiness = { ready: false, why: 'stopping' };

/**
 * @param coreappUrl where the Coreapp is, or its simulator
 * @param version Weir's own
 * Rejects with one clear line where a port can't be listened on, or large bodies can't be kept.
 */
export async function startApp(config: Config, coreappUrl: string, version: string, log: Log): Promise<App> {
  const clock = machineClock;
  const traffic = new Traffic();
  let readiness: Readiness = { ready: false, why: 'starting' };
  let main: MainServer | null = null;
  const snapshot = (): Snapshot => ({
    ...admit.snapshot(),
    ...bodies.snapshot(),
    store: stores.state(),
    connections: main?.connections ?? 0,
    ready: readiness.ready,
    stopping: readiness.why === stopping.why,
  });
  const now = (): number => clock.now();
  const { figuresMaxAgeMs } = config.ops;
  const meter = createMeter({ version, snapshot, figuresMaxAgeMs, now });
  const bodies = await openBodies(config, clock, log);
  const stores = openStores(config, clock, meter, log);
  const passwords = createPasswords(passwordsDefaults, clock);
  const { connectionsMax, opsConnectionsMax } = fitOpenFiles(config, log);
  const { admit, gateway, upgrade, tunnels, coreapp } = joinStages({
    config,
    connectionsMax,
    coreappUrl,
    clock,
    meter,
    log,
    stores,
    bodies,
    passwords,
  });
  const beginning = new Beginning(stores.begin());
  main = await startServer(
    { ...config.listen, ...config.http, connectionsMax, trusts: trustIn(config.http.trustedProxies) },
    {
      request: (head, downstream) =>
        traffic.follow(beginning.over ? gateway(head, downstream) : beginning.enter(gateway, head, downstream)),
      upgrade: (head, downstream) =>
        traffic.follow(beginning.over ? upgrade(head, downstream) : beginning.enter(upgrade, head, downstream)),
      ...tellEdge(clock, meter, log),
    },
  );
  const status = new Shared(async () => snapshot(), figuresMaxAgeMs, now);
  const sources: OpsSources = {
    ready: () => readiness,
    snapshot: () => status.get(),
    metrics: (accept) => meter.scrape(accept),
  };
  const opsOptions = { ...config.ops, connectionsMax: opsConnectionsMax };
  const notAccepted = tellNotAccepted(clock, log, 'the ops port');
  const ops = await startOps(opsOptions, sources, notAccepted).catch(async (error: unknown) => {
    await Promise.all([main?.close(), coreapp.close(), stores.close()]);
    throw error;
  });
  await beginning.end;
  // Only a process that has its ports may touch what it shares with others.
  await keepAdmin({ stores, passwords, clock, log }, config.auth.adminPassword);
  readiness = { ready: true, why: null };
  const certificates = config.listen.tls && keepCertificates(config.listen.tls, main.secure, clock, log);
  return {
    port: main.port,
    opsPort: ops.port,
    lameDuck() {
      readiness = stopping;
      main.retire();
    },
    async close(graceMs) {
      readiness = stopping;
      certificates?.close();
      const closed = main.close();
      await Promise.race([traffic.idle(), pause(clock, graceMs)]);
      admit.refuseAll('stopping');
      // They never end by themselves: they had the lame-duck time, and as long as there was other work.
      tunnels.close();
      await Promise.race([closed, pause(clock, lastAnswersMs)]);
      main.destroy();
      await Promise.all([ops.close(), coreapp.close(), stores.close()]);
      await bodies.close();
    },
  };
}

interface Parts {
  readonly config: Config;
  /** What fits into the limit of open files. */
  readonly connectionsMax: number;
  readonly coreappUrl: string;
  readonly clock: Clock;
  readonly meter: PrometheusMeter;
  readonly log: Log;
  readonly stores: Stores;
  readonly bodies: Bodies;
  readonly passwords: Passwords;
}

/** Every stage with its deps. */
function joinStages({ config, connectionsMax, coreappUrl, clock, meter, log, stores, bodies, passwords }: Parts) {
  const { limits, line, auth, http } = config;
  const { tls, connectTimeoutMs, answerTimeoutMs, permitsMin, permitsMax } = config.coreapp;
  const { authorization, honoursIdempotencyKey, brokenRepeatsMax, caseSensitivePaths } = config.coreapp;
  const { accounts, tokens, guard, buckets } = stores;
  const secrets = nodeSecrets;
  const notHeld = endpointClasses.filter((name) => !limits[name].hold);
  const jwt = openJwtAuth(config, { stores, secrets, clock, meter, log });
  const coreapp = connectCoreapp({
    url: coreappUrl,
    tls,
    connectTimeoutMs,
    answerTimeoutMs,
    connectionMaxAgeMs: config.coreapp.connectionMaxAgeMs,
    connectionsMax: permitsMax + reserved * notHeld.length,
  });
  const { serverTiming } = http;
  const reachability = new Reachability(coreappUrl, log);
  const digest = (text: string): string => secrets.digest(text);
  const own = ownFields(scopeFields(Object.values(limits).map(({ scope }) => scope)));
  const rules = { authorization, own, notHeld, honoursIdempotencyKey, brokenRepeatsMax, serverTiming };
  const towards = { clock, meter, answers: bodies.answers, reachability, ...rules };
  const admit = new Admit({
    clock,
    buckets,
    meter,
    limits,
    bestUrgency: line.bestUrgency,
    costOf: createCosts(line.costs, caseSensitivePaths),
    pauseMaxMs: config.coreapp.pauseMaxMs,
    concurrency: concurrencyBounds(permitsMin, permitsMax),
    random: Math.random,
    digest,
    caseSensitivePaths,
  });
  const identify = {
    findToken: createFindToken({ tokens, guard }),
    jwt,
    guard,
    secrets,
    meter,
    apiKeys: auth.apiKey ?? [],
  };
  const stages: Stages = {
    receive: createReceive({ clock, newId: randomUUID, own, trusts: trustIn(http.trustedProxies) }),
    route: createRoute(auth.adminPaths, caseSensitivePaths),
    authenticate: createAuthenticate(identify),
    admit,
    forward: createForward({ ...towards, coreapp }),
    webapp: createWebapp({
      accounts,
      passwords,
      secrets,
      guard,
      clock,
      log,
      endJwt: jwt === null ? null : (text) => jwt.end(text),
      tokenLifetimeMs: auth.tokenLifetimeMs,
      figures: (format) => meter.figures(format),
    }),
    openRequests: new OpenRequests({ max: connectionsMax, perAddressMax: http.connectionsPerAddressMax }),
    disk: bodies.disk,
    clock,
    meter,
    log,
    serverTiming,
    refusalBody: errorEnvelope,
  };
  const tunnels = createTunnels({ url: coreappUrl, tls, connectTimeoutMs, answerTimeoutMs });
  const switching: Stages = {
    ...stages,
    authenticate: createAuthenticate({ ...identify, upgrading: true }),
    forward: createTunnel({ ...towards, tunnels, tunnelsMax: http.tunnelsMax }),
  };
  return { admit, gateway: createGateway(stages), upgrade: createGateway(switching), tunnels, coreapp };
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
