/** The identity provider that the configuration names, if it names one. */
import { keysFromFile, keysFromUrl } from '../adapters/jose/source.ts';
import { createForeignTokens } from '../adapters/jose/tokens.ts';
import { createForeign, type Foreign } from '../auth/jwt.ts';
import type { Secrets } from '../auth/ports.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Log, Meter } from '../observe/ports.ts';
import type { Stores } from './stores.ts';

export interface ForeignParts {
  readonly stores: Pick<Stores, 'ended' | 'guard' | 'onRevocation'>;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
}

export function openForeign({ auth }: Config, { stores, secrets, clock, meter, log }: ForeignParts): Foreign | null {
  const { jwt, storeAwayGraceMs: awayGraceMs } = auth;
  if (jwt === null) return null;
  const source = 'url' in jwt.keys ? keysFromUrl(jwt.keys.url, jwt.timeoutMs) : keysFromFile(jwt.keys.file);
  const tokens = createForeignTokens(source, { ...jwt, awayGraceMs }, clock, log);
  const foreign = createForeign(
    { tokens, ended: stores.ended, guard: stores.guard, secrets, clock, meter },
    { freshMs: auth.tokenMemoryMs, keptMs: awayGraceMs, max: auth.tokenMemoryMax },
  );
  stores.onRevocation(foreign.revocations);
  return foreign;
}
