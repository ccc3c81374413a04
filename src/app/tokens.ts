/** The tokens that requests may bring. */
import { isDeepStrictEqual } from 'node:util';
import { keysFromText, keysFromUrl } from '../adapters/jose/source.ts';
import { createJwtCheck } from '../adapters/jose/tokens.ts';
import { BearerTokens } from '../auth/bearer-tokens.ts';
import { createJwtAuth } from '../auth/jwt.ts';
import type { Secrets } from '../auth/ports.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { JwtConfig } from '../config/jwt.ts';
import type { Log, Meter } from '../observe/ports.ts';
import { entriesOptions, type Stores, type TokenSettings } from './stores.ts';

type ProviderSettings = TokenSettings & { readonly jwt: JwtConfig };

interface Provider {
  readonly settings: ProviderSettings;
  readonly bearer: BearerTokens;
  /** It hears of no revocation any more. */
  leave(): void;
}

interface ProviderDeps {
  readonly stores: Pick<Stores, 'accounts' | 'tokens' | 'guard' | 'ended' | 'onRevocation'>;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
}

/** What tokens are taken: Weir's own, and those of the identity provider that is configured now. */
export class TokenKinds {
  readonly #deps: ProviderDeps;
  readonly #own: BearerTokens;
  #provider: Provider | null = null;

  constructor(config: Config, deps: ProviderDeps) {
    const { stores, secrets } = deps;
    this.#deps = deps;
    const end = (text: string) => stores.accounts.dropToken(secrets.digest(text));
    this.#own = new BearerTokens({ tokens: stores.tokens, end, guard: stores.guard, secrets });
    this.configure(config);
  }

  get all(): readonly BearerTokens[] {
    return this.#provider === null ? [this.#own] : [this.#own, this.#provider.bearer];
  }

  /** Other settings of the provider: what was known of its tokens is forgotten, since it went by the old ones. */
  configure({ auth }: Config): void {
    const { jwt, storeAwayGraceMs, tokenMemoryMs, tokenMemoryMax } = auth;
    const settings = { jwt, storeAwayGraceMs, tokenMemoryMs, tokenMemoryMax };
    if (isDeepStrictEqual(settings, this.#provider?.settings ?? { ...settings, jwt: null })) return;
    this.#provider?.leave();
    this.#provider = jwt === null ? null : this.#open({ ...settings, jwt });
  }

  #open(settings: ProviderSettings): Provider {
    const { stores, secrets, clock, meter, log } = this.#deps;
    const { jwt, storeAwayGraceMs: awayGraceMs } = settings;
    const { keys, timeoutMs } = jwt;
    const source = 'url' in keys ? keysFromUrl(keys.url, timeoutMs) : keysFromText(keys.file, keys.text);
    const jwts = createJwtCheck(source, { ...jwt, awayGraceMs }, clock, log);
    const auth = createJwtAuth({ jwts, ended: stores.ended, secrets, clock, meter }, entriesOptions(settings));
    const bearer = new BearerTokens({ ...auth, guard: stores.guard, secrets });
    return { settings, bearer, leave: stores.onRevocation(auth.tokens) };
  }
}
