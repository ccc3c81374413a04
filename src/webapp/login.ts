/**
 * `POST /v1/users/login`: a name and a password for a token.
 *
 * A `new_password` in the body changes the password, at the first login of an account that has to and at any later
 * one; as with every change, all earlier tokens of the user end.
 */
import type { AuditNote } from '../model/audit.ts';
import { brokenPasswordRule, credentialsOf } from '../model/credentials.ts';
import { type Collected, noteOf } from '../model/exchange.ts';
import { type Page, page } from '../model/page.ts';
import { type Refusal, refuse } from '../model/refusals.ts';
import { type Accounts, type Leave, type PasswordTurn, StoreAway, type User } from '../ports.ts';
import { contractDate } from './dates.ts';
import { readJson } from './json-body.ts';
import type { WebappWorld } from './world.ts';

interface Attempt {
  readonly username: string;
  readonly password: string;
  readonly newPassword: string | null;
  readonly address: string;
  /** What the audit trail is to say. */
  readonly note: AuditNote;
}

export async function login(exchange: Collected, world: WebappWorld): Promise<Page | Refusal> {
  const attempt = readAttempt(exchange);
  if ('kind' in attempt) return attempt;
  const leave = await world.guard.mayTry(attempt.username, attempt.address);
  if (!leave.allowed) return await throttled(attempt, leave, world.accounts);
  const turn = await world.passwords.enter();
  if (turn.kind === 'busy') return refuse('loginsFull', null, turn.retryAfterMs);
  using _turn = turn;
  return await tryLogin(attempt, turn, world);
}

function readAttempt(exchange: Collected): Attempt | Refusal {
  const credentials = credentialsOf(exchange.fields);
  if (credentials.kind !== 'basic') throw new Error('authenticate lets nobody log in without Basic credentials.');
  const body = readJson(exchange.body, { required: [], optional: ['new_password'] });
  if (body.kind === 'refusal') return body;
  const newPassword = body.values.new_password ?? null;
  const broken = newPassword === null ? null : brokenPasswordRule(newPassword);
  if (broken !== null) return refuse('parameterInvalid', `new_password ${broken}.`);
  const { username, password } = credentials;
  return { username, password, newPassword, address: exchange.origin.remote, note: noteOf(exchange) };
}

async function tryLogin(attempt: Attempt, turn: PasswordTurn, world: WebappWorld): Promise<Page | Refusal> {
  const { username, password, newPassword, address, note } = attempt;
  if (turn.waited) {
    // Those who went first may have failed with the same name or from the same address.
    const leave = await world.guard.mayTry(username, address);
    if (!leave.allowed) return await throttled(attempt, leave, world.accounts);
  }
  const user = await world.accounts.findUser(username);
  note.user = user?.name ?? null;
  const verdict = await turn.verify(password, user?.passwordHash ?? null);
  if (user === undefined || verdict === 'wrong') {
    note.reason = user === undefined ? 'unknownUser' : 'wrongPassword';
    await world.guard.failed(username, address);
    return refuse('unauthenticated');
  }
  await world.guard.succeeded(username, address);
  if (newPassword !== null) {
    const changed = await world.accounts.changePassword(user, await turn.hash(newPassword));
    if (changed === undefined) return changedMeanwhile(note);
    note.passwordChanged = true;
    return await giveToken(changed, note, world);
  }
  if (user.mustChangePassword) return refuse('passwordChangeRequired');
  if (verdict === 'outdated') await world.accounts.rehash(user, await turn.hash(password));
  return await giveToken(user, note, world);
}

/** Where the user was changed since its password was verified, that password is no longer known to be right. */
async function giveToken(
  user: User,
  note: AuditNote,
  { accounts, secrets, clock, tokenLifetimeMs }: WebappWorld,
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
  { username, note }: Attempt,
  { retryAfterMs }: Extract<Leave, { allowed: false }>,
  accounts: Accounts,
): Promise<Refusal> {
  note.reason = 'tooManyFailures';
  note.user = await userNamed(username, accounts);
  const seconds = Math.ceil(retryAfterMs / 1_000);
  return refuse('unauthenticated', `Too many failed logins. Try again in ${seconds} s.`, retryAfterMs);
}

/** Who is being guessed at, as far as can be told. */
async function userNamed(username: string, accounts: Accounts): Promise<string | null> {
  try {
    return (await accounts.findUser(username))?.name ?? null;
  } catch (error) {
    if (error instanceof StoreAway) return null;
    throw error;
  }
}
