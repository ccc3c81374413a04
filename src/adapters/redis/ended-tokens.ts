/** Tokens of an identity provider that were logged out, in Redis: a key each, which goes when the token is over. */
import type { EndedTokens } from '../../auth/ports.ts';
import type { Clock } from '../../clock.ts';
import { answered } from './answered.ts';
import type { RedisConnection } from './client.ts';
import { channelOf, tokenMessage } from './revocations.ts';
import { script } from './script.ts';

/** What the script beside this file is called on the connection. */
interface Scripts {
  weirEndToken(mark: string, lifetimeMs: number, channel: string, message: string): Promise<null>;
}

/** A provider may give a token any end; Redis takes no lifetime that passes its own. */
const lifetimeMaxMs = 10 * 366 * 24 * 3_600_000;

const asked = 'the tokens that were logged out';

/** `redis` is a connection from `openRedis`. `prefix` begins all keys. */
export function createRedisEndedTokens(redis: RedisConnection, clock: Clock, prefix = 'weir:'): EndedTokens {
  redis.defineCommand('weirEndToken', script('end-token.lua', 1));
  const scripts = redis as RedisConnection & Scripts;
  const markOf = (digest: string): string => `${prefix}{accounts}:ended:${digest}`;
  return {
    async end(digest, untilMs) {
      const lifetimeMs = Math.ceil(Math.min(lifetimeMaxMs, untilMs - clock.wallMs()));
      if (lifetimeMs < 1) return;
      await answered(scripts.weirEndToken(markOf(digest), lifetimeMs, channelOf(prefix), tokenMessage(digest)), asked);
    },
    async hasEnded(digest) {
      return (await answered(redis.exists(markOf(digest)), asked)) === 1;
    },
  };
}
