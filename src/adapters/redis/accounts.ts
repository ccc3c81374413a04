/**
 * Users and tokens in Redis, shared by all replicas.
 *
 * Each user has a version, another random one after each change; a token carries the version of the user it was given
 * to and counts only while the two agree. So "drop all tokens of this user" is the one write that changes the user, and
 * finding a token is one call that reads both. All keys share the hash tag `{accounts}`: they live in one slot of a
 * Redis Cluster.
 *
 * A token's key expires in Redis itself, by Redis's own clock. Any other end of a token is told on a channel, by the
 * very script that ends it (`revocations.ts`), so that there is no change without its message.
 */
import { randomBytes } from 'node:crypto';
import type { ListedToken, NewUser, TokenRecord, User } from '../../auth/accounts.ts';
import { type AccountStore, type MadeTokens, StoreAway } from '../../auth/ports.ts';
import { likenessOf } from '../../auth/precis.ts';
import type { Clock } from '../../clock.ts';
import type { Role } from '../../exchange/principal.ts';
import { answered as answeredFor } from './answered.ts';
import type { RedisConnection } from './client.ts';
import { channelOf, tokenMessage, userMessage } from './revocations.ts';
import { script } from './script.ts';

/** About how many users or tokens one call lists: Redis is to serve others in between. */
const listStep = 200;
/** What the scores of tokens that an operator made lie above those of logins (add-token.lua). */
const madeScore = 1e18;
/** Longer than it takes to look at all users and add one. */
const claimMs = 10_000;

/** What the scripts beside this file are called on the connection. */
interface Scripts {
  weirFindToken(token: string, users: string): Promise<string | null>;
  weirAddToken(...keysAndArguments: readonly (string | number)[]): Promise<number>;
  weirChangeUser(
    users: string,
    name: string,
    version: string,
    value: string,
    channel: string,
    message: string,
  ): Promise<number>;
  weirDeleteUser(users: string, name: string, channel: string, message: string): Promise<number>;
  weirDropToken(token: string, channel: string, message: string, digest: string, tokensPrefix: string): Promise<null>;
}

export class RedisAccounts implements AccountStore, MadeTokens {
  readonly #redis: RedisConnection & Scripts;
  readonly #clock: Clock;
  readonly #users: string;
  readonly #tokenPrefix: string;
  readonly #tokensPrefix: string;
  readonly #claimPrefix: string;
  /** What tokens are called that an operator made: a hash by digest. */
  readonly #labels: string;
  /** If one user has more, the oldest end. May be changed: a user that has more loses them with the next login. */
  tokensPerUserMax: number;
  readonly #channel: string;

  /** `redis` is a connection of its own, from `openRedis`. `prefix` begins all keys. */
  constructor(redis: RedisConnection, clock: Clock, prefix = 'weir:', tokensPerUserMax = 1_000) {
    redis.defineCommand('weirFindToken', script('find-token.lua', 2));
    redis.defineCommand('weirAddToken', script('add-token.lua', 3));
    redis.defineCommand('weirChangeUser', script('change-user.lua', 1));
    redis.defineCommand('weirDeleteUser', script('delete-user.lua', 1));
    redis.defineCommand('weirDropToken', script('drop-token.lua', 1));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#users = `${prefix}{accounts}:users`;
    this.#tokenPrefix = `${prefix}{accounts}:token:`;
    this.#tokensPrefix = `${prefix}{accounts}:tokens:`;
    this.#labels = `${prefix}{accounts}:labels`;
    this.#claimPrefix = `${prefix}{accounts}:claim:`;
    this.tokensPerUserMax = tokensPerUserMax;
    this.#channel = channelOf(prefix);
  }

