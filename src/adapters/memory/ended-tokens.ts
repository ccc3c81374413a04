import type { EndedTokens } from '../../auth/ports.ts';
import { UserEntries } from '../../auth/user-entries.ts';
import type { Clock } from '../../clock.ts';

/** About 250 bytes each. Each is a token that somebody had and logged out. */
const tokensMaxDefault = 200_000;

/**
 * Tokens of an identity provider that were logged out, in this process. If there are too many, the oldest is forgotten,
 * among those of users that have at least the average number. So a user who logs out thousands makes only its own valid
 * again.
 */
export function createMemoryEndedTokens(clock: Clock, tokensMax = tokensMaxDefault): EndedTokens {
  const ended = new UserEntries();
  return {
    async end(digest, untilMs, user = '') {
      const now = clock.now();
      ended.take(digest);
      ended.add(digest, { until: now + untilMs - clock.wallMs(), user });
      for (const oldest of ended.surplus(now, tokensMax)) ended.take(oldest);
    },
    hasEnded(digest) {
      const one = ended.get(digest);
      return one !== undefined && clock.now() < one.until;
    },
  };
}
