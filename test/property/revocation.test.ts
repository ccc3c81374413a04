/**
 * No sequence of logins, logouts, deletions, password changes, outages and restarts leaves a revoked token valid: two
 * replicas with a token cache each, one store, messages that come late or never. What counts is when the revocation was done
 * and when the token was shown:
 *
 *     at the replica that revoked it    never after it
 *     once the message has arrived      never after it
 *     the message still under way       for the cache's time, or, while the store does not answer, the grace time
 *     or lost
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { RedisAccounts } from '../../src/adapters/redis/accounts.ts';
import { firstConnection, openRedis, openSubscriber } from '../../src/adapters/redis/client.ts';
import { followRevocations } from '../../src/adapters/redis/revocations.ts';
import type { NewUser, TokenRecord } from '../../src/auth/accounts.ts';
import { createOwnTokens, type OwnTokens } from '../../src/auth/own-tokens.ts';
import { type Accounts, StoreAway } from '../../src/auth/ports.ts';
import type { RevocationListener } from '../../src/auth/revocations.ts';
import { DistantStore, type StoreMood } from '../support/distant-accounts.ts';
import { silentLog } from '../support/silent-log.ts';
import { redisForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const freshMs = 5_000;
const graceMs = 30_000;
const hourMs = 3_600_000;
/** For a store as far away as these are (up to 100 ms one way), `redis.callTimeoutMs` is to be raised. */
const options = { freshMs, keptMs: graceMs, max: 100, confirmMaxMs: 250 };
const meter = { storeCalled() {} };
const names = ['anna', 'bert'] as const;
const newUser = (name: string): NewUser => ({ name, role: 'ROLE_USER', passwordHash: 'x', mustChangePassword: false });

type Message = (listener: RevocationListener) => void;

/** Instants are `Clock.now()`, infinite before they have come. */
interface Token {
  readonly digest: string;
  readonly user: string;
  revokedAt: number;
  /** By replica: since when it knows that the token is revoked. */
  readonly refusedSince: number[];
}

/** Tokens as they should be. */
class Ledger {
  readonly tokens: Token[] = [];

  add(digest: string, user: string): void {
    const never = Number.POSITIVE_INFINITY;
    this.tokens.push({ digest, user, revokedAt: never, refusedSince: [never, never] });
  }

  /** The store has made the change. */
  revoked(which: (token: Token) => boolean, now: number): void {
    for (const token of this.tokens) if (which(token)) token.revokedAt = Math.min(token.revokedAt, now);
  }

  /** A replica knows of it: from now on it must refuse what had been revoked. */
  known(which: (token: Token) => boolean, replica: number, now: number): void {
    for (const token of this.tokens) {
      if (which(token) && token.revokedAt <= now) {
        token.refusedSince[replica] = Math.min(token.refusedSince[replica] as number, now);
      }
    }
  }
}

/** Which tokens a message is about. */
function namedBy(message: Message): (token: Token) => boolean {
  let which: (token: Token) => boolean = () => false;
  message({
    tokenRevoked(digest) {
      which = (token) => token.digest === digest;
    },
    userRevoked(name) {
      which = (token) => token.user === name;
    },
    revocationsMissed() {},
  });
  return which;
}

const often = ['login', 'show', 'show', 'show', 'show', 'show'] as const;
const sometimes = ['logout', 'logout', 'change', 'dropTokens', 'up', 'up', 'up', 'add', 'add'] as const;
const seldom = ['delete', 'down', 'hung', 'restart', 'lose', 'missed'] as const;

const step = fc.record({
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...often) },
    { weight: 3, arbitrary: fc.constantFrom(...sometimes) },
    { weight: 1, arbitrary: fc.constantFrom(...seldom) },
  ),
  user: fc.nat({ max: 1 }),
  /** Counted from the youngest. */
  token: fc.nat({ max: 1 }),
  replica: fc.nat({ max: 1 }),
  pauseMs: fc.oneof(
    { weight: 6, arbitrary: fc.nat({ max: 60 }) },
    { weight: 3, arbitrary: fc.nat({ max: 3_000 }) },
    { weight: 1, arbitrary: fc.constant(5_000) },
    { weight: 1, arbitrary: fc.nat({ max: 40_000 }) },
  ),
  /** Whether the next step waits for this one. */
  waits: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** How long a message travels to a replica, milliseconds; null: it is lost. */
