/**
 * The login guard on rate-limiter-flexible. For logins four counters, each a window that begins with its first failure:
 *
 *     pair     a name from an address    what one guesser can do to one account
 *     address  all names from it         what one guesser can do to all accounts
 *     name     all addresses             what many guessers together can do to one account; one address can't fill it
 *     trickle  all addresses             past the limit of a name: one failure at a time, so that it isn't shut
 *     known    a name from an address    not a limit: the mark of an address that has logged in as that name before.
 *                                        There only the pair counts, whatever others do there or to that name
 *
 * An address is an IPv4 address or an IPv6 /56: a rented machine often comes with that many /64s.
 *
 * In Redis the counts hold over all replicas. Without Redis each replica counts in its own memory, which is bounded by
 * what failures cost: each has had a password hashed. What a login leaves behind is bounded for each user. Unknown
 * tokens and keys cost nothing: `strangers.ts`.
 */
import { hash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  type RateLimiterRes,
} from 'rate-limiter-flexible';
import type { Leave, LoginGuard, Look, StrangerKind } from '../../auth/ports.ts';
import { networkOf } from '../../http/network.ts';
import { Homes } from './homes.ts';
import { type Allowance, Strangers } from './strangers.ts';

export type { Allowance };

export interface LoginGuardOptions {
  readonly pair: Allowance;
  readonly address: Allowance;
  readonly name: Allowance;
  /** Past the limit of a name: how long after a failure the next unknown address may try, seconds. */
  readonly trickleS: number;
  /** How long an address counts as known after a login, seconds; at most 24 days, a timer's longest. */
  readonly knownS: number;
  /**
   * How many addresses of one user count as known; not there: 1,000. One more makes the one used longest ago forgotten.
   */
  readonly knownMax?: number;
  /** Unknown tokens from an address, and wrong API keys: each has its count. */
  readonly stranger: Allowance;
}

export const loginGuardDefaults: LoginGuardOptions = {
  pair: { failures: 10, windowS: 15 * 60 },
  address: { failures: 100, windowS: 15 * 60 },
  name: { failures: 100, windowS: 60 * 60 },
  trickleS: 60,
  knownS: 14 * 24 * 60 * 60,
  // Short: it is about the work that they cause, and whoever is behind the same address waits as well.
  stranger: { failures: 100, windowS: 60 },
};

/** `redis`: a connection from `openRedis`; null: this process counts alone. */
export function createLoginGuard(
  redis: Redis | Cluster | null,
  options: LoginGuardOptions = loginGuardDefaults,
  prefix = 'weir:',
): LoginGuard {
  const optionsOf = (name: string, { failures, windowS }: Allowance) => ({
    points: failures,
    duration: windowS,
    keyPrefix: `${prefix}guard:${name}`,
  });
  const shared = { storeClient: redis, rejectIfRedisNotReady: true };
  const limiter = (name: string, allowance: Allowance): RateLimiterAbstract => {
    const common = optionsOf(name, allowance);
    const memory = new RateLimiterMemory(common);
    return redis === null ? memory : new RateLimiterRedis({ ...common, ...shared, insuranceLimiter: memory });
  };
  const strangers = (name: string): Strangers => {
    const common = optionsOf(name, options.stranger);
    return new Strangers(
      redis === null ? null : new RateLimiterRedis({ ...common, ...shared }),
      short,
      options.stranger,
    );
  };
  return new FlexibleLoginGuard(
    {
      pair: limiter('pair', options.pair),
      address: limiter('address', options.address),
      name: limiter('name', options.name),
      trickle: limiter('trickle', { failures: 1, windowS: options.trickleS }),
      known: limiter('known', { failures: 1, windowS: options.knownS }),
    },
    new Homes(options.knownMax ?? 1_000),
    { token: strangers('token'), key: strangers('key') },
  );
}

type Limiters = Readonly<Record<'pair' | 'address' | 'name' | 'trickle' | 'known', RateLimiterAbstract>>;

class FlexibleLoginGuard implements LoginGuard {
  readonly #of: Limiters;
  readonly #homes: Homes;
  readonly #strangers: Readonly<Record<StrangerKind, Strangers>>;

  constructor(of: Limiters, homes: Homes, strangers: Readonly<Record<StrangerKind, Strangers>>) {
    this.#of = of;
    this.#homes = homes;
    this.#strangers = strangers;
  }

  async mayTry(username: string, address: string): Promise<Leave> {
    return (await this.look(username, address)).leave;
  }

  async look(username: string, address: string): Promise<Look> {
    const keys = keysOf(username, address);
    const [pair, from, name, trickle, known] = await Promise.all([
      this.#of.pair.get(keys.pair),
      this.#of.address.get(keys.address),
      this.#of.name.get(keys.name),
      this.#of.trickle.get(keys.name),
      this.#of.known.get(keys.pair),
    ]);
    const byName = Math.min(waitMs(this.#of.name, name), waitMs(this.#of.trickle, trickle));
    const byOthers = known === null ? Math.max(waitMs(this.#of.address, from), byName) : 0;
    const retryAfterMs = Math.max(waitMs(this.#of.pair, pair), byOthers);
    const leave: Leave = retryAfterMs > 0 ? { allowed: false, retryAfterMs } : { allowed: true };
    return { leave, standing: known !== null ? 'known' : from === null ? 'new' : 'failed' };
  }

  async failed(username: string, address: string): Promise<void> {
    const keys = keysOf(username, address);
    await Promise.all([
      this.#of.pair.penalty(keys.pair),
      this.#of.address.penalty(keys.address),
      this.#of.name.penalty(keys.name),
      this.#of.trickle.penalty(keys.name),
    ]);
  }

  /** The address's own count stays: a login to one's own account must not buy guesses at others. */
  async succeeded(username: string, address: string): Promise<void> {
    const { pair, name } = keysOf(username, address);
    const over = this.#homes.add(name, pair);
    await Promise.all([
      this.#of.pair.delete(pair),
      this.#of.known.set(pair, 1, this.#of.known.duration),
      over === null ? null : this.#of.known.delete(over),
    ]);
  }

  strangerWaitMs(kind: StrangerKind, address: string): number {
    return this.#strangers[kind].waitMs(address);
  }

  async stranger(kind: StrangerKind, address: string): Promise<void> {
    await this.#strangers[kind].count(address);
  }
}

/** How long to wait, milliseconds; 0: not at all. */
function waitMs(limiter: RateLimiterAbstract, count: RateLimiterRes | null): number {
  if (count === null || count.consumedPoints < limiter.points) return 0;
  return Math.max(1, count.msBeforeNext);
}

/** Hashed: people type passwords into the name's place, and what they type has no bound. */
function keysOf(username: string, address: string): { pair: string; address: string; name: string } {
  const from = networkOf(address, 56);
  return { pair: short(`${from} ${username}`), address: short(from), name: short(username) };
}

function short(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
