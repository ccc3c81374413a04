/**
 * What follows from one configuration: a plain value, made whole and replaced whole. It has no state of its own that
 * matters to others. State that has to outlive a configuration is in the services.
 */
import { randomUUID } from 'node:crypto';
import { trustIn } from '../adapters/node/trust.ts';
import { scopeFields } from '../admission/rate/scope.ts';
import { createAuthenticate } from '../auth/authenticate.ts';
import type { Config } from '../config/config.ts';
import { createReceive } from '../exchange/receive.ts';
import { ownFields } from '../http/own-fields.ts';
import { errorEnvelope } from '../profiles/coreapp/envelope.ts';
import { createRetryPolicy } from '../profiles/coreapp/retry.ts';
import { createRoute } from '../profiles/coreapp/route.ts';
import { createWebapp } from '../profiles/coreapp/webapp.ts';
import { createGateway, type Gateway, type GatewayDeps, type Stages } from '../proxy.ts';
import { createForward } from '../upstream/forward.ts';
import { createTunnel } from '../upstream/tunnel.ts';
import type { UpgradeDownstream } from '../wire/server/upgrade.ts';
import { notHeldBy, type Services } from './services.ts';

export interface Generation {
  readonly request: Gateway;
  /** For requests to switch protocols. */
  readonly upgrade: Gateway<UpgradeDownstream>;
}

/** Every stage with its deps. */
export function createGeneration({ limits, auth, http, coreapp }: Config, services: Services): Generation {
  const { clock, meter, log, stores, bodies, secrets, tokens } = services;
  const { authorization, honoursIdempotencyKey, brokenRepeatsMax, caseSensitivePaths } = coreapp;
  const { serverTiming } = http;
  const { accounts, guard } = stores;
  const scoped = scopeFields(Object.values(limits).map(({ scope }) => scope));
  const own = ownFields(
    scoped,
    services.instance,
    http.passFields.map((name) => name.toLowerCase()),
  );
  const retryPolicy = createRetryPolicy({ clock, honoursIdempotencyKey, brokenRepeatsMax });
  const rules = { authorization, own, retryPolicy, notHeld: notHeldBy(limits), serverTiming };
  const towards = { clock, meter, answers: bodies.answers, reachability: services.reachability, ...rules };
  const identify = { tokens, guard, secrets, meter, apiKeys: auth.apiKey ?? [] };
  const stages: Stages = {
    receive: createReceive({ clock, newId: randomUUID, own, trusts: trustIn(http.trustedProxies) }),
    route: createRoute(auth.adminPaths, caseSensitivePaths),
    authenticate: createAuthenticate(identify),
    admit: services.admit,
    forward: createForward({ ...towards, coreapp: services.coreapp }),
    webapp: createWebapp({
      accounts,
      passwords: services.passwords,
      secrets,
      guard,
      clock,
      log,
      tokens,
      tokenLifetimeMs: auth.tokenLifetimeMs,
      turn: (network) => services.ownTurns.enter(network),
      figures: (format) => meter.figures(format),
    }),
  };
  const deps: GatewayDeps = {
    ownBodies: services.ownBodies,
    openRequests: services.openRequests,
    ownTurns: services.ownTurns,
    disk: bodies.disk,
    clock,
    meter,
    log,
    serverTiming,
    refusalBody: errorEnvelope,
  };
  const switching: Stages<UpgradeDownstream> = {
    ...stages,
    authenticate: createAuthenticate({ ...identify, upgrading: true }),
    forward: createTunnel({ ...towards, tunnels: services.tunnels, places: services.tunnelPlaces }),
  };
  return { request: createGateway(stages, deps), upgrade: createGateway(switching, deps) };
}
