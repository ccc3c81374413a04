/** What replicas share: in Redis where there is one, else in this process. */
import { randomUUID } from 'node:crypto';
import { createLoginGuard, loginGuardDefaults } from '../adapters/login-guard/guard.ts';
import { MemoryAccounts } from '../adapters/memory/accounts.ts';
import { MemoryBuckets } from '../adapters/memory/buckets.ts';
import { createMemoryEndedTokens } from '../adapters/memory/ended-tokens.ts';
import { nodeSecrets } from '../adapters/node/secrets.ts';
import { RedisAccounts } from '../adapters/redis/accounts.ts';
import { type Alone, RedisBuckets } from '../adapters/redis/buckets.ts';
import { causeOf } from '../adapters/redis/causes.ts';
import {
  firstConnection,
  nodesOf,
  onServing,
  openRedis,
  openSentinel,
  openSubscriber,
  type RedisConnection,
} from '../adapters/redis/client.ts';
import { createRedisEndedTokens } from '../adapters/redis/ended-tokens.ts';
import { watchFailover } from '../adapters/redis/failover.ts';
import { RedisFleetCards } from '../adapters/redis/fleet-cards.ts';
import { changeCallTimeout, changeTls } from '../adapters/redis/in-place.ts';
import { Lacks } from '../adapters/redis/lacks.ts';
import { changeLogin, changeSentinelLogin } from '../adapters/redis/login.ts';
import { watchPersistence } from '../adapters/redis/persistence.ts';
import {
  noticeMessage,
  readNotice,
  readSteering,
  type SteeringMessage,
  steeringText,
} from '../adapters/redis/replica-messages.ts';
import { Replicas } from '../adapters/redis/replicas.ts';
import {
  askMessage,
  channelOf,
  followRevocations,
  pauseMessage,
  steeringMessage,
  watchPublishing,
} from '../adapters/redis/revocations.ts';
import { Troubles } from '../adapters/redis/troubles.ts';
import { tooOld } from '../adapters/redis/version.ts';
import type { Buckets } from '../admission/rate/ports.ts';
import type { PauseFollower, PauseNotice, TellPause } from '../admission/telling.ts';
import { createOwnTokens, tokensAtHand } from '../auth/own-tokens.ts';
import type { Accounts, EndedTokens, LoginGuard } from '../auth/ports.ts';
import type { RevocationListener } from '../auth/revocations.ts';
import { confirmMaxMs, type Tokens } from '../auth/token-cache.ts';
import type { TokenEntriesOptions } from '../auth/token-entries.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { FleetCards, ReplicaCard } from '../observe/fleet-view.ts';
import type { Log, Meter } from '../observe/ports.ts';
import type { StoreSnapshot } from '../observe/snapshot.ts';
import type { WaitSearch } from '../observe/views.ts';

export interface Stores {
  readonly accounts: Accounts;
  /** Weir's own, as requests bring them. */
  readonly tokens: Tokens;
  /** Tokens of others that were logged out. */
  readonly ended: EndedTokens;
  readonly buckets: Buckets;
  readonly guard: LoginGuard;
  state(): StoreSnapshot;
  /** Resolves when the store is there, or after two seconds without it: the fallback serves as well. Called once. */
  begin(): Promise<void>;
  /** Tells of revocations, whichever replica made them. Returns what ends that. */
  onRevocation(listener: RevocationListener): () => void;
  /** Tells the other replicas of a pause. */
  readonly tellPause: TellPause;
  /** Hears of those that others tell of. */
  onPause(follower: PauseFollower): void;
  /** Tells the other replicas of an operator's orders; null: there are none. */
  readonly tellSteering: ((message: SteeringMessage) => void) | null;
  /** Hears of those that others tell of. */
  onSteering(follower: SteeringFollower): void;
  /** What the processes of a fleet tell of themselves; null: this one is alone. */
  readonly fleet: FleetTelling | null;
  /** Calls back whenever the accounts can be reached again. */
  onReturn(call: () => void): void;
  /** What may change while Weir runs: how Redis is reached, how many tokens a user has, how long they are known here. */
  configure(config: Config): void;
  close(): Promise<void>;
}

interface FleetTelling {
  /** @param card is made while somebody looks; `asked` are the `X-Request-Id`s that somebody looks for */
  tells(card: (asked: readonly string[]) => ReplicaCard): void;
  /** The cards of the others. */
  look(): Promise<FleetCards>;
  /** A request that waits in one of the others, by its `X-Request-Id`. Takes a beat. */
  find(id: string): Promise<WaitSearch>;
}

/** What follows the orders that other replicas tell of, and tells its own to who asks. */
interface SteeringFollower {
  heard(message: SteeringMessage): void;
  tellAgain(): void;
}

/** How long the first requests and readiness wait for Redis: not for ever, since the fallback serves without it. */
const redisWaitMs = 2_000;
/** A login may wait a little longer than a message in line. */
const accountsTimeoutMs = 1_000;
const lateRepliesMs = 1_000;

