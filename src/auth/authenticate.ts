/**
 * Authenticate: find out who asks. The answer is a principal, not a yes.
 *
 * Every request comes through here, so what it costs counts: one look over the field names, one SHA-256, one look-up.
 * If the store is in this process, nothing is awaited.
 */
import { type Identified, identified, type Routed } from '../exchange/exchange.ts';
import type { Principal } from '../exchange/principal.ts';
import { type Refusal, refuse } from '../exchange/refusals.ts';
import type { Route } from '../exchange/route.ts';
import { networkOf } from '../http/network.ts';
import { parameterOf } from '../http/query.ts';
import type { Meter } from '../observe/ports.ts';
import type { BearerTokens, Finding } from './bearer-tokens.ts';
import { type Credentials, credentialsOf, takeCredentials, takeValue } from './credentials.ts';
import type { Secrets, StrangerGuard } from './ports.ts';
import { Strangers } from './strangers.ts';

interface AuthenticateDeps {
  /** Of each kind: Weir's own, and where there is one an identity provider's. */
  readonly tokens: readonly Pick<BearerTokens, 'couldBe' | 'find'>[];
  readonly guard: StrangerGuard;
  readonly secrets: Secrets;
  readonly meter: Pick<Meter, 'monitored'>;
  /** Texts of the valid API keys; several while one replaces another, none where there is no key. */
  readonly apiKeys: readonly string[];
  /** A field, in lower case, in which a token or key may come in the place of `Authorization`; null: there is none. */
  readonly keyField?: string | null;
  /** The parameter of the query in which one may come as well; null: there is none. */
  readonly keyParameter?: string | null;
  /** True: what needs no admin needs no credentials either. Not there: it does. */
  readonly open?: boolean;
  /** The classes that single users may use, by name; all others may use all. */
  readonly may?: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether tokens come from a login. Not there: they do. */
  readonly logins?: boolean;
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
const wantsLogin = refuse('unauthenticated', 'A bearer token is needed: log in first.');
const wantsToken = refuse('unauthenticated', 'A token is needed.');
const wantsTokenOrKey = refuse('unauthenticated', 'An API key or a bearer token is needed.');

export function createAuthenticate(deps: AuthenticateDeps): Authenticate {
  const { tokens, guard, secrets, open = false, logins = true, upgrading = false } = deps;
  const strangers = new Strangers('key', guard);
  const shownBy = createShownBy(deps);
  const isApiKey = createKeyCheck(deps);
  const asUser = createAsUser(deps.may ?? new Map());

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
    if (!('kind' in found) && secrets.couldBeToken(token)) deps.meter.monitored(found.expiresAtMs);
    return asUser(exchange, found);
  };

  /** The right key passes, whatever others behind the same address send. Wrong keys are counted, and told to wait. */
  const byKey = (exchange: Routed, text: string): ReturnType<Authenticate> =>
    isApiKey(text) ? identified(exchange, key) : strangers.count(exchange.origin.remote);

  return (exchange) => {
    const { access, by } = exchange.route;
    if (open && access === 'user' && by === 'coreapp') {
      return identified(exchange, { kind: 'anybody', from: networkOf(exchange.origin.remote) });
    }
    const credentials = shownBy(exchange);
    if (credentials.kind === 'malformed') return refuse(credentials.refusal, credentials.why);
    if (access === 'login') return credentials.kind === 'basic' ? identified(exchange, nobody) : wantsBasic;
    if (credentials.kind === 'bearer') return byToken(exchange, credentials.token);
    if (access !== 'monitoring' || upgrading || !readingMethods.has(exchange.method)) {
      return logins ? wantsLogin : wantsToken;
    }
    return credentials.kind === 'apikey' ? byKey(exchange, credentials.key) : wantsTokenOrKey;
  };
}

/** Reads what a request shows of its caller, from whichever of the configured places it is in. */
function createShownBy({ tokens, keyField = null, keyParameter = null }: AuthenticateDeps) {
  return (exchange: Routed): Credentials => {
    if (isReadAgain(exchange.route)) return credentialsOf(exchange.fields);
    const credentials = takeCredentials(exchange.fields);
    const inField = keyField === null ? null : takeValue(exchange.fields, keyField);
    const isElsewhere = keyParameter !== null && credentials.kind === 'none';
    const text = inField ?? (isElsewhere ? parameterOf(exchange.target, keyParameter) : null);
    if (text === null) return credentials;
    return tokens.some((kind) => kind.couldBe(text)) ? { kind: 'bearer', token: text } : { kind: 'apikey', key: text };
  };
}

/** Compares with every key, so that the time tells neither which key it was nor how much of it matched. */
function createKeyCheck({ apiKeys, secrets }: AuthenticateDeps) {
  const keyDigests = apiKeys.map((text) => secrets.digest(text));
  return (text: string): boolean => {
    const digest = secrets.digest(text);
    let found = false;
    for (const known of keyDigests) found = secrets.same(known, digest) || found;
    return found;
  };
}

/** What a user's token opens: what needs an admin is for admins, a class for those who may use it. */
function createAsUser(may: NonNullable<AuthenticateDeps['may']>) {
  return (exchange: Routed, token: Finding): Identified | Refusal => {
    if ('kind' in token) return token;
    const { route } = exchange;
    // A refused caller is known all the same: the log says who it was.
    const known = identified(exchange, { kind: 'user', name: token.user, role: token.role });
    if (route.access === 'admin' && token.role !== 'ROLE_ADMIN') return forbidden;
    if (may.size === 0 || route.by === 'weir' || may.get(token.user)?.has(route.class) !== false) return known;
    return refuse('forbidden', `This user may not use the class ${route.class}.`);
  };
}

/** All others may have to wait, and wait without their secret. */
function isReadAgain(route: Route): boolean {
  return route.by === 'weir' && (route.endpoint === 'login' || route.endpoint === 'logout');
}
