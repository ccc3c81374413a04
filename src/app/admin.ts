/** Makes sure that there is an admin, whatever happens to the store. */
import { adminName, ensureAdmin } from '../auth/first-admin.ts';
import { type Passwords, StoreAway } from '../auth/ports.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../observe/ports.ts';
import type { WorkerPlace } from './place.ts';
import type { Stores } from './stores.ts';

interface AdminDeps {
  readonly stores: Stores;
  readonly passwords: Passwords;
  readonly clock: Clock;
  readonly log: Log;
}

const retryMs = 1_000;

const byConfiguration = {
  outcome: 'done',
  reason: null,
  by: 'configuration',
  requestId: null,
  principal: null,
  user: adminName,
  remote: null,
} as const;

/**
 * The start sets the configured password. The store may come back empty, so whenever it is back, a missing admin is
 * made again. An admin that is there keeps a password that it was given later, until another one is configured.
 */
export class AdminKeeper {
  readonly #deps: AdminDeps;
  #password: string | null;
  #care: WorkerPlace['admin'] = 'none';

  constructor(deps: AdminDeps, password: string | null) {
    this.#deps = deps;
    this.#password = password;
  }

  /** @param care `none`: another process of this replica sees to the admin */
  async begin(care: WorkerPlace['admin']): Promise<void> {
    this.#care = care;
    if (care === 'none') return;
    await this.#tryUntilDone(care);
    this.#deps.stores.onReturn(() => void this.#tryUntilDone('keep'));
  }

  /** Another password is configured: the admin gets it. */
  configure(password: string | null): void {
    if (password === this.#password) return;
    this.#password = password;
    if (this.#care !== 'none') void this.#tryUntilDone('set');
  }

  /**
   * Resolves after the first try: a store that is away now must not keep Weir from serving. The outage has its line in
   * the log already.
   */
  async #tryUntilDone(existing: 'set' | 'keep'): Promise<void> {
    const { stores, passwords, clock, log } = this.#deps;
    const password = this.#password;
    try {
      const action = await ensureAdmin(stores.accounts, passwords, password, existing);
      if (action !== null) log.audit({ action, ...byConfiguration });
    } catch (error) {
      // Another one has been configured meanwhile, and is being set.
      if (password !== this.#password) return;
      const reason = error instanceof Error ? error.message : String(error);
      const level = error instanceof StoreAway ? 'debug' : 'warn';
      log[level]('the admin cannot be looked up; trying again', { reason, retryMs });
      clock.after(retryMs, () => void this.#tryUntilDone(existing));
    }
  }
}