  async findUser(name: string): Promise<User | undefined> {
    const value = await answered(this.#redis.hget(this.#users, name));
    return value === null ? undefined : readUser(name, value);
  }

  async *listUsers(): AsyncIterable<User> {
    const told = new Set<string>(); // HSCAN may tell a field again while the hash is being resized.
    let cursor = '0';
    do {
      const [next, fields] = await answered(this.#redis.hscan(this.#users, cursor, 'COUNT', listStep));
      cursor = next;
      for (let i = 0; i < fields.length; i += 2) {
        const name = fields[i] as string;
        if (!told.has(name)) yield readUser(name, fields[i + 1] as string);
        told.add(name);
      }
    } while (cursor !== '0');
  }

  async addUser(user: NewUser, distinct?: 'distinct'): Promise<boolean> {
    if (distinct === 'distinct' && !(await this.#claim(user.name))) return false;
    const value = writeUser({ ...user, version: newVersion() });
    return (await answered(this.#redis.hsetnx(this.#users, user.name, value))) === 1;
  }

  async changePassword(user: User, passwordHash: string): Promise<User | undefined> {
    return await this.#change(user, { passwordHash, mustChangePassword: false });
  }

  async dropTokens(user: User): Promise<User | undefined> {
    return await this.#change(user, {});
  }

  async rehash(user: User, passwordHash: string): Promise<boolean> {
    return await this.#replace(user, { ...user, passwordHash });
  }

  async deleteUser(name: string): Promise<boolean> {
    const deleted = this.#redis.weirDeleteUser(this.#users, name, this.#channel, userMessage(name));
    return (await answered(deleted)) === 1;
  }

  async addToken(digest: string, user: User, expiresAtMs: number): Promise<boolean> {
    return await this.#add(digest, user, expiresAtMs, '0');
  }

  async makeToken(digest: string, user: User, expiresAtMs: number, label: string): Promise<boolean> {
    if (!(await this.#add(digest, user, expiresAtMs, String(madeScore)))) return false;
    if (label !== '') await answered(this.#redis.hset(this.#labels, digest, label));
    return true;
  }

  async #add(digest: string, user: User, expiresAtMs: number, offset: string): Promise<boolean> {
    const lifetimeMs = Math.max(1, Math.round(expiresAtMs - this.#clock.wallMs()));
    const value = `${user.version}\n${expiresAtMs}\n${user.role}\n${user.name}`;
    const added = this.#redis.weirAddToken(
      this.#tokenPrefix + digest,
      this.#users,
      this.#tokensPrefix + user.name,
      user.name,
      user.version,
      value,
      lifetimeMs,
      this.#tokenPrefix,
      digest,
      this.tokensPerUserMax,
      this.#channel,
      offset,
    );
    return (await answered(added)) === 1;
  }

  async findToken(digest: string): Promise<TokenRecord | undefined> {
    const value = await answered(this.#redis.weirFindToken(this.#tokenPrefix + digest, this.#users));
    return value === null ? undefined : readToken(value);
  }

  async dropToken(digest: string): Promise<void> {
    const key = this.#tokenPrefix + digest;
    const message = tokenMessage(digest);
    await answered(this.#redis.weirDropToken(key, this.#channel, message, digest, this.#tokensPrefix));
  }

  async dropMade(digest: string): Promise<void> {
    await this.dropToken(digest);
    await answered(this.#redis.hdel(this.#labels, digest));
  }

  async tokensOf(name: string): Promise<readonly ListedToken[]> {
    const user = await this.findUser(name);
    if (user === undefined) return [];
    const found: ListedToken[] = [];
    const pairs = await answered(this.#redis.zrange(this.#tokensPrefix + name, '0', '-1', 'WITHSCORES'));
    for (let from = 0; from < pairs.length; from += 2 * listStep) {
      const some = pairs.slice(from, from + 2 * listStep);
      const digests = some.filter((_, i) => i % 2 === 0);
      const values = await answered(this.#redis.mget(digests.map((digest) => this.#tokenPrefix + digest)));
      const labels = await answered(this.#redis.hmget(this.#labels, ...digests));
      for (const [i, value] of values.entries()) {
        // Ended, or given to another version of the user.
        if (value === null || !value.startsWith(`${user.version}\n`)) continue;
        const score = Number(some[2 * i + 1]);
        const madeAtMs = Math.floor((score < madeScore / 2 ? score : score - madeScore) / 1_000);
        const { expiresAtMs } = readToken(value);
        found.push({ digest: digests[i] as string, madeAtMs, expiresAtMs, label: labels[i] ?? '' });
      }
    }
    return found;
  }

  /**
   * Of names that could be taken for each other, only one is added at a time. A call that comes while another name is
   * being added is refused; a later one finds that name among the users. False: there is such a name.
   */
  async #claim(name: string): Promise<boolean> {
    const likeness = likenessOf(name);
    const key = `${this.#claimPrefix}${likeness}`;
    const claimed = await answered(this.#redis.set(key, name, 'PX', claimMs, 'NX'));
    if (claimed === null && (await answered(this.#redis.get(key))) !== name) return false;
    for await (const other of this.listUsers()) if (likenessOf(other.name) === likeness) return false;
    return true;
  }

  async #change(user: User, by: Partial<User>): Promise<User | undefined> {
    const changed: User = { ...user, ...by, version: newVersion() };
    return (await this.#replace(user, changed)) ? changed : undefined;
  }

  async #replace(user: User, by: User): Promise<boolean> {
    const { name, version } = user;
    const message = userMessage(name);
    const replaced = this.#redis.weirChangeUser(this.#users, name, version, writeUser(by), this.#channel, message);
    return (await answered(replaced)) === 1;
  }
}

/** Random, not counted: a user who is deleted and made anew must not get back the version that old tokens carry. */
function newVersion(): string {
  return randomBytes(16).toString('base64url');
}

function answered<T>(reply: Promise<T>): Promise<T> {
  return answeredFor(reply, 'the accounts');
}

function writeUser({ version, role, passwordHash, mustChangePassword }: User): string {
  return `${version}\n${JSON.stringify({ role, passwordHash, mustChangePassword })}`;
}

function readUser(name: string, value: string): User {
  const end = value.indexOf('\n');
  try {
    const { role, passwordHash, mustChangePassword } = JSON.parse(value.slice(end + 1)) as Record<string, unknown>;
    if (end > 0 && isRole(role) && typeof passwordHash === 'string' && typeof mustChangePassword === 'boolean') {
      return { name, role, passwordHash, mustChangePassword, version: value.slice(0, end) };
    }
  } catch {
    // Not JSON: said below.
  }
  throw new StoreAway(`The stored user is not one that Weir could have written: ${name}`);
}

function readToken(value: string): TokenRecord {
  const [, expires, role, ...name] = value.split('\n');
  const expiresAtMs = Number(expires);
  if (!isRole(role) || !Number.isFinite(expiresAtMs)) {
    throw new StoreAway('A stored token is not one that Weir could have written.');
  }
  return { user: name.join('\n'), role, expiresAtMs };
}

function isRole(role: unknown): role is Role {
  return role === 'ROLE_ADMIN' || role === 'ROLE_USER';
}
