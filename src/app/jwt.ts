/** The identity provider that the configuration names, if it names one. */
import { keysFromFile, keysFromUrl } from '../adapters/jose/source.ts';
import { createJwtCheck } from '../adapters/jose/tokens.ts';
import { createJwtAuth, type JwtAuth } from '../auth/jwt.ts';
import type { Secrets } from '../auth/ports.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Log, Meter } from '../observe/ports.ts';
import type { Stores } from './stores.ts';

interface ProviderDeps {
  readonly stores: Pick<Stores, 'ended' | 'onRevocation'>;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
}

export function openJwtAuth({ auth }: Config, { stores, secrets, clock, meter, log }: ProviderDeps): JwtAuth | null {
  const { jwt, storeAwayGraceMs: awayGraceMs } = auth;
  if (jwt === null) return null;
  const source = 'url' in jwt.keys ? keysFromUrl(jwt.keys.url, jwt.timeoutMs) : keysFromFile(jwt.keys.file);
  const jwts = createJwtCheck(source, { ...jwt, awayGraceMs }, clock, log);
  const jwtAuth = createJwtAuth(
    { jwts, ended: stores.ended, secrets, clock, meter },
    { freshMs: auth.tokenMemoryMs, keptMs: awayGraceMs, max: auth.tokenMemoryMax },
  );
  stores.onRevocation(jwtAuth.tokens);
  return jwtAuth;
}
