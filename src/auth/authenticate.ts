/**
 * Authenticate: find out who asks. The answer is a principal, not a yes.
 *
 * Every request comes through here, so what it costs counts: one look over the field names, one SHA-256, one look-up.
 * Where the store is in this process nothing is awaited.
 */
import { type Identified, identified, type Routed } from '../exchange/exchange.ts';
import type { Principal } from '../exchange/principal.ts';
import { type Refusal, refuse } from '../exchange/refusals.ts';
import type { Route } from '../exchange/route.ts';
import type { Meter } from '../observe/ports.ts';
import type { BearerTokens, Finding } from './bearer-tokens.ts';
import { credentialsOf, takeCredentials } from './credentials.ts';
import type { Secrets, StrangerGuard } from './ports.ts';
import { Strangers } from './strangers.ts';

export interface AuthenticateDeps {
  /** Of each kind: Weir's own, and where there is one an identity provider's. */
  readonly tokens: readonly Pick<BearerTokens, 'couldBe' | 'find'>[];
  readonly guard: StrangerGuard;
  readonly secrets: Secrets;
  readonly meter: Pick<Meter, 'monitored'>;
  /** Texts of the valid API keys; several while one replaces another, none where there is no key. */
  readonly apiKeys: readonly string[];
  /** True: these requests ask to switch protocols, which an API key may not do. */
  readonly upgrading?: boolean;
}

export type Authenticate = (exchange: Routed) => Identified | Refusal | Promise<Identified | Refusal>;

const nobody: Principal = { kind: 'nobody' };
const key: Principal = { kind: 'key' };

/** What a key may do: look. */
const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);

const invalid = refuse('unauthenticated');
const forbidden = refuse('forbidden');
const wantsBasic = refuse('unauthenticated', 'Log in with Basic credentials.');
const wantsToken = refuse('unauthenticated', 'A bearer token is needed: log in first.');
const wantsTokenOrKey = refuse('unauthenticated', 'An API key or a bearer token is needed.');

export function createAuthenticate({
  tokens,
  guard,
  secrets,
  meter,
  apiKeys,
  upgrading = false,
}: AuthenticateDeps): Authenticate {
  const strangers = new Strangers('key', guard);
  const keyDigests = apiKeys.map((text) => secrets.digest(text));

  /** Compares with every key, so that the time tells neither which key it was nor how much of it matched. */
  const isApiKey = (text: string): boolean => {
    const digest = secrets.digest(text);
    let found = false;
    for (const known of keyDigests) found = secrets.same(known, digest) || found;
    return found;
  };

  const find = (token: string, remote: string): Finding | Promise<Finding> => {
    for (const kind of tokens) if (kind.couldBe(token)) return kind.find(token, remote);
    return invalid;
  };

  const byToken = (exchange: Routed, token: string): ReturnType<Authenticate> => {
    const found = find(token, exchange.origin.remote);
    if (exchange.route.access === 'monitoring') return byMonitoringToken(exchange, token, found);
    return found instanceof Promise ? found.then((one) => asUser(exchange, one)) : asUser(exchange, found);
  };

  /**
   * Operators know the trouble: scraping stops whenever its token expires. A provider's tokens are renewed by their
   * owners.
   */
  const byMonitoringToken = async (exchange: Routed, token: string, finding: Finding | Promise<Finding>) => {
    const found = await finding;
    if (!('kind' in found) && secrets.couldBeToken(token)) meter.monitored(found.expiresAtMs);
    return asUser(exchange, found);
  };

  /** The right key passes, whatever others behind the same address send. Wrong keys are counted, and told to wait. */
  const byKey = (exchange: Routed, text: string): ReturnType<Authenticate> =>
    isApiKey(text) ? identified(exchange, key) : strangers.count(exchange.origin.remote);

  return (exchange) => {
    const credentials = isReadAgain(exchange.route) ? credentialsOf(exchange.fields) : takeCredentials(exchange.fields);
    const access = exchange.route.access;
    if (credentials.kind === 'malformed') return refuse(credentials.refusal, credentials.why);
    if (access === 'login') return credentials.kind === 'basic' ? identified(exchange, nobody) : wantsBasic;
    if (credentials.kind === 'bearer') return byToken(exchange, credentials.token);
    if (access !== 'monitoring' || upgrading || !readingMethods.has(exchange.method)) return wantsToken;
    return credentials.kind === 'apikey' ? byKey(exchange, credentials.key) : wantsTokenOrKey;
  };
}

/** All others may have to wait, and wait without their secret. */
function isReadAgain(route: Route): boolean {
  return route.by === 'weir' && (route.endpoint === 'login' || route.endpoint === 'logout');
}

function asUser(exchange: Routed, token: Finding): Identified | Refusal {
  if ('kind' in token) return token;
  // A refused caller is known all the same: the log says who it was.
  const known = identified(exchange, { kind: 'user', name: token.user, role: token.role });
  return exchange.route.access === 'admin' && token.role !== 'ROLE_ADMIN' ? forbidden : known;
}
