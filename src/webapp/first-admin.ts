import type { Accounts, Passwords, PasswordTurn, User } from '../ports.ts';

const adminName = 'admin';
/** The contract's own; it serves for nothing but to set another one. */
const firstPassword = 'secret';

/**
 * Sees to it that there is an admin. Without `adminPassword` a missing one begins as `admin`/`secret` and has to change
 * that at its first login; an existing one stays as it is. With `adminPassword` that is the admin's password from now
 * on; where it was another one, all tokens of the admin end.
 *
 * Several replicas may do this at once on one store. Rejects with `StoreAway` when that is away, and when all turns to
 * hash are taken; doing it again is right in both cases.
 */
export async function ensureAdmin(
  accounts: Accounts,
  passwords: Passwords,
  adminPassword: string | null,
): Promise<void> {
  if (adminPassword === null && (await accounts.findUser(adminName)) !== undefined) return;
  const turn = await passwords.enter();
  if (turn.kind === 'busy') throw new Error(`Too many logins wait to hash the password of ${adminName}.`);
  using _turn = turn;
  for (;;) {
    const admin = await accounts.findUser(adminName);
    if (admin === undefined) await add(accounts, turn, adminPassword);
    else if (adminPassword === null || (await change(accounts, turn, admin, adminPassword))) return;
  }
}

/** Another replica may be first: the loop then looks at what that one has added. */
async function add(accounts: Accounts, turn: PasswordTurn, adminPassword: string | null): Promise<void> {
  await accounts.addUser({
    name: adminName,
    role: 'ROLE_ADMIN',
    passwordHash: await turn.hash(adminPassword ?? firstPassword),
    mustChangePassword: adminPassword === null,
  });
}

/** False: the admin was changed meanwhile, so look again. */
async function change(accounts: Accounts, turn: PasswordTurn, admin: User, adminPassword: string): Promise<boolean> {
  const verdict = await turn.verify(adminPassword, admin.passwordHash);
  if (verdict === 'right' && !admin.mustChangePassword) return true;
  if (verdict === 'outdated' && !admin.mustChangePassword) {
    return await accounts.rehash(admin, await turn.hash(adminPassword));
  }
  return (await accounts.changePassword(admin, await turn.hash(adminPassword))) !== undefined;
}
