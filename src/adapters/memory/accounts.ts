import type { ListedToken, NewUser, TokenRecord, User } from '../../auth/accounts.ts';
import type { AccountStore } from '../../auth/ports.ts';
import { likenessOf } from '../../auth/precis.ts';
import type { Clock } from '../../clock.ts';

interface StoredToken extends TokenRecord {
  readonly version: string;
  readonly madeAtMs: number;
  /** `Clock.now()`: a date that is set back does not prolong a token. */
  readonly expiresAt: number;
}

interface MemoryAccountsOptions {
  /** How many tokens are kept at most; the oldest goes first. */
  readonly tokensMax: number;
  /** How many tokens of one user are kept at most; the oldest goes first. */
  readonly tokensPerUserMax: number;
}

const defaults: MemoryAccountsOptions = { tokensMax: 200_000, tokensPerUserMax: 1_000 };

/** Users and tokens in this process: gone when it ends, and seen by no other replica. */
export class MemoryAccounts implements AccountStore {
  readonly #clock: Clock;
  #options: MemoryAccountsOptions;
  readonly #users = new Map<string, User>();
  /** In order of age. All have the same lifetime, so it is the order of expiry as well. */
  readonly #tokens = new Map<string, StoredToken>();
  /** The digests of each user's, in order of age. */
  readonly #tokensOf = new Map<string, Set<string>>();
  #changes = 0;

  constructor(clock: Clock, options: Partial<MemoryAccountsOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...defaults, ...options };
  }

  /** Other bounds. A user that has more loses them with the next login. */
  configure(options: Partial<MemoryAccountsOptions>): void {
    this.#options = { ...this.#options, ...options };
  }

  /** How many tokens are kept, including ended ones that nobody has met since. */
  get size(): number {
    return this.#tokens.size;
  }

  async findUser(name: string): Promise<User | undefined> {
    return this.#users.get(name);
  }

  async *listUsers(): AsyncIterable<User> {
    yield* this.#users.values();
  }

  async addUser(user: NewUser, distinct?: 'distinct'): Promise<boolean> {
    if (this.#users.has(user.name)) return false;
    if (distinct === 'distinct' && this.#hasLike(user.name)) return false;
    this.#users.set(user.name, { ...user, version: this.#nextVersion() });
    return true;
  }

  async changePassword(user: User, passwordHash: string): Promise<User | undefined> {
    return this.#change(user, { passwordHash, mustChangePassword: false });
  }

  async dropTokens(user: User): Promise<User | undefined> {
    return this.#change(user, {});
  }

  async rehash(user: User, passwordHash: string): Promise<boolean> {
    if (!this.#isAsRead(user)) return false;
    this.#users.set(user.name, { ...user, passwordHash });
    return true;
  }

  async deleteUser(name: string): Promise<boolean> {
    this.#forgetAllOf(name);
    return this.#users.delete(name);
  }

  async addToken(digest: string, user: User, expiresAtMs: number): Promise<boolean> {
    if (!this.#isAsRead(user)) return false;
    const lifetimeMs = expiresAtMs - this.#clock.wallMs();
    this.#makeRoom(user.name);
    this.#tokens.set(digest, {
      user: user.name,
      role: user.role,
      expiresAtMs,
      version: user.version,
      madeAtMs: this.#clock.wallMs(),
      expiresAt: this.#clock.now() + lifetimeMs,
    });
    const own = this.#tokensOf.get(user.name);
    if (own === undefined) this.#tokensOf.set(user.name, new Set([digest]));
    else own.add(digest);
    return true;
  }

  findToken(digest: string): TokenRecord | undefined {
    const token = this.#tokens.get(digest);
    if (token === undefined) return undefined;
    if (this.#isValid(token)) return token;
    this.#forget(digest);
    return undefined;
  }

  async dropToken(digest: string): Promise<void> {
    this.#forget(digest);
  }

  async tokensOf(name: string): Promise<readonly ListedToken[]> {
    const found: ListedToken[] = [];
    for (const digest of this.#tokensOf.get(name) ?? []) {
      const token = this.#tokens.get(digest);
      if (token === undefined || !this.#isValid(token)) continue;
      found.push({ digest, madeAtMs: token.madeAtMs, expiresAtMs: token.expiresAtMs, label: '' });
    }
    return found;
  }

  /** Looks at all users: few are added. */
  #hasLike(name: string): boolean {
    const likeness = likenessOf(name);
    for (const other of this.#users.keys()) if (likenessOf(other) === likeness) return true;
    return false;
  }

  #change(user: User, by: Partial<User>): User | undefined {
    if (!this.#isAsRead(user)) return undefined;
    const changed: User = { ...user, ...by, version: this.#nextVersion() };
    this.#users.set(user.name, changed);
    this.#forgetAllOf(user.name);
    return changed;
  }

  #isAsRead(user: User): boolean {
    return this.#users.get(user.name)?.version === user.version;
  }

  #isValid(token: StoredToken): boolean {
    return token.expiresAt > this.#clock.now() && this.#users.get(token.user)?.version === token.version;
  }

  /** Each new token also removes the ended ones at the front, so that those nobody meets again do not pile up. */
  #makeRoom(name: string): void {
    const { tokensMax, tokensPerUserMax } = this.#options;
    const own = this.#tokensOf.get(name) ?? new Set();
    for (const oldest of own) {
      if (own.size < tokensPerUserMax) break;
      this.#forget(oldest);
    }
    for (const [digest, token] of this.#tokens) {
      if (this.#tokens.size < tokensMax && this.#isValid(token)) return;
      this.#forget(digest);
    }
  }

  #forget(digest: string): void {
    const token = this.#tokens.get(digest);
    if (token === undefined) return;
    this.#tokens.delete(digest);
    const own = this.#tokensOf.get(token.user);
    own?.delete(digest);
    if (own?.size === 0) this.#tokensOf.delete(token.user);
  }

  #forgetAllOf(name: string): void {
    for (const digest of this.#tokensOf.get(name) ?? []) this.#tokens.delete(digest);
    this.#tokensOf.delete(name);
  }

  #nextVersion(): string {
    this.#changes += 1;
    return String(this.#changes);
  }
}
