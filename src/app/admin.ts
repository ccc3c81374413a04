/** Makes sure that there is an admin, whatever happens to the store. */
import { adminName, ensureAdmin } from '../auth/first-admin.ts';
import { type Passwords, StoreAway } from '../auth/ports.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../observe/ports.ts';
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
 * At the start the configured password is set. The store may come back empty, so whenever it is back, a missing admin
 * is made again. An admin that is there keeps the password that it has been given since.
 */
export async function keepAdmin(deps: AdminDeps, adminPassword: string | null): Promise<void> {
  await tryUntilDone(deps, adminPassword, 'set');
  deps.stores.onReturn(() => void tryUntilDone(deps, adminPassword, 'keep'));
}

/**
 * Resolves after the first try: a store that is away now must not keep Weir from serving. The outage has its line in
 * the log already.
 */
async function tryUntilDone(deps: AdminDeps, adminPassword: string | null, existing: 'set' | 'keep'): Promise<void> {
  const { stores, passwords, clock, log } = deps;
  try {
    const action = await ensureAdmin(stores.accounts, passwords, adminPassword, existing);
    if (action !== null) log.audit({ ...byConfiguration, action });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const level = error instanceof StoreAway ? 'debug' : 'warn';
    log[level]('the admin cannot be looked up; trying again', { reason, retryMs });
    clock.after(retryMs, () => void tryUntilDone(deps, adminPassword, existing));
  }
}
