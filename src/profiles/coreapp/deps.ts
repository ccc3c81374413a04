import type { BearerTokens } from '../../auth/bearer-tokens.ts';
import type { Accounts, LoginGuard, Passwords, Secrets } from '../../auth/ports.ts';
import type { Clock } from '../../clock.ts';
import type { Page } from '../../exchange/outcome.ts';
import type { Log } from '../../observe/ports.ts';
import type { SharedLogins } from './shared-logins.ts';

/** What the endpoints of Weir's own need. */
export interface WebappDeps {
  readonly accounts: Accounts;
  readonly passwords: Passwords;
  readonly secrets: Secrets;
  readonly guard: LoginGuard;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  /** Of each kind, to log them out. */
  readonly tokens: readonly Pick<BearerTokens, 'couldBe' | 'end'>[];
  /** How long a token lives, milliseconds; the contract's is 7 days. */
  readonly tokenLifetimeMs: number;
  /** For what many wait for at once: each goes on in a turn of its own, for its network. Null: now. */
  readonly turn: (network: string) => Promise<void> | null;
  /** Weir's own figures, as a page in the form asked for. */
  readonly figures: (format: 'json' | 'prometheus') => Promise<Page>;
}

/** The same as the endpoints see it. */
export interface EndpointDeps extends WebappDeps {
  readonly sharedLogins: SharedLogins;
}
