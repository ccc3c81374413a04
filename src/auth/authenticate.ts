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
import type { TokenRecord } from './accounts.ts';
import { credentialsOf, takeCredentials } from './credentials.ts';
import type { JwtAuth } from './jwt.ts';
import type { LoginGuard, Secrets } from './ports.ts';
import { type FindToken, tooMany } from './tokens.ts';

export interface AuthenticateDeps {
  readonly findToken: FindToken;
  readonly guard: Pick<LoginGuard, 'strangerWaitMs' | 'stranger'>;
  readonly secrets: Secrets;
  readonly meter: Pick<Meter, 'monitored'>;
  /** Null, or not there: tokens of Weir's own only. */
  readonly jwt?: Pick<JwtAuth, 'couldBeToken' | 'findToken'> | null;
  /** Texts of the valid API keys; several while one replaces another, none where there is no key. */
  readonly apiKeys: readonly string[];
  /** True: these requests ask to switch protocols, which is not what an API key is for. */
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
  findToken,
  guard,
  secrets,
  meter,
  jwt = null,
  apiKeys,
  upgrading = false,
}: AuthenticateDeps): Authenticate {
  const keyDigests = apiKeys.map((text) => secrets.digest(text));

  /** Compares with every key, so that the time tells neither which one it was nor how far it agreed. */
  const isApiKey = (text: string): boolean => {
    const digest = secrets.digest(text);
    let found = false;
    for (const known of keyDigests) found = secrets.same(known, digest) || found;
    return found;
  };

  const find = (token: string, remote: string): ReturnType<FindToken> => {
    if (secrets.couldBeToken(token)) return findToken(secrets.digest(token), remote);
    if (jwt?.couldBeToken(token) !== true) return invalid;
    return jwt.findToken(secrets.digest(token), remote, token);
  };

  const byToken = (exchange: Routed, token: string): ReturnType<Authenticate> => {
    const found = find(token, exchange.origin.remote);
    if (exchange.route.access === 'monitoring') return byMonitoringToken(exchange, token, found);
    return found instanceof Promise ? found.then((one) => asUser(exchange, one)) : asUser(exchange, found);
  };

  /** Scraping that stops each time a token is over is an old trouble of operators. A provider's are renewed by whoever has them. */
  const byMonitoringToken = async (exchange: Routed, token: string, finding: ReturnType<FindToken>) => {
    const found = await finding;
    if (!('kind' in found) && secrets.couldBeToken(token)) meter.monitored(found.expiresAtMs);
    return asUser(exchange, found);
  };

  /** The right key passes whatever others behind the same address send; wrong ones are counted, and told to wait. */
  const byKey = (exchange: Routed, text: string): ReturnType<Authenticate> => {
    const { remote } = exchange.origin;
    if (isApiKey(text)) return identified(exchange, key);
    const refusal = tooMany(guard.strangerWaitMs('key', remote));
    if (refusal !== null) return refusal;
    return guard.stranger('key', remote).then(() => tooMany(guard.strangerWaitMs('key', remote)) ?? invalid);
  };

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

function asUser(exchange: Routed, token: TokenRecord | Refusal): Identified | Refusal {
  if ('kind' in token) return token;
  // Whoever is refused is known all the same: the log says who it was.
  const known = identified(exchange, { kind: 'user', name: token.user, role: token.role });
  return exchange.route.access === 'admin' && token.role !== 'ROLE_ADMIN' ? forbidden : known;
}
