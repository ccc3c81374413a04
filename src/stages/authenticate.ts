/**
 * Authenticate: find out who asks. The answer is a principal, not a yes.
 *
 * Every request comes through here, so what it costs counts: one look over the field names, one SHA-256, one look-up.
 * Where the store is in this process nothing is awaited.
 */
import { type Credentials, credentialsOf } from '../model/credentials.ts';
import { type Identified, identified, type Routed } from '../model/exchange.ts';
import type { Principal } from '../model/principal.ts';
import { type Refusal, refuse } from '../model/refusals.ts';
import type { Access } from '../model/routes.ts';
import { type Accounts, type Secrets, StoreAway, type TokenRecord } from '../ports.ts';

/** When to come back after an outage of the store, milliseconds. */
const storeAwayRetryMs = 1_000;

export interface AuthenticateWorld {
  readonly accounts: Pick<Accounts, 'findToken'>;
  readonly secrets: Secrets;
  /** Texts of the valid API keys; several while one replaces another, none where there is no key. */
  readonly apiKeys: readonly string[];
}

export type Authenticate = (exchange: Routed) => Identified | Refusal | Promise<Identified | Refusal>;

const nobody: Principal = { kind: 'nobody' };
const key: Principal = { kind: 'key' };

const invalid = refuse('unauthenticated');
const forbidden = refuse('forbidden');
const away = refuse('storeAway', null, storeAwayRetryMs);
const wantsBasic = refuse('unauthenticated', 'Log in with Basic credentials.');
const wantsToken = refuse('unauthenticated', 'A bearer token is needed: log in first.');
const wantsTokenOrKey = refuse('unauthenticated', 'An API key or a bearer token is needed.');

export function createAuthenticate({ accounts, secrets, apiKeys }: AuthenticateWorld): Authenticate {
  const keyDigests = apiKeys.map((text) => secrets.digest(text));

  /** Compares with every key, so that the time tells neither which one it was nor how far it agreed. */
  const isApiKey = (text: string): boolean => {
    const digest = secrets.digest(text);
    let found = false;
    for (const known of keyDigests) found = secrets.same(known, digest) || found;
    return found;
  };

  const byToken = (exchange: Routed, token: string): ReturnType<Authenticate> => {
    if (!secrets.couldBeToken(token)) return invalid;
    const found = accounts.findToken(secrets.digest(token));
    if (!(found instanceof Promise)) return asUser(exchange, found);
    return found.then((record) => asUser(exchange, record), storeFailed);
  };

  return (exchange) => {
    const credentials = credentialsOf(exchange.fields);
    const access = exchange.route.access;
    if (credentials.kind === 'malformed') return refuse(credentials.refusal, credentials.why);
    if (access === 'login') return credentials.kind === 'basic' ? identified(exchange, nobody) : wantsBasic;
    if (credentials.kind === 'bearer') return byToken(exchange, credentials.token);
    if (access === 'monitoring' && credentials.kind === 'apikey' && isApiKey(credentials.key)) {
      return identified(exchange, key);
    }
    return unfit(credentials, access);
  };
}

function asUser(exchange: Routed, token: TokenRecord | undefined): Identified | Refusal {
  if (token === undefined) return invalid;
  if (exchange.route.access === 'admin' && token.role !== 'ROLE_ADMIN') return forbidden;
  return identified(exchange, { kind: 'user', name: token.user, role: token.role });
}

/** An outage of the store says nothing about the token. */
function storeFailed(error: unknown): Refusal {
  if (error instanceof StoreAway) return away;
  throw error;
}

/** Says which credentials the endpoint wants; of a wrong API key only that it is wrong. */
function unfit(credentials: Credentials, access: Access): Refusal {
  if (access !== 'monitoring') return wantsToken;
  return credentials.kind === 'apikey' ? invalid : wantsTokenOrKey;
}
