/** Weir's own tokens: the accounts say whose they are. */
import type { Clock } from '../clock.ts';
import type { Meter } from '../observe/ports.ts';
import type { TokenRecord } from './accounts.ts';
import type { AccountStore, Accounts, Secrets, Verifier } from './ports.ts';
import { TokenCache, type TokenCacheOptions, type Tokens } from './token-cache.ts';
import type { TokenEntriesOptions } from './token-entries.ts';

/** How often a store that is away is asked. */
const restMs = 250;
/**
 * A token that the store did not know can't be made later: it has 256 random bits, and nobody has sent it before. A
 * token that comes back from a backup is valid after this time, or when the connection is back.
 */
const unknownMs = 60_000;

/** What a token of Weir's own looks like. */
type OwnForm = Pick<Secrets, 'couldBeToken'>;

interface OwnTokensDeps {
  readonly store: Omit<AccountStore, 'tokensOf'>;
  readonly secrets: OwnForm;
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'storeCalled'>;
}

/** Accounts elsewhere, and a cache of their tokens. */
export interface OwnTokens {
  /** A revocation that is made with these has left the cache when its call is over. */
  readonly accounts: Accounts;
  readonly tokens: TokenCache;
}

export type OwnTokensOptions = TokenEntriesOptions & Pick<TokenCacheOptions, 'confirmMaxMs'>;

export function ownVerifier(store: Pick<AccountStore, 'findToken'>, secrets: OwnForm): Verifier {
  return {
    needsText: false,
    couldBe: (text) => secrets.couldBeToken(text),
    verify: (digest) => store.findToken(digest),
  };
}

/** Accounts in this process are asked at once: there is nothing to cache. */
export function tokensAtHand(store: { findToken(digest: string): TokenRecord | undefined }, secrets: OwnForm): Tokens {
  return {
    verifier: ownVerifier(store, secrets),
    find: (digest) => store.findToken(digest),
    recall: (digest) => store.findToken(digest) ?? 'unheard',
  };
}

export function createOwnTokens({ store, secrets, clock, meter }: OwnTokensDeps, options: OwnTokensOptions): OwnTokens {
  const tokens = new TokenCache(
    { verifier: ownVerifier(store, secrets), clock, meter },
    { ...options, restMs, unknownMs, call: 'findToken' },
  );
  return { accounts: tellingAccounts(store, tokens), tokens };
}

/**
 * Accounts that tell the cache what they end. Even if the store has not answered, it may have made the revocation, so
 * the token is asked about anew.
 */
function tellingAccounts(store: Accounts, tokens: TokenCache): Accounts {
  const ending = <T>(user: string, change: Promise<T>): Promise<T> => change.finally(() => tokens.userRevoked(user));
  return {
    findUser: (name) => store.findUser(name),
    listUsers: () => store.listUsers(),
    addUser: (user, distinct) => store.addUser(user, distinct),
    rehash: (user, passwordHash) => store.rehash(user, passwordHash),
    changePassword: (user, passwordHash) => ending(user.name, store.changePassword(user, passwordHash)),
    dropTokens: (user) => ending(user.name, store.dropTokens(user)),
    deleteUser: (name) => ending(name, store.deleteUser(name)),
    dropToken: (digest) => store.dropToken(digest).finally(() => tokens.tokenRevoked(digest)),
    addToken: (digest, user, expiresAtMs) =>
      tokens.made(digest, { user: user.name, role: user.role, expiresAtMs }, () =>
        store.addToken(digest, user, expiresAtMs),
      ),
  };
}
