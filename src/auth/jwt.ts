/**
 * JWT: tokens of an identity provider, taken next to Weir's own. The provider's signature says whose a token is, and
 * Weir caches what it has seen, so that a token in use costs as little as one of Weir's own. Logging out can't take the
 * signature back. So the store keeps that the token has ended until it expires by itself, and all replicas are told.
 */
import type { Clock } from '../clock.ts';
import type { Meter } from '../observe/ports.ts';
import type { EndedTokens, JwtCheck, Secrets, Verifier } from './ports.ts';
import { TokenCache } from './token-cache.ts';
import type { TokenEntriesOptions } from './token-entries.ts';

/** Most tokens can be judged without asking anybody, so one that can't must not keep the others waiting. */
const restMs = 0;
/** Short: a token may be sent before its time has come, or before its key has been published. */
const unknownMs = 1_000;

interface JwtAuthDeps {
  readonly jwts: JwtCheck;
  readonly ended: EndedTokens;
  readonly secrets: Pick<Secrets, 'digest'>;
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'storeCalled'>;
}

export interface JwtAuth {
  readonly tokens: TokenCache;
  /** Logs a token out, however its signature is written. */
  end(text: string): Promise<void>;
}

export function createJwtAuth(
  { jwts, ended, secrets, clock, meter }: JwtAuthDeps,
  options: TokenEntriesOptions,
): JwtAuth {
  /**
   * A token ends by what was signed: its signature may be written in other ways that are as valid (spare bits of its
   * last character; of ECDSA also n − s). A cached one goes by its whole text: else any signature would do.
   */
  const signedDigest = (text: string): string => secrets.digest(text.slice(0, text.lastIndexOf('.')));
  const verifier: Verifier = {
    needsText: true,
    couldBe: (text) => jwts.couldBe(text),
    async verify(_, text) {
      const record = await jwts.check(text);
      if (record === undefined) return undefined;
      const revokedAs = signedDigest(text);
      return (await ended.hasEnded(revokedAs)) ? undefined : { ...record, revokedAs };
    },
  };
  const tokens = new TokenCache(
    { verifier, clock, meter },
    { ...options, restMs, unknownMs, call: 'findForeignToken' },
  );
  return {
    tokens,
    async end(text) {
      const digest = signedDigest(text);
      const record = await jwts.check(text);
      if (record === undefined) return;
      // Even if the store has not answered, it may have stored the end.
      await ended.end(digest, record.expiresAtMs, record.user).finally(() => tokens.tokenRevoked(digest));
    },
  };
}
