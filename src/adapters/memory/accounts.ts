import type { Accounts, Clock, NewUser, TokenRecord, User } from '../../ports.ts';

interface StoredToken extends TokenRecord {
  readonly version: string;
  /** `Clock.now()`: a date that is set back does not prolong a token. */
  readonly expiresAt: number;
}

export interface MemoryAccountsOptions {
  /** How many tokens are kept at most; the oldest goes first. */
  readonly tokensMax: number;
}

export interface AccountsAtHand extends Accounts {
  findToken(digest: string): TokenRecord | undefined;
  /** How many tokens are kept, the ones included that nobody has met since they ended. */
  readonly size: number;
}

/** Users and tokens in this process: gone when it ends, and seen by no other replica. */
export function createMemoryAccounts(
  clock: Clock,
  options: MemoryAccountsOptions = { tokensMax: 200_000 },
): AccountsAtHand {
  return new MemoryAccounts(clock, options);
}

class MemoryAccounts implements AccountsAtHand {
  readonly #clock: Clock;
  readonly #tokensMax: number;
  readonly #users = new Map<string, User>();
  /** In order of age, which with one lifetime for all is the order of expiry. */
  readonly #tokens = new Map<string, StoredToken>();
  #changes = 0;

  constructor(clock: Clock, options: MemoryAccountsOptions) {
    this.#clock = clock;
    this.#tokensMax = options.tokensMax;
  }

  get size(): number {
    return this.#tokens.size;
  }

  async findUser(name: string): Promise<User | undefined> {
    return this.#users.get(name);
  }

  async *listUsers(): AsyncIterable<User> {
    yield* this.#users.values();
  }

  async addUser(user: NewUser): Promise<boolean> {
    if (this.#users.has(user.name)) return false;
    this.#users.set(user.name, { ...user, version: this.#nextVersion() });
    return true;
  }

  async changePassword(user: User, passwordHash: string): Promise<User | undefined> {
    if (!this.#isAsRead(user)) return undefined;
    const changed: User = { ...user, passwordHash, mustChangePassword: false, version: this.#nextVersion() };
    this.#users.set(user.name, changed);
    return changed;
  }

  async dropTokens(user: User): Promise<User | undefined> {
    if (!this.#isAsRead(user)) return undefined;
    const changed: User = { ...user, version: this.#nextVersion() };
    this.#users.set(user.name, changed);
    return changed;
  }

  async rehash(user: User, passwordHash: string): Promise<boolean> {
    if (!this.#isAsRead(user)) return false;
    this.#users.set(user.name, { ...user, passwordHash });
    return true;
  }

  async deleteUser(name: string): Promise<boolean> {
    return this.#users.delete(name);
  }

  async addToken(digest: string, user: User, expiresAtMs: number): Promise<boolean> {
    if (!this.#isAsRead(user)) return false;
    const lifetimeMs = expiresAtMs - this.#clock.wallMs();
    this.#makeRoom();
    this.#tokens.set(digest, {
      user: user.name,
      role: user.role,
      expiresAtMs,
      version: user.version,
      expiresAt: this.#clock.now() + lifetimeMs,
    });
    return true;
  }

  findToken(digest: string): TokenRecord | undefined {
    const token = this.#tokens.get(digest);
    if (token === undefined) return undefined;
    if (this.#isValid(token)) return token;
    this.#tokens.delete(digest);
    return undefined;
  }

  async dropToken(digest: string): Promise<void> {
    this.#tokens.delete(digest);
  }

  #isAsRead(user: User): boolean {
    return this.#users.get(user.name)?.version === user.version;
  }

  #isValid(token: StoredToken): boolean {
    return token.expiresAt > this.#clock.now() && this.#users.get(token.user)?.version === token.version;
  }

  /** Whoever brings a token takes the ended ones at the front away, so what nobody meets again does not pile up. */
  #makeRoom(): void {
    for (const [digest, token] of this.#tokens) {
      if (this.#tokens.size < this.#tokensMax && this.#isValid(token)) return;
      this.#tokens.delete(digest);
    }
  }

  #nextVersion(): string {
    this.#changes += 1;
    return String(this.#changes);
  }
}
