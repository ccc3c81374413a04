/** What Weir asks of the world. Each port is a few methods, and its comment states its law. */
import type { ListedToken, NewUser, TokenRecord, User } from './auth/accounts.ts';
import type { AuditLine } from './observe/audit.ts';
import type { BodyRead, BodyRoom } from './exchange/bodies.ts';
import type { Fields } from './exchange/exchange.ts';
import type { CoreappFailure, CoreappRequest } from './upstream/ports.ts';
import type { CutCause } from './exchange/outcome.ts';
import type { Asker, Standing } from './auth/places.ts';
import type { Quota } from './admission/rate/quota.ts';
import type { RefusalName } from './exchange/refusals.ts';
import type { ReplayReason } from './upstream/replay.ts';
import type { RequestLine } from './observe/request-line.ts';
import type { RouteClass } from './profiles/coreapp/routes.ts';
import type { Grant } from './admission/rate/slots.ts';

export type { ListedToken, NewUser, TokenRecord, User } from './auth/accounts.ts';
export type { CoreappFailure, CoreappRequest, RequestHead } from './upstream/ports.ts';

/** Time. `now()` never goes back; only `wallMs()` knows the date. */
export interface Clock {
  /** Milliseconds since some moment, fractions included. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC. */
  wallMs(): number;
  /** Calls back once, never early by `now()`, unless it was cancelled before. */
  after(ms: number, call: () => void): Alarm;
}

export interface Alarm {
  cancel(): void;
}

/**
 * The shared state of the limits. Whoever shares a bucket shares its clock, so a grant holds delays, never instants.
 * What was granted is spent, used or not. A promise that rejects has granted nothing that the asker may use.
 */
export interface Buckets {
  /** Takes 1 to `want` slots. Answers at once where the bucket is in this process. */
  reserve(bucket: string, quota: Quota, want: number): Grant | Promise<Grant>;
  /**
   * No slot that is given from now on opens before `ms` are over (at most 5 s), nor earlier than it would have; for
   * everybody who shares the bucket. It never rejects: where the others can't be told it counts in this process.
   */
  pushBack(bucket: string, quota: Quota, ms: number): void | Promise<void>;
  /** Nobody here asks for it any more: what this process remembers may go, if it says no more than that it is full. */
  forget(bucket: string): void;
}

/** For operators: which tokens of a user are valid, the oldest first. */
export interface TokenList {
  tokensOf(name: string): Promise<readonly ListedToken[]>;
}

/**
 * Users and tokens. A token is valid until it expires, is dropped, its user is changed or deleted, or newer ones of its
 * user are as many as one user may have; after any of these no call finds it. What is done to a `User` counts only if the user is still as it was read, so that of two who change
 * it at once one is told. An outage rejects with `StoreAway`; it never looks like "not found".
 */
export interface Accounts {
  findUser(name: string): Promise<User | undefined>;
  /** Every user once, in no order. Whoever is added or deleted meanwhile may be told or not. */
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
  /** False: the user is no longer as read, and the token is not valid. Of too many of one user the oldest end. */
  addToken(digest: string, user: User, expiresAtMs: number): Promise<boolean>;
  /** Whose token it is; an expired one is removed when it is met. At once where the store is in this process. */
  findToken(digest: string): TokenRecord | undefined | Promise<TokenRecord | undefined>;
  dropToken(digest: string): Promise<void>;
}

/**
 * Tokens that an identity provider issues. Found is what it vouches for: signed by a key of its, for Weir, and not over;
 * the name of its user is none that a user of Weir's own could have. As long as its keys can't be had, what would need them
 * rejects with `StoreAway`; it never looks like "not found".
 */
export interface ForeignTokens {
  /** False: no token of the provider's looks like this. None of Weir's own does. */
  couldBeToken(text: string): boolean;
  findToken(text: string): Promise<TokenRecord | undefined>;
}

/**
 * Tokens of others that were logged out. Nobody can take back what a provider has signed, so it is remembered until it is
 * over by itself. All replicas know at once, as of other revocations. An outage rejects with `StoreAway`.
 */
export interface EndedTokens {
  /**
   * @param untilMs when the token is over, milliseconds since 1970-01-01 UTC
   * @param user whose it was: where there is no room for all, one user pushes out its own
   */
  end(digest: string, untilMs: number, user?: string): Promise<void>;
  hasEnded(digest: string): boolean | Promise<boolean>;
}

/** Random and one-way text. What was not made by `token()` can't be guessed from anything that is stored. */
export interface Secrets {
  /** A new token: 256 random bits in base64url, 43 characters. */
  token(): string;
  /** False: no token of ours looks like this, so there is nothing to look up. */
  couldBeToken(text: string): boolean;
  /** SHA-256 in hexadecimal: what is stored and compared instead of the text. */
  digest(text: string): string;
  /** What tells texts apart within this process and nowhere else: of a password nothing else is kept to compare. */
  mark(text: string): string;
  /** Compares two digests in a time that does not depend on where they differ. */
  same(digestA: string, digestB: string): boolean;
}

