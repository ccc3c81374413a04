/**
 * The guessing guard on rate-limiter-flexible. Four counters, each a window that begins with its first failure:
 *
 *     pair     a name from an address    what one guesser can do to one account
 *     address  all names from it         what one guesser can do to all accounts
 *     name     all addresses             what many guessers together can do to one account; one address alone can't fill
 *                                        it, and addresses that have logged in as that name before are not asked
 *     known    a name from an address    not a limit: the mark of such an address
 *
 * In Redis the counts hold over all replicas. Without Redis each replica counts in its own memory, which is bounded
 * by what failures cost: each has had a password hashed.
 */
import { hash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Redis } from 'ioredis';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Guard, Leave } from '../../ports.ts';

export interface Allowance {
  /** How many failures are free. */
  readonly failures: number;
  /** How long they are remembered, seconds. */
  readonly windowS: number;
}

export interface GuardOptions {
  readonly pair: Allowance;
  readonly address: Allowance;
  readonly name: Allowance;
  /** How long an address counts as known after a login, seconds; at most 24 days, a timer's longest. */
  readonly knownS: number;
}

export const guardDefaults: GuardOptions = {
  pair: { failures: 10, windowS: 15 * 60 },
  address: { failures: 100, windowS: 15 * 60 },
  name: { failures: 100, windowS: 60 * 60 },
  knownS: 14 * 24 * 60 * 60,
};

/** `redis`: a connection from `openRedis`; null: this process counts alone. */
export function createGuard(redis: Redis | null, options: GuardOptions = guardDefaults, prefix = 'weir:'): Guard {
  const limiter = (name: string, { failures, windowS }: Allowance): RateLimiterAbstract => {
    const common = { points: failures, duration: windowS, keyPrefix: `${prefix}guard:${name}` };
    const memory = new RateLimiterMemory(common);
    if (redis === null) return memory;
    return new RateLimiterRedis({
      ...common,
      storeClient: redis,
      rejectIfRedisNotReady: true,
      insuranceLimiter: memory,
    });
  };
  return new FlexibleGuard(
    limiter('pair', options.pair),
    limiter('address', options.address),
    limiter('name', options.name),
    limiter('known', { failures: 1, windowS: options.knownS }),
  );
}

class FlexibleGuard implements Guard {
  readonly #pair: RateLimiterAbstract;
  readonly #address: RateLimiterAbstract;
  readonly #name: RateLimiterAbstract;
  readonly #known: RateLimiterAbstract;

  constructor(
    pair: RateLimiterAbstract,
    address: RateLimiterAbstract,
    name: RateLimiterAbstract,
    known: RateLimiterAbstract,
  ) {
    this.#pair = pair;
    this.#address = address;
    this.#name = name;
    this.#known = known;
  }

  async mayTry(username: string, address: string): Promise<Leave> {
    const keys = keysOf(username, address);
    const [pair, from, name, known] = await Promise.all([
      waitMs(this.#pair, keys.pair),
      waitMs(this.#address, keys.address),
      waitMs(this.#name, keys.name),
      this.#known.get(keys.pair),
    ]);
    const retryAfterMs = Math.max(pair, from, known === null ? name : 0);
    return retryAfterMs > 0 ? { allowed: false, retryAfterMs } : { allowed: true };
  }

  async failed(username: string, address: string): Promise<void> {
    const keys = keysOf(username, address);
    await Promise.all([
      this.#pair.penalty(keys.pair),
      this.#address.penalty(keys.address),
      this.#name.penalty(keys.name),
    ]);
  }

  /** The address's own count stays: an account of one's own must not buy guesses at others'. */
  async succeeded(username: string, address: string): Promise<void> {
    const { pair } = keysOf(username, address);
    await Promise.all([this.#pair.delete(pair), this.#known.set(pair, 1, this.#known.duration)]);
  }
}

/** How long to wait, milliseconds; 0: not at all. */
async function waitMs(limiter: RateLimiterAbstract, key: string): Promise<number> {
  const count = await limiter.get(key);
  if (count === null || count.consumedPoints < limiter.points) return 0;
  return Math.max(1, count.msBeforeNext);
}

/** Hashed: people type passwords into the name's place, and what they type has no bound. */
function keysOf(username: string, address: string): { pair: string; address: string; name: string } {
  const from = networkOf(address);
  return { pair: short(`${from} ${username}`), address: short(from), name: short(username) };
}

function short(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}

/** Who has one IPv6 address has its whole /64 (RFC 6177), so that is what counts. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [plain = address] = address.split('%');
  const mapped = /^::ffff:([0-9.]+)$/i.exec(plain);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = '', tail] = plain.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4).map(withoutZeros).join(':');
}

function withoutZeros(group: string): string {
  return group.replace(/^0+(?=.)/, '');
}
