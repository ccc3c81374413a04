/**
 * Users: `POST /v1/users`, `GET`, `PUT` and `DELETE /v1/users/{username}`.
 *
 * Only an admin creates, changes and deletes others; everybody may read itself and change its own password. A caller
 * that may not is told so, whether the other user exists or not. Admins can't be deleted.
 */
import type { User } from '../../auth/accounts.ts';
import { brokenPasswordRule, brokenUsernameRule, couldBeUsername } from '../../auth/credentials.ts';
import { findUserNamed, likeNamed, takenWords } from '../../auth/names.ts';
import type { Asker } from '../../auth/places.ts';
import type { Accounts } from '../../auth/ports.ts';
import { usernameForm } from '../../auth/precis.ts';
import { type Collected, noteOf } from '../../exchange/exchange.ts';
import type { Page } from '../../exchange/outcome.ts';
import { type Refusal, refuse } from '../../exchange/refusals.ts';
import { networkOf } from '../../http/network.ts';
import type { WebappDeps } from './deps.ts';
import { page } from './envelope.ts';
import { readJson } from './json-body.ts';

export async function createUser(exchange: Collected, { accounts, passwords }: WebappDeps): Promise<Page | Refusal> {
  const body = readJson(exchange.body, { required: ['username', 'password'], optional: [] });
  if (body.kind === 'refusal') return body;
  const username = usernameForm(body.values.username);
  const { password } = body.values;
  const brokenName = brokenUsernameRule(username);
  if (brokenName !== null) return refuse('parameterInvalid', `username ${brokenName}.`);
  noteOf(exchange).user = username;
  const brokenPassword = brokenPasswordRule(password);
  if (brokenPassword !== null) return refuse('parameterInvalid', `password ${brokenPassword}.`);
  const like = await likeNamed(accounts, username);
  if (like !== null) return taken(username, like);
  const turn = await passwords.enter(askerOf(exchange));
  if (turn.kind === 'busy') return refuse('loginsFull', null, turn.retryAfterMs);
  using _turn = turn;
  const passwordHash = await turn.hash(password);
  const user = { name: username, role: 'ROLE_USER', passwordHash, mustChangePassword: false } as const;
  if (await accounts.addUser(user, 'distinct')) return page(201, { users: [{ username }] });
  return taken(username, await likeNamed(accounts, username));
}

function taken(name: string, like: string | null): Refusal {
  return refuse('exists', `The user name ${takenWords(name, like)}.`);
}

export async function readUser(exchange: Collected, { accounts }: WebappDeps): Promise<Page | Refusal> {
  const user = await subject(exchange, accounts);
  if ('kind' in user) return user;
  return page(200, { users: [{ username: user.name, ROLES: user.role }] });
}

export async function changeUser(exchange: Collected, { accounts, passwords }: WebappDeps): Promise<Page | Refusal> {
  let user = await subject(exchange, accounts);
  if ('kind' in user) return user;
  const body = readJson(exchange.body, { required: ['password'], optional: [] });
  if (body.kind === 'refusal') return body;
  const broken = brokenPasswordRule(body.values.password);
  if (broken !== null) return refuse('parameterInvalid', `password ${broken}.`);
  const turn = await passwords.enter(askerOf(exchange));
  if (turn.kind === 'busy') return refuse('loginsFull', null, turn.retryAfterMs);
  using _turn = turn;
  const passwordHash = await turn.hash(body.values.password);
  // Of two changes at once the later one wins, as if the other had come before; a user that went meanwhile is gone.
  while ((await accounts.changePassword(user, passwordHash)) === undefined) {
    user = await subject(exchange, accounts);
    if ('kind' in user) return user;
  }
  return page(200, { users: [{ username: user.name }] });
}

export async function deleteUser(exchange: Collected, { accounts }: WebappDeps): Promise<Page | Refusal> {
  if (!isAdmin(exchange)) return refuse('forbidden');
  const user = await subject(exchange, accounts);
  if ('kind' in user) return user;
  if (user.role === 'ROLE_ADMIN') return refuse('forbidden', "The admin can't be deleted.");
  return (await accounts.deleteUser(user.name)) ? page(200, { users: [{ username: user.name }] }) : unknown(user.name);
}

/** The user that the path names, as far as the caller may know of it. */
async function subject({ route, principal }: Collected, accounts: Accounts): Promise<User | Refusal> {
  const name = route.by === 'weir' && route.username !== null ? route.username : '';
  const self = principal.kind === 'user' ? principal.name : null;
  const own = self !== null && usernameForm(self) === usernameForm(name);
  if (!own && !isAdmin({ principal })) return refuse('forbidden');
  if (!own && !couldBeUsername(name)) return refuse('notFound', 'There is no user of that name.');
  const user = await findUserNamed(accounts, name);
  // An older Weir may have two of one form.
  if (user !== undefined && user.name !== self && !isAdmin({ principal })) return refuse('forbidden');
  return user ?? unknown(name);
}

/** The user whose token it was. */
function askerOf({ principal, origin }: Collected): Asker {
  const user = principal.kind === 'user' ? principal.name : principal.kind;
  return { user, address: networkOf(origin.remote, 56), standing: 'known' };
}

function isAdmin({ principal }: Pick<Collected, 'principal'>): boolean {
  return principal.kind === 'user' && principal.role === 'ROLE_ADMIN';
}

function unknown(name: string): Refusal {
  return refuse('notFound', `There is no user ${JSON.stringify(name)}.`);
}