/**
 * Passwords, hashed with a memory-hard function off the event loop. The work is bounded: whoever hashes or verifies
 * needs a turn, askers take turns (`auth/places.ts`), and only so many wait. A user who does not exist costs as much as a
 * wrong password.
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
export interface Guard {
  mayTry(username: string, address: string): Promise<Leave>;
  /** The same, and what is known of them otherwise. */
  look(username: string, address: string): Promise<Look>;
  failed(username: string, address: string): Promise<void>;
  succeeded(username: string, address: string): Promise<void>;
  /**
   * How long an address has to wait because it brought too many tokens or keys that nobody knows, milliseconds; 0: not
   * at all. At once, by what is known in this process: what others counted shows with the next one that is counted here.
   */
  strangerWaitMs(kind: Stranger, address: string): number;
  /** Counts one more. */
  stranger(kind: Stranger, address: string): Promise<void>;
}

export interface Look {
  readonly leave: Leave;
  readonly standing: Standing;
}

export type Stranger = 'token' | 'key';

export type Leave = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterMs: number };

/** The store did not answer, or answered nonsense. */
export class StoreAway extends Error {
  override readonly name = 'StoreAway';
}

export interface CoreappObserver {
  /**
   * Asked right before the first byte is written, on a connection that stands. False: nothing is written, the call fails
   * as `late`, and a connection without a body from the disk is kept.
   */
  mayWrite(): boolean;
  /** 1xx answers, any number, before the head. */
  onInformation(status: number, fields: Fields): void;
  onHead(status: number, fields: Fields): void;
  /** False: no more until `CoreappCall.resume()`. */
  onData(chunk: Buffer): boolean;
  onEnd(trailers: Fields): void;
  onFailure(failure: CoreappFailure): void;
}

export interface CoreappCall {
  resume(): void;
  /** Ends the exchange; `onFailure` follows unless it has ended already. */
  abort(): void;
}

/** The Coreapp. Each call ends in exactly one `onEnd` or `onFailure`, maybe before `send` has returned; nothing is sent twice. */
export interface Coreapp {
  send(request: CoreappRequest, observer: CoreappObserver): CoreappCall;
}

/** Connections that have switched protocols: bytes pass both ways until either side ends. */
export interface Tunnels {
  /** The Coreapp, for the request of one caller who asks to switch. A 101 is the end of its answers, without a body. */
  over(side: Caller, told: TunnelObserver): Coreapp;
}

/** Called once each for every attempt. */
export interface TunnelObserver {
  /** The attempt begins. */
  asked(): void;
  /** It came to no tunnel, or the tunnel has ended. */
  ended(): void;
}

/** The caller's side of an exchange. One answer: `page`, or `head` then `data` then `end`, or `cut`. */
export interface Caller {
  /** True once the caller has hung up (or was cut off). */
  readonly gone: boolean;
  /** Why it was cut off where that was not asked for by `cut`; null: it was not, or it has hung up by itself. */
  readonly cutFor: CutCause | null;
  /** Called once when the caller hangs up before its answer is complete. One listener; null takes it away. */
  onGone(listener: (() => void) | null): void;
  /** A valid credential was seen: where connections have to be closed, this one goes later than strangers'. */
  known(): void;
  /** The announced length of the body; null: unknown (chunked). */
  readonly bodyBytes: number | null;
  /**
   * Reads the whole body, at most `maxBytes`; at once where it has arrived already. `100 Continue` is sent where the
   * caller waits for it. All that a body takes is taken of `room` before: its announced length, or of one that comes in
   * chunks as much as they need; where that is not to be had, nothing further is kept. What is larger than the room's
   * `memoryMaxBytes` goes to a file, no faster than the disk takes it.
   */
  read(maxBytes: number, room: BodyRoom): BodyRead | Promise<BodyRead>;
  information(status: number, fields: Fields): void;
  head(status: number, fields: Fields): void;
  /** False: the caller's buffer is full; `listener` of `onDrain` is called when there is room. */
  data(chunk: Buffer): boolean;
  onDrain(listener: () => void): void;
  /** False: the caller has still to take the last of it; `listener` of `onDrain` is called when it has. */
  end(trailers: Fields): boolean;
  /** A whole answer of Weir's own. */
  page(status: number, fields: Fields, body: string): void;
  /** Breaks the connection: a truncated answer is not made whole. */
  cut(): void;
}

/** How a stay in line ended. */
export type HoldOutcome = 'sent' | 'refused' | 'gone';

/** Counts and times, for Prometheus. No caller's name is ever a label. */
export interface Meter {
  answered(route: RouteClass | 'none', method: string, status: number, ms: number): void;
  held(route: RouteClass, outcome: HoldOutcome, ms: number): void;
  coreappAnswered(route: RouteClass, status: number | 'failure', ms: number): void;
  replayed(route: RouteClass, reason: ReplayReason): void;
  refused(name: RefusalName): void;
  /** An answer was cut off by Weir. */
  cut(route: RouteClass | 'none', cause: CutCause): void;
  /** A token of Weir's own opened health, metrics or stats. @param expiresAtMs milliseconds since 1970-01-01 UTC */
  monitored(expiresAtMs: number): void;
  reserved(bucket: string, source: 'store' | 'fallback' | 'memory', slots: number): void;
  storeCalled(call: string, outcome: 'ok' | 'error', ms: number): void;
}

/** One line a request, and what an operator must know besides. Never a secret, never a body. */
export interface Log {
  request(line: RequestLine): void;
  /** Written at every level but `silent`: who turns the lines of requests off still wants to know who logged in. */
  audit(line: AuditLine): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