const trips = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 8_000 }), fc.constant(null)), {
  minLength: 1,
  maxLength: 20,
  size: 'max',
});
const runs = fc.record({
  steps: fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }),
  oneWayMs: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 100 })),
  trips,
});

describe('In virtual time, with a store that fails and messages that are late or lost', () => {
  it('a revoked token is never valid for longer than was promised', async () => {
    const passed = { valid: 0, revoked: 0 };
    await fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const scene = new Scene(run.oneWayMs, run.trips);
        await scene.begin();
        for (const one of run.steps) await scene.play(one);
        await scene.end();
        passed.valid += scene.passed.valid;
        passed.revoked += scene.passed.revoked;
      }),
      { numRuns: 800 },
    );
    // The promise is kept neither by refusing all nor by never coming near the bounds.
    expect(passed.valid).toBeGreaterThan(3_000);
    expect(passed.revoked).toBeGreaterThan(20);
  });
});

class Scene {
  readonly clock = new VirtualClock();
  readonly store = new DistantStore(this.clock);
  readonly ledger = new Ledger();
  readonly replicas: OwnTokens[] = [];
  /** How often a token passed: a valid one; a revoked one, within what is promised. */
  readonly passed = { valid: 0, revoked: 0 };
  readonly #running: Promise<unknown>[] = [];
  /** By replica: when it was last told that it may have missed something. */
  readonly #doubtedAt = [0, 0];
  #upSince = 0;
  #tokens = 0;

