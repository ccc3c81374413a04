/** `weir users add|list|passwd|delete`: users, without going through an admin's login. */

import { machineClock } from '../adapters/node/clock.ts';
import { createPasswords, passwordsDefaults } from '../adapters/node/passwords.ts';
import type { User } from '../auth/accounts.ts';
import { brokenUsernameRule } from '../auth/credentials.ts';
import { adminName } from '../auth/first-admin.ts';
import { findUserNamed, likeNamed, takenWords } from '../auth/names.ts';
import type { Accounts } from '../auth/ports.ts';
import { usernameForm } from '../auth/precis.ts';
import type { Environment } from '../config/environment.ts';
import { configOnly, type Grammar } from './options.ts';
import { newPassword, type PasswordIo } from './passwords.ts';
import { CommandFailure, type StoreDeps, type Verb, type VerbGiven, verbOf } from './store.ts';

const withPassword = { usage: 'NAME [--password-file FILE] [--config FILE]', operands: 1 };
const withName = { usage: 'NAME [--config FILE]', operands: 1 };

type Given = VerbGiven<PasswordIo>;

const verbs: Readonly<Record<string, Verb<PasswordIo>>> = {
  add: {
    grammar: {
      command: 'users add',
      about: 'Add a user. Its password is asked for, or read from a file.',
      ...withPassword,
    },
    work: add,
  },
  list: {
    grammar: {
      command: 'users list',
      about: 'List name and role of every user, with a tab between.',
      ...configOnly,
    },
    work: list,
  },
  passwd: {
    grammar: {
      command: 'users passwd',
      about: 'Change a password, which is asked for as by users add, and revoke the tokens of the user.',
      ...withPassword,
    },
    work: passwd,
  },
  delete: {
    grammar: { command: 'users delete', about: 'Delete a user and revoke its tokens.', ...withName },
    work: remove,
  },
};

export const userGrammars: readonly Grammar[] = Object.values(verbs).map(({ grammar }) => grammar);

/** Resolves to the exit code: 0, or 1 with what is wrong on stderr. */
export async function users(args: readonly string[], env: Environment, io: PasswordIo): Promise<number> {
  const give = `weir users: give ${Object.keys(verbs).join(', ')}, such as weir users list`;
  return await verbOf(verbs, args, env, io, give);
}

const passwordFor = async (name: string, { options, io }: Given): Promise<string> =>
  await hashed(await newPassword(options.get('--password-file') ?? null, name, io));

async function add({ accounts, audit }: StoreDeps, given: Given): Promise<void> {
  const name = usernameForm(given.operand as string);
  const broken = brokenUsernameRule(name);
  if (broken !== null) throw new CommandFailure(`the user name ${broken}`);
  const like = await likeNamed(accounts, name);
  if (like !== null) throw taken(name, like);
  const passwordHash = await passwordFor(name, given);
  const user = { name, role: 'ROLE_USER', passwordHash, mustChangePassword: false } as const;
  if (!(await accounts.addUser(user, 'distinct'))) throw taken(name, await likeNamed(accounts, name));
  audit('user.add', name);
  given.io.out(`${name}: added`);
}

function taken(name: string, like: string | null): CommandFailure {
  if (like === name) {
    return new CommandFailure(`there is a user ${JSON.stringify(name)} already; weir users passwd changes it`);
  }
  return new CommandFailure(`the user name ${takenWords(name, like)}; give another one`);
}

/** By name, in an order that is the same everywhere. */
async function list({ accounts }: StoreDeps, { io }: Given): Promise<void> {
  const lines: string[] = [];
  for await (const { name, role } of accounts.listUsers()) lines.push(`${name}\t${role}`);
  for (const line of lines.sort()) io.out(line);
}

async function passwd({ accounts, config, audit }: StoreDeps, given: Given): Promise<void> {
  const name = given.operand as string;
  if (name === adminName && config.auth.adminPassword !== null) {
    throw new CommandFailure(
      `auth.adminPassword (WEIR_ADMIN_PASSWORD) is set and would change it back; change it there and restart`,
    );
  }
  const { name: stored } = await existing(accounts, name);
  const passwordHash = await passwordFor(name, given);
  await change(accounts, name, (user) => accounts.changePassword(user, passwordHash));
  audit('user.password', stored);
  given.io.out(`${stored}: password changed, tokens revoked`);
}

async function remove({ accounts, audit }: StoreDeps, { operand, io }: Given): Promise<void> {
  const name = operand as string;
  const user = await existing(accounts, name);
  if (user.role === 'ROLE_ADMIN') throw new CommandFailure(`${user.name} is an admin, and admins can't be deleted`);
  if (!(await accounts.deleteUser(user.name))) throw unknown(name);
  audit('user.delete', user.name);
  io.out(`${user.name}: deleted, tokens revoked`);
}

/** Changes a user as it is now. Of two changes at once the later one wins, as if the other had come before. */
export async function change(
  accounts: Accounts,
  name: string,
  by: (user: User) => Promise<User | undefined>,
): Promise<void> {
  while ((await by(await existing(accounts, name))) === undefined);
}

/** The user of that name, in whatever form it was typed, as it is now. */
export async function existing(accounts: Accounts, name: string): Promise<User> {
  const user = await findUserNamed(accounts, name);
  if (user === undefined) throw unknown(name);
  return user;
}

function unknown(name: string): CommandFailure {
  return new CommandFailure(`there is no user ${JSON.stringify(name)}; weir users list names all`);
}

export async function hashed(password: string): Promise<string> {
  const turn = await createPasswords(passwordsDefaults, machineClock).enter();
  if (turn.kind === 'busy') throw new Error('Nobody else hashes here.');
  using _turn = turn;
  return await turn.hash(password);
}