export function openStores(config: Config, clock: Clock, meter: Meter, log: Log): Stores {
  const { url } = config.redis;
  if (url === null) return memoryStores(config.auth.tokensPerUserMax, clock, meter);
  return redisStores({ ...config.redis, ...config.auth, url }, { clock, meter, log });
}

function memoryStores(tokensPerUserMax: number, clock: Clock, meter: Meter): Stores {
  const accounts = new MemoryAccounts(clock, { tokensPerUserMax });
  return {
    accounts,
    tokens: tokensAtHand(accounts, nodeSecrets),
    ended: createMemoryEndedTokens(clock),
    buckets: new MemoryBuckets(clock, meter),
    guard: createLoginGuard(null),
    begin: () => Promise.resolve(),
    state: () => ({ kind: 'memory', up: true, fallback: false, persistence: 'none', lacks: [] }),
    onRevocation: () => () => {}, // Revocations are made in this process, so nobody has to be told.
    tellPause() {}, // Likewise.
    onPause() {},
    tellSteering: null,
    onSteering() {},
    fleet: null,
    onReturn() {},
    configure: ({ auth }) => accounts.configure({ tokensPerUserMax: auth.tokensPerUserMax }),
    close: () => Promise.resolve(),
  };
}

type RedisSettings = Config['redis'] & Config['auth'] & { readonly url: string };
export type TokenSettings = Pick<Config['auth'], 'tokenMemoryMs' | 'tokenMemoryMax' | 'storeAwayGraceMs'>;
type RedisDeps = { readonly clock: Clock; readonly meter: Meter; readonly log: Log };

function redisStores(settings: RedisSettings, deps: RedisDeps): Stores {
  const { keyPrefix } = settings;
  const { clock } = deps;
  const connections = openConnections(settings, deps);
  const { forBuckets, forAccounts, lacks } = connections;
  const persistence = watchPersistence(forAccounts, deps.log);
  const own = redisAccounts(settings, connections, deps);
  const { buckets, replicas, fleet } = redisBuckets(settings, connections, deps);
  const connected = async (): Promise<void> => {
    await Promise.all([forBuckets, forAccounts].map((redis) => firstConnection(redis, redisWaitMs)));
    await replicas.start();
  };
  return {
    async begin() {
      const { promise: tooLate, resolve } = Promise.withResolvers<void>();
      const alarm = clock.after(redisWaitMs, resolve);
      // A Redis that takes connections and says nothing would keep `replicas` for longer.
      await Promise.race([connected(), tooLate]);
      alarm.cancel();
    },
    ...own,
    ended: createRedisEndedTokens(forAccounts, clock, keyPrefix),
    buckets,
    fleet,
    guard: createLoginGuard(forAccounts, loginGuardDefaults, keyPrefix),
    state: () => ({
      kind: 'redis',
      up: forBuckets.status === 'ready' && !buckets.away,
      fallback: buckets.away,
      persistence: persistence(),
      lacks: lacks.commands,
    }),
    onReturn: (call) => onServing(forAccounts, call),
    configure(config) {
      own.configure(config);
      connections.configure(config);
      buckets.callTimeoutMs = config.redis.callTimeoutMs;
      replicas.least = config.redis.replicasAtLeast;
    },
    async close() {
      await replicas.stop();
      connections.close();
    },
  };
}

type Connections = ReturnType<typeof openConnections>;

function openConnections({ url, tls, callTimeoutMs }: RedisSettings, { clock, log }: RedisDeps) {
  const troubles = new Troubles(log);
  const lacks = new Lacks(log);
  // The buckets count their own time: a reply that comes late still says what it has spent.
  const bucketsOptions = { url, tls, callTimeoutMs: Math.max(callTimeoutMs, lateRepliesMs), troubles, lacks };
  const forBuckets = openRedis(bucketsOptions, log, 'buckets');
  const accountsOptions = { url, tls, callTimeoutMs: Math.max(callTimeoutMs, accountsTimeoutMs), troubles, lacks };
  const forAccounts = openRedis(accountsOptions, log, 'accounts');
  const forRevocations = openSubscriber(accountsOptions, log, 'revocations', () => nodesOf(forAccounts));
  const all = [forBuckets, forAccounts, forRevocations];
  const sentinel = openSentinel(accountsOptions, log, 'sentinel');
  if (sentinel !== null) watchFailover(sentinel, all, { clock, log });
  onServing(forBuckets, () => {
    void tooOld(forBuckets).then((what) => {
      if (what !== null) troubles.refused({ purpose: 'buckets' }, new Error(what));
    });
  });
  const withSentinel = sentinel === null ? all : [...all, sentinel.connection];
  const close = (): void => {
    for (const redis of withSentinel) redis.disconnect();
  };
  let login = url;
  const configure = ({ redis }: Config): void => {
    for (const connection of withSentinel) {
      const leastMs = connection === forBuckets ? lateRepliesMs : accountsTimeoutMs;
      changeCallTimeout(connection, Math.max(redis.callTimeoutMs, leastMs));
      changeTls(connection, redis.tls);
    }
    if (redis.url === null || redis.url === login) return;
    login = redis.url;
    void changeLogin(all, login, log);
    if (sentinel !== null) changeSentinelLogin(sentinel.connection, login);
  };
  return { forBuckets, forAccounts, forRevocations, troubles, lacks, configure, close };
}

