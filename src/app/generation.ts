/**
 * What follows from one configuration: a plain value, made whole and replaced whole. It has no state of its own that
 * matters to others. State that has to outlive a configuration is in the services.
 */

import { decodeBody } from '../adapters/node/decode.ts';
import { newRequestId } from '../adapters/node/request-ids.ts';
import { trustIn } from '../adapters/node/trust.ts';
import { scopeFields } from '../admission/rate/scope.ts';
import { createAuthenticate } from '../auth/authenticate.ts';
import type { Config } from '../config/config.ts';
import { createReceive } from '../exchange/receive.ts';
import { Cors } from '../http/cors.ts';
import { type OwnFields, ownFields } from '../http/own-fields.ts';
import { createGateway, type Gateway, type GatewayDeps, type Stages } from '../proxy.ts';
import { type RouteOf, routeBy } from '../routing/router.ts';
import { createHeed } from '../signals/heed.ts';
import { createSignals } from '../signals/signals.ts';
import { createForward } from '../upstream/forward.ts';
import type { RetryPolicy } from '../upstream/retry-policy.ts';
import type { ForwardDeps } from '../upstream/towards.ts';
import { createTunnel } from '../upstream/tunnel.ts';
import type { UpgradeDownstream } from '../wire/server/upgrade.ts';
import { credentialScopes } from './credentials.ts';
import { type Profile, profileOf, routingOf } from './profile.ts';
import { rewritingOf } from './rewriting.ts';
import { seldom } from './seldom.ts';
import type { Senders } from './sending.ts';
import { notHeldBy, type Services } from './services.ts';
import { refusalForms, retryPolicies } from './traits.ts';

export interface Generation {
  readonly request: Gateway;
  /** For requests to switch protocols. */
  readonly upgrade: Gateway<UpgradeDownstream>;
  /** Which proxies' word about callers is believed. */
  readonly trusts: (address: string) => boolean;
  /** How what goes from now on is sent, whichever generation it came to. */
  readonly senders: Senders;
}

/** Every stage with its deps. */
export function createGeneration(config: Config, services: Services): Generation {
  const { auth, http, coreapp } = config;
  const { guardedPath, routeOf } = routingOf(config);
  const profile = profileOf(config, services);
  const { clock, meter, stores, secrets } = services;
  const trusts = trustIn(http.trustedProxies);
  const cors = http.cors.origins.length === 0 ? null : new Cors(http.cors);
  const keyField = auth.keyField?.toLowerCase() ?? null;
  const own = ownFieldsOf(config, services.instance, keyField);
  const identify = {
    tokens: services.tokens.all,
    guard: stores.guard,
    secrets,
    meter,
    apiKeys: auth.apiKey ?? [],
    keyField,
    keyParameter: auth.keyParameter,
    open: auth.open,
    may: auth.may,
    logins: config.profile === 'coreapp',
  };
  const stages: Stages = {
    receive: createReceive({
      clock,
      newId: newRequestId,
      own,
      guardedPath,
      encodedSlashes: coreapp.encodedSlashes,
      trusts,
      cors,
      traceOf: services.tracing.traceOf(config),
    }),
    route: routeBy(routeOf),
    authenticate: createAuthenticate(identify),
    admit: services.admit,
    forward: services.sending.forward,
    own: profile.own,
  };
  const deps = gatewayDeps(config, services, profile, cors);
  const switching: Stages<UpgradeDownstream> = {
    ...stages,
    authenticate: createAuthenticate({ ...identify, upgrading: true }),
    forward: services.sending.tunnel,
  };
  return {
    request: createGateway(stages, deps),
    upgrade: createGateway(switching, deps),
    trusts,
    senders: sendersOf(config, services, own, routeOf),
  };
}

