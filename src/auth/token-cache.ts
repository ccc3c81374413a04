/**
 * The token cache: a token that was confirmed is valid for a few seconds without asking, on every replica for
 * itself, and goes on for longer while whoever confirms it is away. A revocation ends it here at once, whether this
 * replica made it or another one has told of it. `token-entries.ts` has the arithmetic, this file asks.
 *
 * Each token is asked about once at a time, however many requests want to know. One in use is confirmed again before
 * its time is over, so that nobody waits for it.
 */
import type { Clock } from '../clock.ts';
import type { Meter } from '../observe/ports.ts';
import type { TokenRecord } from './accounts.ts';
import { StoreAway, type Verifier } from './ports.ts';
import type { RevocationListener } from './revocations.ts';
import { TokenEntries, type TokenEntriesOptions, type Verified } from './token-entries.ts';

/** How long a store that failed counts as away, unless it answers before: longer than the next failure may take. */
const awayMs = 2_000;
/** The default of `confirmMaxMs`: callers are to notice nothing of a store that hangs (P7). */
export const confirmMaxMs = 90;
const unknownMax = 1_000;

/**
 * What is known here of a token. A record: it is valid. `unsure`: it was valid, and is to be asked about.
 * `unheard`: nothing. `unknown`: the verifier did not know it a short while ago.
 */
export type Recalled = TokenRecord | 'unsure' | 'unheard' | 'unknown';

/** Tokens of one kind, each by its digest. */
export interface Tokens {
  readonly verifier: Pick<Verifier, 'couldBe' | 'needsText'>;
  /** At once, asking nobody. */
  recall(digest: string, text: string): Recalled;
  /** Asks where that is needed. */
  find(digest: string, text: string): TokenRecord | undefined | Promise<TokenRecord | undefined>;
}

interface TokenCacheDeps {
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'storeCalled'>;
}

export interface TokenCacheOptions extends TokenEntriesOptions {
  /** What the meter is told that was called. */
  readonly call: string;
  /** How often a store that is away is asked, milliseconds; 0: each time. */
  readonly restMs: number;
  /** How long a known token waits for its confirmation before it goes on without, as if the store were away. */
  readonly confirmMaxMs?: number;
  /**
   * How long it is kept that a token is not known, milliseconds: a client that keeps sending the one that has
   * expired is not asked about each time.
   */
  readonly unknownMs: number;
}

interface Question {
  readonly revision: number;
  readonly answer: Promise<TokenRecord | undefined>;
}

export class TokenCache implements Tokens, RevocationListener {
  readonly verifier: Verifier;
  readonly #clock: Clock;
  readonly #meter: Pick<Meter, 'storeCalled'>;
  #options: Required<TokenCacheOptions>;
  readonly #entries: TokenEntries;
  /** Until when, by digest. */
  readonly #unknown = new Map<string, number>();
  readonly #questions = new Map<string, Question>();
  /** The store failed a moment ago. */
  #awayUntil = Number.NEGATIVE_INFINITY;
  #askNotBefore = Number.NEGATIVE_INFINITY;

  constructor({ verifier, clock, meter }: TokenCacheDeps, options: TokenCacheOptions) {
    this.verifier = verifier;
    this.#clock = clock;
    this.#meter = meter;
    this.#options = { confirmMaxMs, ...options };
    this.#entries = new TokenEntries(options);
  }

  /** Other spans, for what is confirmed from now on. */
  configure(options: TokenEntriesOptions & Pick<TokenCacheOptions, 'confirmMaxMs'>): void {
    this.#options = { ...this.#options, ...options };
    this.#entries.configure(options);
  }

  /** How many tokens are known. */
  get size(): number {
    return this.#entries.size;
  }

