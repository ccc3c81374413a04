/** What is special about the API behind Weir: how requests are routed, and what Weir answers itself. */
import type { Config } from '../config/config.ts';
import type { Audit, OwnEndpoints } from '../exchange/ports.ts';
import { audit } from '../profiles/coreapp/audit.ts';
import { createCoreappRouter, usersPath } from '../profiles/coreapp/routes.ts';
import { createWebapp } from '../profiles/coreapp/webapp.ts';
import { createRouter, type RouteOf } from '../routing/router.ts';
import type { Services } from './services.ts';

interface Routing {
  /** A path below which Weir answers itself; null: it passes all of them on. */
  readonly guardedPath: string | null;
  readonly routeOf: RouteOf;
}

export interface Profile {
  readonly own: OwnEndpoints;
  readonly audit: Audit;
}

export function routingOf({ profile, auth, classes, coreapp }: Config): Routing {
  const rules = { patterns: classes, adminPaths: auth.adminPaths, caseSensitive: coreapp.caseSensitivePaths };
  return profile === 'coreapp'
    ? { guardedPath: usersPath, routeOf: createCoreappRouter(rules) }
    : { guardedPath: null, routeOf: createRouter({ ...rules, monitored: new Set() }) };
}

export function profileOf(config: Config, services: Services): Profile {
  if (config.profile !== 'coreapp') return { own: nothing, audit: () => {} };
  return { own: webappOf(config, services), audit: (exchange, end) => audit(services.log, exchange, end) };
}

const nothing: OwnEndpoints = {
  answer({ route }) {
    throw new Error(`Nothing is answered here: ${route.class}`);
  },
};

function webappOf({ auth }: Config, services: Services): OwnEndpoints {
  const { clock, figures, log, stores, secrets, tokens, passwords, ownTurns } = services;
  return createWebapp({
    accounts: stores.accounts,
    passwords,
    secrets,
    guard: stores.guard,
    clock,
    log,
    tokens: tokens.all,
    tokenLifetimeMs: auth.tokenLifetimeMs,
    turn: (network) => ownTurns.enter(network),
    figures,
  });
}