function redisAccounts(settings: RedisSettings, connections: Connections, { clock, meter, log }: RedisDeps) {
  const { keyPrefix } = settings;
  const { forAccounts, forRevocations, lacks } = connections;
  const store = new RedisAccounts(forAccounts, clock, keyPrefix, settings.tokensPerUserMax);
  const own = createOwnTokens(
    { store, secrets: nodeSecrets, clock, meter },
    { ...entriesOptions(settings), ...confirming(settings) },
  );
  const listeners: RevocationListener[] = [own.tokens];
  const pauses = pausesOn(forAccounts, keyPrefix);
  followRevocations(forRevocations, keyPrefix, tellingAll(listeners), { clock, log, lacks, pauses });
  watchPublishing(forAccounts, keyPrefix, lacks, clock);
  const onRevocation = (listener: RevocationListener) => {
    listeners.push(listener);
    return () => void listeners.splice(listeners.indexOf(listener), 1);
  };
  const configure = ({ auth, redis }: Config): void => {
    store.tokensPerUserMax = auth.tokensPerUserMax;
    own.tokens.configure({ ...entriesOptions(auth), ...confirming(redis) });
  };
  return {
    ...own,
    configure,
    onRevocation,
    tellPause: pauses.tell,
    onPause: pauses.follow,
    tellSteering: pauses.tellSteering,
    onSteering: pauses.onSteering,
  };
}

const confirming = ({ callTimeoutMs }: Config['redis']) => ({
  confirmMaxMs: Math.max(confirmMaxMs, callTimeoutMs),
});

/** How long tokens are known here, and how many. */
export function entriesOptions(settings: TokenSettings): TokenEntriesOptions {
  return { freshMs: settings.tokenMemoryMs, keptMs: settings.storeAwayGraceMs, max: settings.tokenMemoryMax };
}

function pausesOn(redis: RedisConnection, keyPrefix: string) {
  const own = randomUUID();
  const followers: PauseFollower[] = [];
  const steered: SteeringFollower[] = [];
  // It is told again while the pause lasts, and asked again when the subscription begins anew.
  const say = (message: string): void => void redis.publish(channelOf(keyPrefix), message).catch(() => {});
  return {
    tell: (notice: PauseNotice): void => say(pauseMessage(noticeMessage(own, notice))),
    follow: (follower: PauseFollower): void => void followers.push(follower),
    tellSteering: (message: SteeringMessage): void => say(steeringMessage(steeringText(own, message))),
    onSteering: (follower: SteeringFollower): void => void steered.push(follower),
    steered(text: string): void {
      const message = readSteering(own, text);
      if (message !== null) for (const follower of steered) follower.heard(message);
    },
    missed: (): void => say(askMessage(own)),
    asked(by: string): void {
      if (by !== own) for (const follower of [...followers, ...steered]) follower.tellAgain();
    },
    told(text: string): void {
      const notice = readNotice(own, text);
      if (notice !== null) for (const follower of followers) follower.heard(notice);
    },
  };
}

function redisBuckets(settings: RedisSettings, connections: Connections, { clock, meter, log }: RedisDeps) {
  const { keyPrefix, callTimeoutMs, replicasAtLeast } = settings;
  const { forBuckets, forAccounts, troubles } = connections;
  const name = randomUUID();
  const replicas = new Replicas(forBuckets, clock, keyPrefix, name, replicasAtLeast);
  const cards = new RedisFleetCards(forAccounts, clock, keyPrefix, name);
  const fleet: FleetTelling = {
    tells(card) {
      replicas.looked = (asked) => cards.tell(card(asked));
    },
    look: () => cards.look(),
    find: (id) => cards.find(id),
  };
  const changed = (alone: Alone | null): void => {
    if (alone === null) {
      troubles.served('buckets');
      log.info('limits: Redis serves again; shared by all replicas');
      return;
    }
    const { key, replicas, error } = alone;
    const { name: cause, ofKey } = causeOf(error);
    // An error that Redis answered has its line already. If only the call was late, nothing has been logged yet.
    if (cause === 'late') troubles.broke({ purpose: 'buckets' }, error);
    const whose = ofKey === true ? 'the limit of one class: Redis does not serve it' : 'limits: Redis does not serve';
    log.warn(`${whose}; going on with a share`, { key, cause, replicas });
  };
  const options = { keyPrefix, replicas: replicas.count, callTimeoutMs, changed };
  return { replicas, fleet, buckets: new RedisBuckets(forBuckets, clock, meter, options) };
}

function tellingAll(listeners: readonly RevocationListener[]): RevocationListener {
  return {
    tokenRevoked(digest) {
      for (const listener of listeners) listener.tokenRevoked(digest);
    },
    userRevoked(name) {
      for (const listener of listeners) listener.userRevoked(name);
    },
    revocationsMissed() {
      for (const listener of listeners) listener.revocationsMissed();
    },
  };
}
