/** The house: every room built and joined to the others. What is opened here is closed by `close`. */
import { randomUUID } from 'node:crypto';
import { machineClock } from '../adapters/node/clock.ts';
import { createPasswords, passwordsDefaults } from '../adapters/node/passwords.ts';
import { nodeSecrets } from '../adapters/node/secrets.ts';
import { type MainServer, startServer } from '../adapters/node/server.ts';
import { trustIn } from '../adapters/node/trust.ts';
import { createMeter } from '../adapters/prometheus/meter.ts';
import { connectCoreapp } from '../adapters/undici/coreapp.ts';
import type { Config } from '../config/config.ts';
import { createGateway } from '../gateway.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { startOps } from '../ops/server.ts';
import type { Accounts, Clock, Log, Meter, Passwords } from '../ports.ts';
import { StoreAway } from '../ports.ts';
import { Admit } from '../stages/admit.ts';
import { createAuthenticate } from '../stages/authenticate.ts';
import { createForward } from '../stages/forward.ts';
import { createReceive } from '../stages/receive.ts';
import { ensureAdmin } from '../webapp/first-admin.ts';
import { createWebapp } from '../webapp/webapp.ts';
import { openStores, type Stores } from './stores.ts';
import { Traffic } from './traffic.ts';

export interface House {
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
const adminRetryMs = 1_000;

/**
 * @param coreappUrl where the Coreapp is, or its simulator
 * @param version Weir's own
 * Rejects with one clear line where a port can't be listened on.
 */
export async function openHouse(config: Config, coreappUrl: string, version: string, log: Log): Promise<House> {
  const clock = machineClock;
  const traffic = new Traffic();
  let stopping = false;
  let main: MainServer | null = null;
  const snapshot = (): Snapshot => ({
    ...admit.snapshot(),
    store: stores.state(),
    connections: main?.connections ?? 0,
    ready: !stopping,
    stopping,
  });
  const meter = createMeter({ version, snapshot });
  const stores = await openStores(config, clock, meter, log);
  const coreapp = connectCoreapp({
    url: coreappUrl,
    connectTimeoutMs: config.coreapp.connectTimeoutMs,
    answerTimeoutMs: config.coreapp.answerTimeoutMs,
    connectionsMax: config.coreapp.permitsMax,
  });
  const admit = admission(config, clock, stores, meter);
  const passwords = createPasswords(passwordsDefaults, clock);
  const gateway = createGateway({
    receive: createReceive({ clock, newId: randomUUID, trusts: trustIn(config.http.trustedProxies) }),
    authenticate: createAuthenticate({
      accounts: stores.accounts,
      secrets: nodeSecrets,
      apiKeys: config.auth.apiKey === null ? [] : [config.auth.apiKey],
    }),
    admit,
    forward: createForward({ clock, coreapp, meter, authorization: config.coreapp.authorization }),
    webapp: createWebapp({
      accounts: stores.accounts,
      passwords,
      secrets: nodeSecrets,
      guard: stores.guard,
      clock,
      tokenLifetimeMs: config.auth.tokenLifetimeMs,
      figures: (format) => meter.figures(format),
    }),
    limits: config.limits,
    clock,
    meter,
    log,
  });
  await makeAdmin({ accounts: stores.accounts, passwords, clock, log }, config.auth.adminPassword);
  main = await startServer(
    { ...config.listen, ...config.http },
    {
      request(head, side) {
        const ended = traffic.began();
        void gateway(head, side).finally(ended);
      },
      unreadable(refusal, peer) {
        meter.refused(refusal.name);
        log.info('unreadable request', { refusal: refusal.name, details: refusal.details, remote: peer });
      },
    },
  );
  const ops = await startOps(config.ops, {
    ready: () => (stopping ? { ready: false, why: 'stopping' } : { ready: true, why: null }),
    snapshot,
    metrics: (accept) => meter.scrape(accept),
  });
  return {
    port: main.port,
    opsPort: ops.port,
    lameDuck() {
      stopping = true;
    },
    async close(graceMs) {
      stopping = true;
      const closed = main.close();
      await Promise.race([traffic.idle(), pause(clock, graceMs)]);
      admit.refuseAll('stopping');
      await Promise.race([closed, pause(clock, lastAnswersMs)]);
      main.destroy();
      await Promise.all([ops.close(), coreapp.close(), stores.close()]);
    },
  };
}

function admission(config: Config, clock: Clock, { buckets }: Stores, meter: Meter): Admit {
  const { limits, coreapp } = config;
  return new Admit({ clock, buckets, meter, limits, permitsMax: coreapp.permitsMax, random: Math.random });
}

interface AdminWorld {
  readonly accounts: Accounts;
  readonly passwords: Passwords;
  readonly clock: Clock;
  readonly log: Log;
}

/** The first admin. A store that is away gets it as soon as it is back; starting doesn't wait for that. */
async function makeAdmin(world: AdminWorld, adminPassword: string | null): Promise<void> {
  try {
    await ensureAdmin(world.accounts, world.passwords, adminPassword);
  } catch (error) {
    if (!(error instanceof StoreAway)) throw error;
    world.log.warn('the admin cannot be looked up while the store is away; trying again', { retryMs: adminRetryMs });
    world.clock.after(adminRetryMs, () => void makeAdmin(world, adminPassword));
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
