/** Many users with a token each, written to Redis as logins would write them, but for the passwords. */

import { Redis } from 'ioredis';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { RedisAccounts } from '../../src/adapters/redis/accounts.ts';

const atOnce = 500;
const lifetimeMs = 86_400_000;
const digits = 6;

/** @param number its six digits, or what stands for them in a request (`LoadOrder.request`) */
export const callersToken = (number: string): string => 'A'.repeat(43 - digits) + number;

export async function makeTokens(redisUrl: string, tokens: number): Promise<void> {
  const redis = new Redis(redisUrl);
  try {
    const accounts = new RedisAccounts(redis, machineClock);
    const make = async (number: number): Promise<void> => {
      const name = `caller-${number}`;
      await accounts.addUser({ name, role: 'ROLE_USER', passwordHash: '', mustChangePassword: false });
      const user = await accounts.findUser(name);
      const digest = nodeSecrets.digest(callersToken(String(number).padStart(digits, '0')));
      const made = user !== undefined && (await accounts.addToken(digest, user, machineClock.wallMs() + lifetimeMs));
      if (!made) throw new Error(`no token could be made for ${name}`);
    };
    for (let from = 0; from < tokens; from += atOnce) {
      await Promise.all(Array.from({ length: Math.min(atOnce, tokens - from) }, (_, i) => make(from + i)));
    }
  } finally {
    redis.disconnect();
  }
}
