import type { Clock, EndedTokens } from '../../ports.ts';

/** About 200 bytes each. Each is a token that somebody had and logged out. */
const tokensMax = 200_000;

/** Tokens of an identity provider that were logged out, in this process. Of too many the oldest is forgotten. */
export function createMemoryEndedTokens(clock: Clock): EndedTokens {
  /** Until when, `Clock.now()`, by digest, in the order of logging out. */
  const ended = new Map<string, number>();
  return {
    async end(digest, untilMs) {
      const now = clock.now();
      ended.set(digest, now + untilMs - clock.wallMs());
      for (const [oldest, until] of ended) {
        if (ended.size <= tokensMax && now < until) return;
        ended.delete(oldest);
      }
    },
    hasEnded(digest) {
      const until = ended.get(digest);
      return until !== undefined && clock.now() < until;
    },
  };
}
