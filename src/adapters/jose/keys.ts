/**
 * An identity provider's keys, as they are now: fetched when first needed, and anew when they get old or when a token
 * names one that is not among them, since that is how a new key shows. Made-up names can't make Weir fetch more often
 * than once in `cooldownMs`, and a provider that fails is left alone for a moment.
 *
 *     fetched ├────── cacheMs ──────┼──── awayGraceMs ────┤
 *             │ used                │ fetched anew; used while that fails                │ not used any more
 */
import {
  type CompactJWSHeaderParameters,
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
} from 'jose';
import { StoreAway } from '../../auth/ports.ts';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../observe/ports.ts';
import type { KeySource } from './source.ts';

/** How long after a fetch an unknown key is just that. */
const cooldownMs = 10_000;
/** How long a provider that failed is left alone. */
const restMs = 1_000;

export interface KeysOptions {
  /** How old keys get before they are fetched anew, milliseconds. */
  readonly cacheMs: number;
  /** How long older ones are used while the provider is away. */
  readonly awayGraceMs: number;
}

export class ProviderKeys {
  readonly #source: KeySource;
  readonly #options: KeysOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  #keys: ReturnType<typeof createLocalJWKSet> | null = null;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | null = null;
  #failure: StoreAway | null = null;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(source: KeySource, options: KeysOptions, clock: Clock, log: Log) {
    this.#source = source;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * The key that a token names. Rejects with jose's errors, or with `StoreAway` where the provider would have to be
   * asked.
   */
  async find(header: CompactJWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const keys = await this.#current();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#ageMs() < cooldownMs) throw error;
    }
    await this.#fetch();
    return await (this.#keys as typeof keys)(header, token);
  }

  #ageMs(): number {
    return this.#clock.now() - this.#fetchedAt;
  }

  async #current(): Promise<ReturnType<typeof createLocalJWKSet>> {
    const { cacheMs, awayGraceMs } = this.#options;
    const ageMs = this.#ageMs();
    if (this.#keys !== null && ageMs < cacheMs) return this.#keys;
    try {
      await this.#fetch();
    } catch (error) {
      if (this.#keys === null || ageMs >= cacheMs + awayGraceMs) throw error;
    }
    return this.#keys as ReturnType<typeof createLocalJWKSet>;
  }

  /** One fetch at a time, for all who ask. */
  #fetch(): Promise<void> {
    if (this.#failure !== null && this.#clock.now() - this.#failedAt < restMs) return Promise.reject(this.#failure);
    this.#fetching ??= this.#load().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #load(): Promise<void> {
    const askedAt = this.#clock.now();
    try {
      this.#keys = createLocalJWKSet(JSON.parse(await this.#source.load()));
    } catch (error) {
      const reason = reasonOf(error);
      if (this.#failure?.message !== reason) {
        this.#log.warn('the identity provider’s keys cannot be had', { source: this.#source.name, reason });
      }
      this.#failure = new StoreAway(reason, { cause: error });
      this.#failedAt = this.#clock.now();
      throw this.#failure;
    }
    if (this.#failure !== null) this.#log.info('the identity provider’s keys are back', { source: this.#source.name });
    this.#failure = null;
    this.#fetchedAt = askedAt;
  }
}

/** `fetch` only says that it failed; the reason is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof SyntaxError) return 'what it holds is not JSON'; // The message would quote it.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
