/**
 * `POST /v1/users/login`: a name and a password for a token; and `POST /v1/users/logout`.
 *
 * A `new_password` in the body changes the password, at the first login of an account that has to and at any later
 * one; as with every change, all earlier tokens of the user end.
 */
import type { User } from '../../auth/accounts.ts';
import { brokenPasswordRule, credentialsOf } from '../../auth/credentials.ts';
import { findUserNamed } from '../../auth/names.ts';
import type { Asker } from '../../auth/places.ts';
import { type Accounts, type Leave, type PasswordTurn, StoreAway } from '../../auth/ports.ts';
import { usernameForm } from '../../auth/precis.ts';
import { type AuditNote, type Collected, noteOf } from '../../exchange/exchange.ts';
import type { Page } from '../../exchange/outcome.ts';
import { type Refusal, refuse } from '../../exchange/refusals.ts';
import { networkOf } from '../../http/network.ts';
import type { EndpointDeps, WebappDeps } from './deps.ts';
import { page } from './envelope.ts';
import { readJson } from './json-body.ts';
import type { Lead } from './shared-logins.ts';

interface Attempt {
  /** As it was sent: the user is found by it. */
  readonly sentName: string;
  /** In its form: failures are counted by it. */
  readonly username: string;
  readonly password: string;
  readonly newPassword: string | null;
  readonly address: string;
  /** What the audit trail is to say. */
  readonly note: AuditNote;
}

export async function login(exchange: Collected, deps: EndpointDeps): Promise<Page | Refusal> {
  const attempt = readAttempt(exchange);
  if ('kind' in attempt) return attempt;
  const { username, password, newPassword, address } = attempt;
  const { leave, standing } = await deps.guard.look(username, address);
  if (!leave.allowed) return await throttled(attempt, leave, deps.accounts);
  const asker: Asker = { user: username, address: networkOf(address, 56), standing };
  if (newPassword !== null) return await inTurn(attempt, asker, null, deps);
  const shared = await deps.sharedLogins.join(deps.secrets.mark(`${attempt.sentName}\n${password}`));
  if (shared.kind === 'late') return refuse('loginsFull', null, 1_000);
  if (shared.kind === 'right') {
    await deps.turn(networkOf(address));
    return await welcome(attempt, shared.user, deps);
  }
  try {
    return await inTurn(attempt, asker, shared, deps);
  } finally {
    shared.settle(null);
  }
}

async function inTurn(attempt: Attempt, asker: Asker, lead: Lead | null, deps: WebappDeps): Promise<Page | Refusal> {
  const turn = await deps.passwords.enter(asker);
  if (turn.kind === 'busy') return refuse('loginsFull', null, turn.retryAfterMs);
  using _turn = turn;
  return await tryLogin(attempt, turn, lead, deps);
}

function readAttempt(exchange: Collected): Attempt | Refusal {
  const credentials = credentialsOf(exchange.fields);
  if (credentials.kind !== 'basic') throw new Error('authenticate lets nobody log in without Basic credentials.');
  const body = readJson(exchange.body, { required: [], optional: ['new_password'] });
  if (body.kind === 'refusal') return body;
  const newPassword = body.values.new_password ?? null;
  const broken = newPassword === null ? null : brokenPasswordRule(newPassword);
  if (broken !== null) return refuse('parameterInvalid', `new_password ${broken}.`);
  const { username: sentName, password } = credentials;
  const username = usernameForm(sentName);
  return { sentName, username, password, newPassword, address: exchange.origin.remote, note: noteOf(exchange) };
}

async function tryLogin(
  attempt: Attempt,
  turn: PasswordTurn,
  lead: Lead | null,
  deps: WebappDeps,
): Promise<Page | Refusal> {
  const { sentName, username, password, newPassword, address, note } = attempt;
  if (turn.waited || lead?.waited === true) {
    // Those who went first may have failed with the same name or from the same address.
    const leave = await deps.guard.mayTry(username, address);
    if (!leave.allowed) return await throttled(attempt, leave, deps.accounts);
  }
  const user = await findUserNamed(deps.accounts, sentName);
  note.user = user?.name ?? null;
  const verdict = await turn.verify(password, user?.passwordHash ?? null);
  if (user === undefined || verdict === 'wrong') {
    note.reason = user === undefined ? 'unknownUser' : 'wrongPassword';
    await deps.guard.failed(username, address);
    return refuse('unauthenticated');
  }
  lead?.settle(user);
  if (newPassword !== null) {
    await deps.guard.succeeded(username, address);
    const changed = await deps.accounts.changePassword(user, await turn.hash(newPassword));
    if (changed === undefined) return changedMeanwhile(note);
    note.passwordChanged = true;
    return await giveToken(changed, note, deps);
  }
  if (verdict === 'outdated' && !user.mustChangePassword) {
    await deps.accounts.rehash(user, await turn.hash(password));
  }
  return await welcome(attempt, user, deps);
}

/** The password is right. */
async function welcome({ username, address, note }: Attempt, user: User, deps: WebappDeps): Promise<Page | Refusal> {
  note.user = user.name;
  await deps.guard.succeeded(username, address);
  if (user.mustChangePassword) return refuse('passwordChangeRequired');
  return await giveToken(user, note, deps);
}

/** If the user was changed since its password was verified, that password is no longer known to be right. */
async function giveToken(
  user: User,
  note: AuditNote,
  { accounts, secrets, clock, tokenLifetimeMs }: WebappDeps,
): Promise<Page | Refusal> {
  const token = secrets.token();
  const expiresAtMs = clock.wallMs() + tokenLifetimeMs;
  if (!(await accounts.addToken(secrets.digest(token), user, expiresAtMs))) return changedMeanwhile(note);
  return page(200, { users: [{ token, expires_after: contractDate(expiresAtMs) }] });
}

function changedMeanwhile(note: AuditNote): Refusal {
  note.reason = 'changedMeanwhile';
  return refuse('unauthenticated');
}

async function throttled(
  { sentName, note }: Attempt,
  { retryAfterMs }: Extract<Leave, { allowed: false }>,
  accounts: Accounts,
): Promise<Refusal> {
  note.reason = 'tooManyFailures';
  note.user = await userNamed(sentName, accounts);
  const seconds = Math.ceil(retryAfterMs / 1_000);
  return refuse('unauthenticated', `Too many failed logins. Try again in ${seconds} s.`, retryAfterMs);
}

/** The user whose password is being guessed, if that can be told. */
async function userNamed(sentName: string, accounts: Accounts): Promise<string | null> {
  try {
    return (await findUserNamed(accounts, sentName))?.name ?? null;
  } catch (error) {
    if (error instanceof StoreAway) return null;
    throw error;
  }
}

/** The one form of date that strict clients read, in UTC and whole seconds: `2018-03-01 15:29:26+00:00`. */
function contractDate(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19).replace('T', ' ')}+00:00`;
}

/** `POST /v1/users/logout`: ends the token that was sent and no other. A body is not looked at. */
export async function logout(exchange: Collected, { tokens }: WebappDeps): Promise<Page | Refusal> {
  const credentials = credentialsOf(exchange.fields);
  if (credentials.kind !== 'bearer') return refuse('unauthenticated');
  const { token } = credentials;
  await tokens.find((kind) => kind.couldBe(token))?.end(token);
  return page(200, {});
}