  constructor(oneWayMs: number, messageTrips: readonly (number | null)[]) {
    let sent = 0;
    this.store.oneWayMs = () => oneWayMs;
    this.store.onRevoked = (message) => {
      const which = namedBy(message);
      this.ledger.revoked(which, this.clock.now());
      for (const replica of [0, 1]) {
        const tripMs = messageTrips[sent++ % messageTrips.length] ?? null;
        if (tripMs !== null) this.clock.after(tripMs, () => this.#tell(message, which, replica));
      }
    };
  }

  async begin(): Promise<void> {
    this.replicas.push(this.store.replica(options), this.store.replica(options));
    for (const name of names) {
      await this.#done(this.#add(this.store.open(), name));
      for (const replica of this.replicas) await this.#done(this.#login(replica.accounts, name));
    }
  }

  async play(one: Step): Promise<void> {
    const act = this.#act(one).catch((error: unknown) => {
      if (!(error instanceof StoreAway)) throw error;
    });
    act.catch(() => {}); // Awaited at the latest by `end`.
    this.#running.push(act);
    if (one.waits) await this.#done(act);
    await this.clock.advance(one.pauseMs);
  }

  /** The store answers, the memories' time passes: now every revoked token is refused everywhere. */
  async end(): Promise<void> {
    this.#mood('up');
    await this.#done(Promise.all(this.#running));
    await this.clock.advance(freshMs);
    // Whoever took the store for away notices now.
    await this.#done(Promise.allSettled(this.replicas.map(async (replica) => await replica.tokens.find('anybody'))));
    for (const replica of this.replicas) {
      for (const { digest, revokedAt } of this.ledger.tokens) {
        if (revokedAt === Number.POSITIVE_INFINITY) continue;
        expect(await this.#done(Promise.resolve(replica.tokens.find(digest)))).toBeUndefined();
      }
    }
  }

  async #done<T>(act: Promise<T>): Promise<T> {
    let over = false;
    const end = act.finally(() => {
      over = true;
    });
    end.catch(() => {});
    while (!over) await this.clock.advance(10);
    return await end;
  }

  async #act({ what, ...one }: Step): Promise<void> {
    const here = this.replicas[one.replica] as OwnTokens;
    const name = names[one.user] as string;
    const token = this.ledger.tokens.at(-1 - one.token);
    switch (what) {
      case 'show':
        if (token !== undefined) await this.#show(token, one.replica);
        return;
      case 'login':
        await this.#login(here.accounts, name);
        return;
      case 'logout':
        if (token === undefined) return;
        await here.accounts.dropToken(token.digest);
        this.ledger.known((at) => at === token, one.replica, this.clock.now());
        return;
      case 'change':
      case 'dropTokens':
      case 'delete':
        await this.#revoke(what, name, one.replica);
        return;
      case 'add':
        await this.#add(here.accounts, name);
        return;
      case 'restart': // A replica's own: it knows nothing any more.
        this.replicas[one.replica] = this.store.replica(options);
        return;
      case 'lose': // The store's, without persistence.
        this.store.loseEverything();
        this.ledger.revoked(() => true, this.clock.now());
        return;
      case 'missed':
        here.tokens.revocationsMissed();
        this.#doubtedAt[one.replica] = this.clock.now();
        return;
      default:
        this.#mood(what);
    }
  }

  async #login(at: Accounts, name: string): Promise<void> {
    const user = await at.findUser(name);
    const digest = `token ${++this.#tokens}`;
    if (user === undefined || !(await at.addToken(digest, user, this.clock.wallMs() + hourMs))) return;
    this.ledger.add(digest, name);
  }

  async #revoke(what: 'change' | 'dropTokens' | 'delete', name: string, replica: number): Promise<void> {
    const { accounts } = this.replicas[replica] as OwnTokens;
    const user = await accounts.findUser(name);
    if (user === undefined) return;
    if (what === 'delete') await accounts.deleteUser(name);
    else if (what === 'change') await accounts.changePassword(user, 'y');
    else await accounts.dropTokens(user);
    this.ledger.known((token) => token.user === name, replica, this.clock.now());
  }

  async #add(at: Accounts, name: string): Promise<void> {
    await at.addUser(newUser(name));
  }

  #tell(message: Message, which: (token: Token) => boolean, replica: number): void {
    message((this.replicas[replica] as OwnTokens).tokens);
    this.ledger.known(which, replica, this.clock.now());
  }

  #mood(mood: StoreMood): void {
    if (mood === 'up' && this.store.mood !== 'up') this.#upSince = this.clock.now();
    this.store.mood = mood;
  }

  async #show({ digest, revokedAt, refusedSince }: Token, replica: number): Promise<void> {
    const at = this.clock.now();
    const mustRefuse = refusedSince[replica] as number;
    const upForMs = this.store.mood === 'up' ? at - this.#upSince : 0;
    let found: TokenRecord | undefined;
    try {
      found = await (this.replicas[replica] as OwnTokens).tokens.find(digest);
    } catch (error) {
      if (error instanceof StoreAway) return;
      throw error;
    }
    if (found === undefined) {
      this.ledger.known((token) => token.digest === digest, replica, this.clock.now());
      return;
    }
    this.passed[revokedAt < at ? 'revoked' : 'valid'] += 1;
    const where = `${digest} at replica ${replica}, revoked at ${revokedAt}, known there at ${mustRefuse}`;
    expect(at, where).toBeLessThanOrEqual(mustRefuse);
    const doubtedAt = this.#doubtedAt[replica] as number;
    if (upForMs > 3_000 && doubtedAt < at)
      expect(revokedAt, `${where}, doubted at ${doubtedAt}`).toBeGreaterThanOrEqual(doubtedAt);
    // What was asked while the store was hung fails a second later, and counts for two more.
    expect(at - revokedAt, where).toBeLessThan(upForMs > 3_000 ? freshMs : graceMs);
  }
}