  recall(digest: string, text = ''): Recalled {
    const now = this.#clock.now();
    const token = this.#entries.get(digest, now);
    if (token === undefined) return now < (this.#unknown.get(digest) ?? 0) ? 'unknown' : 'unheard';
    if (this.#entries.isFresh(token, now)) {
      if (now >= token.refreshAt) this.#refresh(digest, text, now);
      return token.record;
    }
    if (now >= this.#awayUntil) return 'unsure';
    this.#refresh(digest, text, now);
    return token.record;
  }

  find(digest: string, text = ''): TokenRecord | undefined | Promise<TokenRecord | undefined> {
    const recalled = this.recall(digest, text);
    if (typeof recalled === 'object') return recalled;
    if (recalled === 'unknown') return undefined;
    return recalled === 'unheard' ? this.#ask(digest, text) : this.#confirm(digest, text);
  }

  tokenRevoked(digest: string): void {
    this.#entries.revoke(digest);
  }

  userRevoked(name: string): void {
    this.#entries.revokeUser(name);
  }

  revocationsMissed(): void {
    this.#entries.doubt();
    this.#unknown.clear();
    // The store can be heard again, so whoever waited for that need not rest any longer.
    this.#askNotBefore = Number.NEGATIVE_INFINITY;
  }

  /** For a token that is being made: `make` tells whether it was. */
  async made(digest: string, record: TokenRecord, make: () => Promise<boolean>): Promise<boolean> {
    const { revision } = this.#entries;
    const askedAt = this.#clock.now();
    const made = await make();
    this.#unknown.delete(digest);
    if (made) this.#learn(digest, record, askedAt, revision);
    return made;
  }

  /** Asks while the token goes on being valid. */
  #refresh(digest: string, text: string, now: number): void {
    if (this.#questions.has(digest) || this.#rests(now)) return;
    // A failure shows when somebody waits for the answer.
    this.#ask(digest, text).catch(() => {});
  }

  /** A token that is known waits for a moment only: while the store is away it goes on. */
  async #confirm(digest: string, text: string): Promise<TokenRecord | undefined> {
    try {
      return await this.#inTime(this.#ask(digest, text));
    } catch (error) {
      // Read now: it may have been revoked meanwhile.
      const token = error instanceof StoreAway ? this.#entries.get(digest, this.#clock.now()) : undefined;
      if (token === undefined) throw error;
      return token.record;
    }
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const alarm = this.#clock.after(this.#options.confirmMaxMs, () => {
        this.#failed();
        reject(new StoreAway(`The store did not confirm a token within ${this.#options.confirmMaxMs} ms.`));
      });
      answer.then(resolve, reject).finally(() => alarm.cancel());
    });
  }

  #ask(digest: string, text: string): Promise<TokenRecord | undefined> {
    const { revision } = this.#entries;
    const asked = this.#questions.get(digest);
    if (asked?.revision === revision) return asked.answer;
    const question: Question = { revision, answer: this.#lookUp(digest, text, revision) };
    this.#questions.set(digest, question);
    const over = (): void => {
      if (this.#questions.get(digest) === question) this.#questions.delete(digest);
    };
    question.answer.then(over, over);
    return question.answer;
  }

  async #lookUp(digest: string, text: string, revision: number): Promise<TokenRecord | undefined> {
    const askedAt = this.#clock.now();
    if (this.#rests(askedAt)) throw new StoreAway('The store failed a moment ago.');
    if (askedAt < this.#awayUntil) this.#askNotBefore = askedAt + this.#options.restMs;
    let record: Verified | undefined;
    try {
      record = await this.verifier.verify(digest, text);
    } catch (error) {
      if (error instanceof StoreAway) this.#failed();
      this.#meter.storeCalled(this.#options.call, 'error', this.#clock.now() - askedAt);
      throw error;
    }
    this.#awayUntil = Number.NEGATIVE_INFINITY;
    this.#meter.storeCalled(this.#options.call, 'ok', this.#clock.now() - askedAt);
    this.#learn(digest, record, askedAt, revision);
    return record;
  }

  #failed(): void {
    const now = this.#clock.now();
    this.#awayUntil = now + awayMs;
    this.#askNotBefore = now + this.#options.restMs;
  }

  #rests(now: number): boolean {
    return now < this.#awayUntil && now < this.#askNotBefore;
  }

  #learn(digest: string, record: Verified | undefined, askedAt: number, revision: number): void {
    const now = this.#clock.now();
    if (record !== undefined) {
      const expiresAt = now + record.expiresAtMs - this.#clock.wallMs();
      this.#entries.confirm(digest, record, { askedAt, expiresAt, revision }, now);
      return;
    }
    this.#entries.forget(digest);
    if (revision !== this.#entries.revision) return;
    this.#unknown.set(digest, now + this.#options.unknownMs);
    for (const oldest of this.#unknown.keys()) {
      if (this.#unknown.size <= unknownMax) return;
      this.#unknown.delete(oldest);
    }
  }
}
