/** The accounts of a configuration's Redis, for a command that works on them. */

import { createLog } from '../adapters/log/log.ts';
import { machineClock } from '../adapters/node/clock.ts';
import { RedisAccounts } from '../adapters/redis/accounts.ts';
import { firstConnection, openRedis } from '../adapters/redis/client.ts';
import { type AccountStore, type MadeTokens, StoreAway } from '../auth/ports.ts';
import type { Config } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import type { AuditAction } from '../observe/audit.ts';
import { type Log, noneLeftOut } from '../observe/ports.ts';
import { configured, tellStrays } from './configured.ts';
import { type CommandIo, type Given, type Grammar, givenTo } from './options.ts';
import { version } from './version.ts';

/** How long a command waits for Redis to answer, milliseconds: nobody else waits for it. */
const callTimeoutMs = 5_000;

/**
 * Other settings may be wrong, or out of reach: an operator who manages users need not be allowed to read a TLS key.
 */
const needs = (setting: string): boolean => /^(redis|log)\.|^auth\.adminPassword/.test(setting);

/** What the commands need of a configuration. */
type StoreConfig = Pick<Config, 'redis' | 'log'> & { readonly auth: Pick<Config['auth'], 'adminPassword'> };

export interface StoreDeps {
  readonly accounts: AccountStore & MadeTokens;
  readonly config: StoreConfig;
  /** Writes a line of the audit trail: `action` was done to `user`. */
  readonly audit: (action: AuditAction, user: string) => void;
}

/** Why a command has failed: one line for whoever typed it. */
export class CommandFailure extends Error {}

export interface VerbGiven<Io> {
  readonly options: Given['options'];
  /** The name of a user, or what else it takes; null: none is given. */
  readonly operand: string | null;
  readonly io: Io;
}

/** A command of several, such as `users add`. */
export interface Verb<Io> {
  readonly grammar: Grammar;
  /** True: where no operand is given, `--user` has to be. */
  readonly ofUser?: boolean;
  readonly work: (deps: StoreDeps, given: VerbGiven<Io>) => Promise<void>;
}

/**
 * Lets the verb that is meant work on the accounts. Resolves to the exit code: 0, or 1 with what is wrong on stderr.
 * @param give what to type, where it is none of these
 */
export async function verbOf<Io extends CommandIo>(
  verbs: Readonly<Record<string, Verb<Io>>>,
  [verb = '', ...args]: readonly string[],
  env: Environment,
  io: Io,
  give: string,
): Promise<number> {
  const fail = (what: string): number => {
    io.err(what);
    return 1;
  };
  const known = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (known === undefined) return fail(give);
  const { command, usage } = known.grammar;
  const given = givenTo(known.grammar, args, io);
  if (given === null) return 1;
  const {
    options,
    operands: [operand = null],
  } = given;
  if (known.ofUser === true && operand === null && !options.has('--user')) {
    return fail(`weir ${command}: --user is missing; give weir ${command} ${usage}`);
  }
  const file = options.get('--config') ?? null;
  const loaded = configured({ file, env, readFile: io.readFile, needs }, io);
  if (loaded === null) return 1;
  tellStrays(env, io);
  try {
    await onRedis(loaded.config, io, (deps) => known.work(deps, { options, operand, io }));
    return 0;
  } catch (error) {
    if (!(error instanceof CommandFailure || error instanceof StoreAway)) throw error;
    return fail(`weir ${command}: ${error instanceof StoreAway ? awayWords(error) : error.message}`);
  }
}

async function onRedis(config: StoreConfig, io: CommandIo, work: (deps: StoreDeps) => Promise<void>): Promise<void> {
  const { url, tls, keyPrefix } = config.redis;
  if (url === null) {
    throw new CommandFailure(
      'redis.url (REDIS_URL) is not set: users and tokens live inside weir serve, so there is nothing to manage from here',
    );
  }
  const failed = Promise.withResolvers<never>();
  const redis = openRedis({ url, tls, callTimeoutMs }, firstWarning(failed.reject), 'command');
  try {
    const connected = await Promise.race([firstConnection(redis, callTimeoutMs), failed.promise]);
    if (!connected) throw new StoreAway(`no answer within ${callTimeoutMs} ms`);
    await work({ accounts: new RedisAccounts(redis, machineClock, keyPrefix), config, audit: auditTo(config, io) });
  } finally {
    redis.disconnect();
  }
}

/** A log for a connection that is opened once: its first warning says why that failed. */
function firstWarning(fail: (reason: StoreAway) => void): Log {
  return {
    request() {},
    audit() {},
    debug() {},
    info() {},
    warn: (_message, fields) => fail(new StoreAway(String(fields?.['reason']))),
    error() {},
    leftOut: () => noneLeftOut,
  };
}

/** The audit trail goes to stderr, so that what a command prints stays for pipes. */
function auditTo({ log: { level, format } }: StoreConfig, { err }: CommandIo): StoreDeps['audit'] {
  const destination = { write: (line: string) => err(line.trimEnd()) };
  const log = createLog({ level, format: format ?? 'weir', version, clock: machineClock, destination });
  return (action, user) =>
    log.audit({
      action,
      outcome: 'done',
      reason: null,
      by: 'command line',
      requestId: null,
      principal: null,
      user,
      remote: null,
    });
}

function awayWords({ message, cause }: StoreAway): string {
  const why = cause instanceof Error ? cause.message : message;
  return `Redis does not serve (${why}); look at redis.url (REDIS_URL)`;
}
