/**
 * JWT: tokens of an identity provider, taken next to Weir's own. The provider's signature says whose a token is, and
 * Weir caches what it has seen, so that a token in use costs as little as one of Weir's own. Logging out can't take
 * the signature back: it is written down that the token has ended, and all replicas are told, until it is over by itself.
 */
import type { Clock } from '../clock.ts';
import type { Meter } from '../observe/ports.ts';
import type { EndedTokens, JwtVerifier, LoginGuard, Secrets } from './ports.ts';
import type { RevocationListener } from './revocations.ts';
import { type Found, TokenCache } from './token-cache.ts';
import type { TokenEntriesOptions } from './token-entries.ts';
import { createFindToken, type FindToken } from './tokens.ts';

/** Most tokens can be judged without asking anybody, so one that can't must not keep the others waiting. */
const restMs = 0;
/** Short: a token may be sent before its time has come, or before its key has been published. */
const unknownMs = 1_000;

export interface JwtAuthDeps {
  readonly tokens: JwtVerifier;
  readonly ended: EndedTokens;
  readonly guard: Pick<LoginGuard, 'strangerWaitMs' | 'stranger'>;
  readonly secrets: Pick<Secrets, 'digest'>;
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'storeCalled'>;
}

export interface JwtAuth {
  /** False: it is no token of the provider's. */
  couldBeToken(text: string): boolean;
  readonly findToken: FindToken;
  /** Logs a token out, however its signature is written. */
  end(text: string): Promise<void>;
  /** Whom to tell what other replicas have logged out. */
  readonly revocations: RevocationListener;
}

export function createJwtAuth(
  { tokens, ended, guard, secrets, clock, meter }: JwtAuthDeps,
  options: TokenEntriesOptions,
): JwtAuth {
  /**
   * A token ends by what was signed: its signature may be written in other ways that are as valid (spare bits of its
   * last character; of ECDSA also n − s). A cached one goes by its whole text: else any signature would do.
   */
  const signedDigest = (text: string): string => secrets.digest(text.slice(0, text.lastIndexOf('.')));
  const find = async (_: string, text: string): Promise<Found | undefined> => {
    const record = await tokens.findToken(text);
    if (record === undefined) return undefined;
    const revokedAs = signedDigest(text);
    return (await ended.hasEnded(revokedAs)) ? undefined : { ...record, revokedAs };
  };
  const cache = new TokenCache({ find, clock, meter, call: 'findForeignToken' }, { ...options, restMs, unknownMs });
  return {
    couldBeToken: (text) => tokens.couldBeToken(text),
    findToken: createFindToken({ tokens: cache, guard }),
    async end(text) {
      const digest = signedDigest(text);
      const record = await tokens.findToken(text);
      if (record === undefined) return;
      try {
        await ended.end(digest, record.expiresAtMs, record.user);
      } finally {
        // Whether the store has answered or not, it may have been written down.
        cache.tokenRevoked(digest);
      }
    },
    revocations: cache,
  };
}