describe('Over a real Redis, with its own messages or none', async () => {
  const redis = await redisForAll();

  const simple = fc.record({
    what: fc.constantFrom('login', 'login', 'login', 'logout', 'change', 'delete', 'add', 'restart', 'wait'),
    user: fc.nat({ max: 1 }),
    token: fc.nat({ max: 7 }),
    replica: fc.nat({ max: 1 }),
  });

  it.each([
    ['arrive', true],
    ['are lost', false],
  ])('no revoked token is valid, where messages %s', async (_, arrive) => {
    let run = 0;
    const opened: { disconnect(): void }[] = [];
    const prefixOf = (number: number): string => `${arrive}${number}:`;
    const open = async (clock: VirtualClock, told: { count: number }): Promise<OwnTokens> => {
      const forAccounts = openRedis({ url: redis.url, callTimeoutMs: 10_000 }, silentLog, 'accounts');
      const forRevocations = openSubscriber({ url: redis.url, callTimeoutMs: 10_000 }, silentLog, 'revocations');
      opened.push(forAccounts, forRevocations);
      const store = new RedisAccounts(forAccounts, clock, prefixOf(run));
      const replica = createOwnTokens({ store, secrets: nodeSecrets, clock, meter }, options);
      let ready = false;
      followRevocations(
        forRevocations,
        prefixOf(run),
        {
          tokenRevoked: (digest) => {
            told.count += 1;
            if (arrive) replica.tokens.tokenRevoked(digest);
          },
          userRevoked: (name) => {
            told.count += 1;
            if (arrive) replica.tokens.userRevoked(name);
          },
          revocationsMissed: () => {
            ready = true;
          },
        },
        { clock: machineClock, log: silentLog },
      );
      await firstConnection(forAccounts, 60_000);
      await until(() => ready, { what: 'the subscription' });
      return replica;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(simple, { minLength: 5, maxLength: 25 }), async (steps) => {
        run += 1;
        const clock = new VirtualClock(Date.now());
        const told = [{ count: 0 }, { count: 0 }];
        const replicas = [await open(clock, told[0] as never), await open(clock, told[1] as never)];
        const tokens: { digest: string; user: string; valid: boolean }[] = [];
        let messages = 0;
        const revoked = (which: (token: { digest: string; user: string }) => boolean): void => {
          messages += 1;
          for (const token of tokens) if (which(token)) token.valid = false;
        };
        for (const name of names) {
          await replicas[0]?.accounts.addUser(newUser(name));
        }
        for (const { what, user: who, token: which, replica } of steps) {
          const { accounts } = replicas[replica] as OwnTokens;
          const name = names[who] as string;
          const user = await accounts.findUser(name);
          const token = tokens[which];
          if (what === 'add') {
            await accounts.addUser(newUser(name));
          } else if (what === 'login' && user !== undefined) {
            const digest = `${tokens.length}`;
            expect(await accounts.addToken(digest, user, clock.wallMs() + hourMs)).toBe(true);
            tokens.push({ digest, user: name, valid: true });
          } else if (what === 'logout' && token !== undefined) {
            await accounts.dropToken(token.digest);
            revoked((one) => one === token);
          } else if (what === 'change' && user !== undefined) {
            await accounts.changePassword(user, 'y');
            revoked((one) => one.user === name);
          } else if (what === 'delete' && user !== undefined) {
            await accounts.deleteUser(name);
            revoked((one) => one.user === name);
          } else if (what === 'restart') {
            told[replica] = { count: messages };
            replicas[replica] = await open(clock, told[replica]);
          } else if (what === 'wait') await clock.advance(2_500);
          await until(() => told.every(({ count }) => count === messages), { what: 'the messages' });
          if (!arrive) clock.advanceSync(freshMs);
          for (const one of replicas) {
            for (const { digest, valid } of tokens) expect((await one.tokens.find(digest)) !== undefined).toBe(valid);
          }
        }
        for (const connection of opened.splice(0)) connection.disconnect();
      }),
      { numRuns: 12 },
    );
  });
});
