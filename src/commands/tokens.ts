/** `weir tokens create|list|revoke`: tokens for callers that do not log in, which are valid, and their end. */

import { machineClock } from '../adapters/node/clock.ts';
import { nodeSecrets } from '../adapters/node/secrets.ts';
import type { ListedToken, User } from '../auth/accounts.ts';
import { brokenServiceNameRule } from '../auth/credentials.ts';
import { findUserNamed, likeNamed, takenWords } from '../auth/names.ts';
import { usernameForm } from '../auth/precis.ts';
import type { Environment } from '../config/environment.ts';
import type { CommandIo, Grammar } from './options.ts';
import { CommandFailure, type StoreDeps, type Verb, type VerbGiven, verbOf } from './store.ts';
import { change, existing, hashed } from './users.ts';

type Given = VerbGiven<CommandIo>;

const verbs: Readonly<Record<string, Verb<CommandIo>>> = {
  create: {
    grammar: {
      command: 'tokens create',
      about: 'Make a token for a user, who is added where there is none, and print it: it is shown only once.',
      usage: '--user NAME [--expires TIME] [--label TEXT] [--role ROLE] [--config FILE]',
      operands: 0,
    },
    ofUser: true,
    work: create,
  },
  list: {
    grammar: {
      command: 'tokens list',
      about: 'List short id, user, made, expires and label of each valid token, with tabs between; never a token.',
      usage: '[NAME] [--config FILE]',
      operands: 1,
      optional: 1,
    },
    work: list,
  },
  revoke: {
    grammar: {
      command: 'tokens revoke',
      about: 'Revoke one token, by the id that weir tokens list shows, or all tokens of a user. Its password stays.',
      usage: 'ID | --user NAME [--config FILE]',
      operands: 1,
      optional: 1,
    },
    ofUser: true,
    work: revoke,
  },
};

export const tokenGrammars: readonly Grammar[] = Object.values(verbs).map(({ grammar }) => grammar);

/** Resolves to the exit code: 0, or 1 with what is wrong on stderr. */
export async function tokens(args: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  const give = 'weir tokens: give create, revoke or list, such as weir tokens revoke --user NAME';
  return await verbOf(verbs, args, env, io, give);
}

const dayMs = 86_400_000;
const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: dayMs, w: 7 * dayMs, y: 365 * dayMs };
/** As long as nobody will wait for. */
const neverMs = 100 * 365 * dayMs;

async function create({ accounts, audit }: StoreDeps, { options, io }: Given): Promise<void> {
  const name = usernameForm(options.get('--user') as string);
  const lifetimeMs = lifetimeOf(options.get('--expires') ?? '90d');
  const label = options.get('--label') ?? '';
  if (!/^[^\p{Cc}]{0,100}$/u.test(label))
    throw new CommandFailure('--label must have at most 100 characters, in one line');
  const role = roleOf(options.get('--role'));
  const token = nodeSecrets.token();
  const digest = nodeSecrets.digest(token);
  for (;;) {
    const user = await userFor({ accounts, audit }, name, role);
    if (role !== null && user.role !== role) {
      throw new CommandFailure(`${user.name} has the role ${user.role}, and so have its tokens; leave --role out`);
    }
    // Otherwise the user was changed meanwhile.
    if (await accounts.makeToken(digest, user, machineClock.wallMs() + lifetimeMs, label)) {
      audit('tokens.create', user.name);
      break;
    }
  }
  io.out(token);
}

/** The user of that name. If there is none, a new one is made, and nobody can log in as it. */
async function userFor(
  { accounts, audit }: Pick<StoreDeps, 'accounts' | 'audit'>,
  name: string,
  role: User['role'] | null,
): Promise<User> {
  const found = await findUserNamed(accounts, name);
  if (found !== undefined) return found;
  const broken = brokenServiceNameRule(name);
  if (broken !== null) throw new CommandFailure(`the user name ${broken}`);
  const passwordHash = await hashed(nodeSecrets.token());
  const user = { name, role: role ?? 'ROLE_USER', passwordHash, mustChangePassword: false } as const;
  if (await accounts.addUser(user, 'distinct')) audit('user.add', name);
  const added = await findUserNamed(accounts, name);
  if (added !== undefined) return added;
  throw new CommandFailure(`the user name ${takenWords(name, await likeNamed(accounts, name))}; give another one`);
}

function lifetimeOf(text: string): number {
  if (text === 'never') return neverMs;
  const [, count = '', unit = ''] = /^([1-9]\d{0,5})([mhdwy])$/.exec(text) ?? [];
  const ms = Number(count) * (unitsMs[unit] ?? Number.NaN);
  if (ms <= neverMs) return ms;
  throw new CommandFailure(
    `--expires: ${JSON.stringify(text)} is not allowed; give a time such as 12h, 90d, 1y, or never`,
  );
}

function roleOf(text: string | undefined): User['role'] | null {
  if (text === undefined) return null;
  if (text === 'admin') return 'ROLE_ADMIN';
  if (text === 'user') return 'ROLE_USER';
  throw new CommandFailure(`--role: ${JSON.stringify(text)} is not allowed; give user or admin`);
}

async function revoke(deps: StoreDeps, { options, operand, io }: Given): Promise<void> {
  const name = options.get('--user');
  if (name !== undefined && operand !== null) throw new CommandFailure('give an id or --user, not both');
  if (name === undefined) return await revokeOne(deps, operand as string, io);
  const { accounts, audit } = deps;
  const { name: stored } = await existing(accounts, name);
  await change(accounts, name, (user) => accounts.dropTokens(user));
  audit('tokens.revoke', stored);
  io.out(`${stored}: tokens revoked`);
}

async function revokeOne({ accounts, audit }: StoreDeps, id: string, io: CommandIo): Promise<void> {
  const found: (readonly [user: string, digest: string])[] = [];
  if (/^[\da-f]{12,64}$/.test(id)) {
    for await (const { name } of accounts.listUsers()) {
      for (const { digest } of await accounts.tokensOf(name)) if (digest.startsWith(id)) found.push([name, digest]);
    }
  }
  const [one, ...others] = found;
  if (one === undefined || others.length > 0) {
    const why = one === undefined ? 'there is no valid token' : 'there are several tokens';
    throw new CommandFailure(`${why} with the id ${JSON.stringify(id)}; weir tokens list names all`);
  }
  const [user, digest] = one;
  await accounts.dropMade(digest);
  audit('tokens.revoke', user);
  io.out(`${user}: token ${shortId(digest)} revoked`);
}

/** By user, and for one user by age. */
async function list({ accounts }: StoreDeps, { operand: name, io }: Given): Promise<void> {
  const names: string[] = [];
  if (name !== null) names.push((await existing(accounts, name)).name);
  else for await (const user of accounts.listUsers()) names.push(user.name);
  for (const user of names.sort()) {
    for (const token of await accounts.tokensOf(user)) io.out(lineOf(user, token));
  }
}

/** Only as much of the digest as tells tokens apart: it opens nothing. */
const shortId = (digest: string): string => digest.slice(0, 12);

function lineOf(user: string, { digest, madeAtMs, expiresAtMs, label }: ListedToken): string {
  const expires = expiresAtMs - madeAtMs < neverMs - dayMs ? dateOf(expiresAtMs) : 'never';
  return [shortId(digest), user, dateOf(madeAtMs), expires, ...(label === '' ? [] : [label])].join('\t');
}

function dateOf(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
