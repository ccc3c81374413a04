import type { AuditAction } from '../observe/audit.ts';
import type { User } from './accounts.ts';
import type { Accounts, Passwords, PasswordTurn } from './ports.ts';

type AdminChange = Extract<AuditAction, 'user.add' | 'user.password'>;

export const adminName = 'admin';
/** The contract's first password; it is good only for setting another one. */
const firstPassword = 'secret';

/**
 * Makes sure that there is an admin. Without `adminPassword`, a missing admin begins as `admin`/`secret` and has to
 * change that at its first login; an existing one stays as it is. With `adminPassword`, a missing admin begins with it.
 * If `existing` is `set`, an existing admin gets it, too; if that changes the password, all tokens of the admin end.
 *
 * Several replicas may do this at once on one store. Rejects with `StoreAway` when that is away, and when all turns to
 * hash are taken; doing it again is right in both cases. Null: nothing was to be done.
 */
export async function ensureAdmin(
  accounts: Accounts,
  passwords: Passwords,
  adminPassword: string | null,
  existing: 'set' | 'keep' = 'set',
): Promise<AdminChange | null> {
  const toSet = existing === 'set' ? adminPassword : null;
  if (toSet === null && (await accounts.findUser(adminName)) !== undefined) return null;
  const turn = await passwords.enter();
  if (turn.kind === 'busy') throw new Error(`Too many logins wait to hash the password of ${adminName}.`);
  using _turn = turn;
  for (;;) {
    const admin = await accounts.findUser(adminName);
    let end: End;
    if (admin === undefined) end = await add(accounts, turn, adminPassword);
    else if (toSet === null) return null;
    else end = await change(accounts, turn, admin, toSet);
    if (end !== 'overtaken') return end === 'kept' ? null : end;
  }
}

/** `overtaken`: another replica was first, so the caller has to look again at what is stored. */
type End = AdminChange | 'kept' | 'overtaken';

async function add(accounts: Accounts, turn: PasswordTurn, adminPassword: string | null): Promise<End> {
  const added = await accounts.addUser({
    name: adminName,
    role: 'ROLE_ADMIN',
    passwordHash: await turn.hash(adminPassword ?? firstPassword),
    mustChangePassword: adminPassword === null,
  });
  return added ? 'user.add' : 'overtaken';
}

async function change(accounts: Accounts, turn: PasswordTurn, admin: User, adminPassword: string): Promise<End> {
  const verdict = await turn.verify(adminPassword, admin.passwordHash);
  if (verdict === 'right' && !admin.mustChangePassword) return 'kept';
  if (verdict === 'outdated' && !admin.mustChangePassword) {
    return (await accounts.rehash(admin, await turn.hash(adminPassword))) ? 'kept' : 'overtaken';
  }
  const changed = await accounts.changePassword(admin, await turn.hash(adminPassword));
  return changed === undefined ? 'overtaken' : 'user.password';
}
