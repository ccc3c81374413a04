/** Accounts with a token cache. What they revoke themselves leaves the cache first. */
import type { Clock } from '../clock.ts';
import type { Meter } from '../observe/ports.ts';
import type { NewUser, User } from './accounts.ts';
import type { Accounts } from './ports.ts';
import { TokenCache, type TokenCacheOptions } from './token-cache.ts';
import type { TokenEntriesOptions } from './token-entries.ts';

/** How often a store that is away is asked. */
const restMs = 250;
/**
 * A token that the store did not know can't be made later: it has 256 random bits, and nobody has sent it before. What
 * comes back from a backup is valid after this time, or when the connection is back.
 */
const unknownMs = 60_000;

export interface CachedAccountsDeps {
  readonly store: Accounts;
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'storeCalled'>;
}

export type CachedAccountsOptions = TokenEntriesOptions & Pick<TokenCacheOptions, 'confirmMaxMs'>;

export class CachedAccounts extends TokenCache implements Accounts {
  readonly #store: Accounts;

  constructor({ store, clock, meter }: CachedAccountsDeps, options: CachedAccountsOptions) {
    const find = (digest: string) => store.findToken(digest);
    super({ find, clock, meter, call: 'findToken' }, { ...options, restMs, unknownMs });
    this.#store = store;
  }

  addToken(digest: string, user: User, expiresAtMs: number): Promise<boolean> {
    const record = { user: user.name, role: user.role, expiresAtMs };
    return this.made(digest, record, () => this.#store.addToken(digest, user, expiresAtMs));
  }

  // Whether the store has answered or not, the revocation may have been made: the token is asked about anew.

  async dropToken(digest: string): Promise<void> {
    try {
      await this.#store.dropToken(digest);
    } finally {
      this.tokenRevoked(digest);
    }
  }

  async changePassword(user: User, passwordHash: string): Promise<User | undefined> {
    try {
      return await this.#store.changePassword(user, passwordHash);
    } finally {
      this.userRevoked(user.name);
    }
  }

  async dropTokens(user: User): Promise<User | undefined> {
    try {
      return await this.#store.dropTokens(user);
    } finally {
      this.userRevoked(user.name);
    }
  }

  async deleteUser(name: string): Promise<boolean> {
    try {
      return await this.#store.deleteUser(name);
    } finally {
      this.userRevoked(name);
    }
  }

  findUser(name: string): Promise<User | undefined> {
    return this.#store.findUser(name);
  }

  listUsers(): AsyncIterable<User> {
    return this.#store.listUsers();
  }

  addUser(user: NewUser, distinct?: 'distinct'): Promise<boolean> {
    return this.#store.addUser(user, distinct);
  }

  rehash(user: User, passwordHash: string): Promise<boolean> {
    return this.#store.rehash(user, passwordHash);
  }
}