function ownFieldsOf({ limits, auth, http, coreapp }: Config, instance: string, keyField: string | null): OwnFields {
  const scopes = Object.values(limits).flatMap(({ scope, also }) => [scope, ...also.map((narrow) => narrow.scope)]);
  return ownFields({
    scoped: scopeFields([...scopes, ...credentialScopes(coreapp.credentials)]),
    instance,
    passes: http.passFields.map((name) => name.toLowerCase()),
    secrets: [...endingFields(coreapp), ...(keyField === null ? [] : [keyField])],
    passAuthorization: auth.open && coreapp.credentials.length === 0,
  });
}

function gatewayDeps(config: Config, services: Services, profile: Profile, cors: Cors | null): GatewayDeps {
  const { ownBodies, places, ownTurns, bodies, clock, meter, log, tracing } = services;
  return {
    ownBodies,
    openRequests: places.openRequests,
    ownTurns,
    disk: bodies.disk,
    clock,
    meter,
    log,
    tracer: tracing.tracer,
    get limits() {
      return services.limits();
    },
    times: config.http,
    audit: profile.audit,
    preflight: cors === null ? undefined : preflightBy(cors),
    ...refusalForms[config.profile],
  };
}

function sendersOf(config: Config, services: Services, own: OwnFields, routeOf: RouteOf): Senders {
  const { limits, http, coreapp } = config;
  const { clock, meter, bodies, upstreams, places } = services;
  const { honoursIdempotencyKey, brokenRepeatsMax } = coreapp;
  const otherwise = retryPolicies[config.profile]({ clock, honoursIdempotencyKey, brokenRepeatsMax });
  const towards = {
    clock,
    meter,
    answers: bodies.answers,
    reachability: upstreams.usual.reachability,
    others: upstreams.others,
    alarmed: alarmedBy(services),
    rewriting: rewritingOf(config, services, routeOf),
    own,
    retryPolicy: policyOf(config, services, otherwise),
    notHeld: notHeldBy(limits),
    times: http,
  };
  return {
    forward: createForward({ ...towards, coreapp: upstreams.usual.coreapp }),
    tunnel: createTunnel({ ...towards, tunnelsOf: upstreams.tunnelsOf, places: places.tunnels }),
  };
}

/** Fields of callers that end at Weir because of what the upstream is to get. */
function endingFields({ credentials, authorizationField, setFields, removeFields }: Config['coreapp']): string[] {
  const credential = credentials.length === 0 ? [] : [authorizationField];
  return [...credential, ...Object.keys(setFields), ...removeFields].map((name) => name.toLowerCase());
}

/** Signals are asked first, where there are any; what is announced is heeded where nothing was said. */
function policyOf({ throttled, heed }: Config, { clock }: Services, otherwise: RetryPolicy): RetryPolicy {
  const wallMs = (): number => clock.wallMs();
  const { all, byClass } = throttled;
  const deps = { wallMs, random: Math.random, decode: decodeBody };
  const signals = all.length + byClass.size === 0 ? otherwise : createSignals(all, byClass, otherwise, deps);
  const heeds = heed.all.length + heed.byClass.size > 0;
  return heeds ? createHeed(heed.all, heed.byClass, signals, wallMs) : signals;
}

function preflightBy(cors: Cors): GatewayDeps['preflight'] {
  return ({ method, fields }) => {
    const said = cors.toPreflight(method, fields);
    return said === null ? null : { kind: 'page', status: 204, fields: said, body: '' };
  };
}

function alarmedBy({ clock, meter, log }: Services): ForwardDeps['alarmed'] {
  const says = new Map<string, (fields: Readonly<Record<string, unknown>>) => void>();
  return (name, status, { bulk, warn, pauseMs }) => {
    meter.alarmed(name);
    const fields = { class: name, status, pauseMs };
    if (bulk) log.warn('an answer of the upstream is an alarm: requests of urgency 4 to 7 pause', fields);
    if (warn === undefined) return;
    // There are as many as there are rules and classes.
    const key = `${name} ${warn}`;
    const say = says.get(key) ?? seldom(clock, (what: typeof fields) => log.warn(`the upstream says: ${warn}`, what));
    says.set(key, say as (fields: Readonly<Record<string, unknown>>) => void);
    say(fields);
  };
}
