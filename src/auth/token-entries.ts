/**
 * What the token cache knows of tokens that their verifier has confirmed. Two spans begin when the verifier was asked,
 * which is never later than what it answers was true:
 *
 *     asked ├── refresh ──┼─ fresh ─┤                     valid without asking
 *           ├───────────────────────┴──────── kept ─────┤ known: to be asked about again; valid while it is away
 *
 * Both end when the token expires. Only tokens that were confirmed come in, so made-up ones push nothing out. If there
 * are too many, the one with the oldest confirmation goes first, among those of users that have at least the average
 * number. So a user with thousands of tokens pushes out its own. A token that is in use is confirmed again and again.
 *
 * A revocation takes tokens out. A doubt (revocations may have been missed) ends all freshness; what is known stays
 * known. An answer that is under way at that moment may be older than either. So an asker notes the `revision`, and an
 * answer to a question from another revision is not kept. That costs one more question, and no times have to be
 * compared.
 */
import type { TokenRecord } from './accounts.ts';
import { UserEntries, type UserEntry } from './user-entries.ts';

/** A token that its verifier has confirmed. */
export interface Verified extends TokenRecord {
  /** What a revocation names in place of the token's digest, if one token can be written in several ways. */
  readonly revokedAs?: string;
}

export interface TokenEntriesOptions {
  /** How long a confirmed token is valid without asking, milliseconds. */
  readonly freshMs: number;
  /** How long it is known, milliseconds. */
  readonly keptMs: number;
  /** Most tokens; 1 or more. */
  readonly max: number;
}

/** An answer of the verifier. Instants are `Clock.now()`. */
interface Confirmation {
  readonly askedAt: number;
  readonly expiresAt: number;
  /** The cache's when the verifier was asked. */
  readonly revision: number;
}

/** How long before the end of freshness a token in use is confirmed again: longer than an answer may take. */
const refreshAheadMs = 2_000;

/** It is known until its end. */
interface TokenEntry extends UserEntry {
  readonly record: Verified;
  readonly refreshAt: number;
  readonly freshUntil: number;
  readonly revision: number;
}

function entryOf(record: Verified, spans: TokenEntriesOptions, confirmation: Confirmation): TokenEntry {
  const { freshMs, keptMs } = spans;
  const { askedAt, expiresAt, revision } = confirmation;
  const refreshAt = askedAt + Math.max(freshMs / 2, freshMs - refreshAheadMs);
  const until = Math.min(askedAt + Math.max(freshMs, keptMs), expiresAt);
  return { record, user: record.user, refreshAt, freshUntil: askedAt + freshMs, until, revision };
}

export class TokenEntries {
  #options: TokenEntriesOptions;
  /** In the order of confirmation. */
  readonly #tokens = new UserEntries<TokenEntry>();
  /** Digests of what is revoked together, by the name that it is revoked as. */
  readonly #together = new Map<string, Set<string>>();
  #revision = 0;
  /** What was confirmed at an earlier revision is in doubt. */
  #trustedFrom = 0;

  constructor(options: TokenEntriesOptions) {
    this.#options = options;
  }

  /** Other spans, for what is confirmed from now on. */
  configure(options: TokenEntriesOptions): void {
    this.#options = options;
  }

  get size(): number {
    return this.#tokens.size;
  }

  /** Changes with each revocation and each doubt. */
  get revision(): number {
    return this.#revision;
  }

  /** Undefined: not known. */
  get(digest: string, now: number): TokenEntry | undefined {
    const token = this.#tokens.get(digest);
    return token !== undefined && now < token.until ? token : undefined;
  }

  /** Whether it is valid without asking. */
  isFresh(token: TokenEntry, now: number): boolean {
    return now < token.freshUntil && token.revision >= this.#trustedFrom;
  }

  /** The verifier has confirmed the token. */
  confirm(digest: string, record: Verified, confirmation: Confirmation, now: number): void {
    if (confirmation.revision !== this.#revision) return;
    const token = entryOf(record, this.#options, confirmation);
    this.forget(digest);
    if (now < token.until) this.#keep(digest, token);
    for (const oldest of this.#tokens.surplus(now, this.#options.max)) this.forget(oldest);
  }

  /** @param digest the token's, or what it is revoked as */
  revoke(digest: string): void {
    this.#revision += 1;
    this.forget(digest);
    for (const one of this.#together.get(digest) ?? []) this.forget(one);
  }

  /** Looks at every token: users are changed rarely, and an index would cost every confirmation. */
  revokeUser(name: string): void {
    this.#revision += 1;
    for (const [digest, { user }] of this.#tokens) if (user === name) this.forget(digest);
  }

  doubt(): void {
    this.#revision += 1;
    this.#trustedFrom = this.#revision;
  }

  #keep(digest: string, token: TokenEntry): void {
    this.#tokens.add(digest, token);
    const { revokedAs } = token.record;
    if (revokedAs === undefined) return;
    const together = this.#together.get(revokedAs);
    if (together === undefined) this.#together.set(revokedAs, new Set([digest]));
    else together.add(digest);
  }

  /** The verifier does not know the token, or not any more. */
  forget(digest: string): void {
    const revokedAs = this.#tokens.take(digest)?.record.revokedAs;
    if (revokedAs === undefined) return;
    const together = this.#together.get(revokedAs);
    together?.delete(digest);
    if (together?.size === 0) this.#together.delete(revokedAs);
  }
}
