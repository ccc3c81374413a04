/** What auth asks of the outside: users, tokens, passwords, and a guard against guessing. */
import type { ListedToken, NewUser, TokenRecord, User } from './accounts.ts';
import type { Asker, Standing } from './places.ts';
import type { Verified } from './token-entries.ts';

/**
 * Users and tokens. A token is valid until it expires or is dropped, until its user is changed or deleted, or until
 * that user has as many newer tokens as one user may have. After any of these no call finds it. A change to a `User`
 * counts only if the user is still as it was read, so that of two changes at once, one is told. An outage rejects with
 * `StoreAway`; it never looks like "not found".
 */
export interface Accounts {
  findUser(name: string): Promise<User | undefined>;
  /** Every user once, in no order. A user that is added or deleted meanwhile may be told or not. */
  listUsers(): AsyncIterable<User>;
  /**
   * False: the name is taken, nothing was changed.
   * @param distinct given: also where a name that could be taken for it is (`likenessOf`)
   */
  addUser(user: NewUser, distinct?: 'distinct'): Promise<boolean>;
  /** Gives the user another password and drops all its tokens. Undefined: no longer as read, nothing was changed. */
  changePassword(user: User, passwordHash: string): Promise<User | undefined>;
  /** Drops all tokens of the user; its password stays. Undefined: no longer as read, nothing was changed. */
  dropTokens(user: User): Promise<User | undefined>;
  /** Stores the same password hashed anew; its tokens stay. False: no longer as read, nothing was changed. */
  rehash(user: User, passwordHash: string): Promise<boolean>;
  /** Deletes the user and all its tokens. False: there is no such user. */
  deleteUser(name: string): Promise<boolean>;
  /**
   * False: the user is no longer as read, and the token is not valid. If the user then has too many, the oldest end.
   */
  addToken(digest: string, user: User, expiresAtMs: number): Promise<boolean>;
  dropToken(digest: string): Promise<void>;
}

/** The same where they are stored. */
export interface AccountStore extends Accounts {
  /**
   * The user of a token; an expired token is removed when it is met. The answer comes at once if the store is in this
   * process.
   */
  findToken(digest: string): TokenRecord | undefined | Promise<TokenRecord | undefined>;
  /** For operators: which tokens of a user are valid, the oldest first. */
  tokensOf(name: string): Promise<readonly ListedToken[]>;
}

/** Tokens that an operator makes, for callers without a login. */
export interface MadeTokens {
  /**
   * As `addToken`; logins of the same user do not end it.
   * @param label what lists call it; empty: nothing
   */
  makeToken(digest: string, user: User, expiresAtMs: number, label: string): Promise<boolean>;
  /** As `dropToken`, and forgets what it was called. */
  dropMade(digest: string): Promise<void>;
}

/** Finds out to whom the tokens of one kind belong. */
export interface Verifier {
  /**
   * False: no token of this kind looks like that, so there is nothing to ask. A token of one kind is none of another.
   */
  couldBe(text: string): boolean;
  /** False: the digest is enough, and the text is handed over empty. */
  readonly needsText: boolean;
  /** Undefined: not valid. An outage rejects with `StoreAway`; it never looks like "not valid". */
  verify(digest: string, text: string): Verified | undefined | Promise<Verified | undefined>;
}

/**
 * Tokens that an identity provider issues. A token that is found is one that the provider vouches for: signed by one of
 * its keys, meant for Weir, and not over. The name of its user is none that a user of Weir's own could have. While the
 * provider's keys can't be had, a call that needs them rejects with `StoreAway`; it never looks like "not found".
 */
export interface JwtCheck {
  /** False: no token of the provider's looks like this. None of Weir's own does. */
  couldBe(text: string): boolean;
  check(text: string): Promise<TokenRecord | undefined>;
}

/**
 * Tokens of others that were logged out. Nobody can take back what a provider has signed, so the logout is kept until
 * the token is over by itself. All replicas know at once, as with other revocations. An outage rejects with
 * `StoreAway`.
 */
export interface EndedTokens {
  /**
   * @param untilMs when the token is over, milliseconds since 1970-01-01 UTC
   * @param user whose it was: where there is no room for all, one user pushes out its own
   */
  end(digest: string, untilMs: number, user?: string): Promise<void>;
  hasEnded(digest: string): boolean | Promise<boolean>;
}

/**
 * Random and one-way text. A text that was not made by `token()`, such as a password, can't be guessed from anything
 * that is stored.
 */
export interface Secrets {
  /** A new token: 256 random bits in base64url, 43 characters. */
  token(): string;
  /** False: no token of ours looks like this, so there is nothing to look up. */
  couldBeToken(text: string): boolean;
  /** SHA-256 in hexadecimal: what is stored and compared instead of the text. */
  digest(text: string): string;
  /** Tells texts apart within this process and nowhere else. Nothing else of a password is kept to compare. */
  mark(text: string): string;
  /** Compares two digests in a time that does not depend on where they differ. */
  same(digestA: string, digestB: string): boolean;
}

/**
 * Passwords, hashed with a memory-hard function off the event loop. The work is bounded: hashing and verifying need a
 * turn, askers take turns (`auth/places.ts`), and only so many wait. A user who does not exist costs as much as a wrong
 * password.
 */
export interface Passwords {
  /** @param asker not there: Weir itself */
  enter(asker?: Asker): Promise<PasswordTurn | PasswordsBusy>;
}

/** Dispose it in every case: the next one waits. */
export interface PasswordTurn extends Disposable {
  readonly kind: 'turn';
  /** True when others went first: what was asked before `enter` may have changed. */
  readonly waited: boolean;
  /** The hash of the password's form (RFC 8265, OpaqueString) as a PHC string. */
  hash(password: string): Promise<string>;
  /** Null: there is no such user, which is `wrong`. `outdated`: right, but to be hashed anew as it is done today. */
  verify(password: string, passwordHash: string | null): Promise<'right' | 'outdated' | 'wrong'>;
}

/** Too many wait, or the wait was too long. */
export interface PasswordsBusy {
  readonly kind: 'busy';
  readonly retryAfterMs: number;
}

/**
 * Slows guessing down. Failures count against the user name from that address, against the address, and, far slower,
 * against the name from addresses that have not logged in as it before. So nobody is locked out by another address's
 * failures. It never rejects: without its store it counts in this process.
 */
export interface LoginGuard extends StrangerGuard {
  mayTry(username: string, address: string): Promise<Leave>;
  /** The same, and what is known of them otherwise. */
  look(username: string, address: string): Promise<Look>;
  failed(username: string, address: string): Promise<void>;
  succeeded(username: string, address: string): Promise<void>;
}

export interface StrangerGuard {
  /**
   * How long an address has to wait because it brought too many tokens or keys that nobody knows, milliseconds; 0: not
   * at all. At once, by what is known in this process: what others counted shows with the next one that is counted
   * here.
   */
  strangerWaitMs(kind: StrangerKind, address: string): number;
  /** Counts one more. */
  stranger(kind: StrangerKind, address: string): Promise<void>;
}

export interface Look {
  readonly leave: Leave;
  readonly standing: Standing;
}

export type StrangerKind = 'token' | 'key';

export type Leave = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterMs: number };

/** The store did not answer, or answered nonsense. */
export class StoreAway extends Error {
  override readonly name = 'StoreAway';
}
