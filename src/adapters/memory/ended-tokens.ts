import type { EndedTokens } from '../../auth/ports.ts';
import type { Clock } from '../../clock.ts';

/** About 250 bytes each. Each is a token that somebody had and logged out. */
const tokensMaxDefault = 200_000;

interface Ended {
  /** `Clock.now()` */
  readonly until: number;
  readonly user: string;
}

/**
 * Tokens of an identity provider that were logged out, in this process. If there are too many, the oldest is forgotten,
 * among those of users that have at least the average number. So a user who logs out thousands makes only its own valid
 * again.
 */
export function createMemoryEndedTokens(clock: Clock, tokensMax = tokensMaxDefault): EndedTokens {
  /** By digest, in the order of logging out. */
  const ended = new Map<string, Ended>();
  /** How many each user has. */
  const counts = new Map<string, number>();

  const forget = (digest: string): void => {
    const user = ended.get(digest)?.user;
    if (user === undefined) return;
    ended.delete(digest);
    const count = (counts.get(user) ?? 0) - 1;
    if (count > 0) counts.set(user, count);
    else counts.delete(user);
  };
  const makeRoom = (now: number): void => {
    for (const [oldest, one] of ended) {
      if (now < one.until) {
        if (ended.size <= tokensMax) return;
        if ((counts.get(one.user) ?? 0) * counts.size < ended.size) {
          ended.delete(oldest);
          ended.set(oldest, one);
          continue;
        }
      }
      forget(oldest);
    }
  };
  return {
    async end(digest, untilMs, user = '') {
      const now = clock.now();
      forget(digest);
      ended.set(digest, { until: now + untilMs - clock.wallMs(), user });
      counts.set(user, (counts.get(user) ?? 0) + 1);
      makeRoom(now);
    },
    hasEnded(digest) {
      const one = ended.get(digest);
      return one !== undefined && clock.now() < one.until;
    },
  };
}
