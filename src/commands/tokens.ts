/** `weir tokens revoke|list`: which tokens of users are valid, and their end; passwords stay. */
import type { ListedToken } from '../auth/accounts.ts';
import { type CommandIo, type Grammar, readVerb, type Verb } from './options.ts';
import { CommandFailure, type StoreDeps, withAccounts } from './store.ts';
import { change, existing } from './users.ts';

interface Given {
  /** Null: none is named. */
  readonly name: string | null;
  readonly io: CommandIo;
}

type Work = (deps: StoreDeps, given: Given) => Promise<void>;

const revokeGrammar: Grammar = {
  command: 'tokens revoke',
  about: 'Revoke the tokens of a user. Its password stays.',
  usage: '--user NAME [--config FILE]',
  options: { '--user': 'NAME', '--config': 'FILE' },
  operands: 0,
};
const listGrammar: Grammar = {
  command: 'tokens list',
  about: 'List short id, user, made and expires of each valid token, with tabs between; never a token.',
  usage: '[NAME] [--config FILE]',
  options: { '--config': 'FILE' },
  operands: 1,
  optional: 1,
};

const verbs: Readonly<Record<string, Verb<Work>>> = {
  revoke: { grammar: revokeGrammar, work: revoke },
  list: { grammar: listGrammar, work: list },
};

export const tokenGrammars: readonly Grammar[] = [listGrammar, revokeGrammar];

/** Resolves to the exit code: 0, or 1 with what is wrong on stderr. */
export async function tokens(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  io: CommandIo,
): Promise<number> {
  const read = readVerb(verbs, args, io, 'weir tokens: give revoke or list, such as weir tokens revoke --user NAME');
  if (read === null) return 1;
  const { grammar, work } = read;
  const name = read.options.get('--user') ?? read.operands[0] ?? null;
  if (name === null && grammar === revokeGrammar) {
    io.err(`weir tokens revoke: --user is missing; give weir tokens revoke ${grammar.usage}`);
    return 1;
  }
  const command = { command: grammar.command, file: read.options.get('--config') ?? null, env, io };
  return await withAccounts(command, (deps) => work(deps, { name, io }));
}

async function revoke({ accounts, audit }: StoreDeps, { name, io }: Given): Promise<void> {
  if (name === null) throw new CommandFailure('--user is missing');
  const { name: stored } = await existing(accounts, name);
  await change(accounts, name, (user) => accounts.dropTokens(user));
  audit('tokens.revoke', stored);
  io.out(`${stored}: tokens revoked`);
}

/** By user, and of one user by age. */
async function list({ accounts }: StoreDeps, { name, io }: Given): Promise<void> {
  const names: string[] = [];
  if (name !== null) names.push((await existing(accounts, name)).name);
  else for await (const user of accounts.listUsers()) names.push(user.name);
  for (const user of names.sort()) {
    for (const token of await accounts.tokensOf(user)) io.out(lineOf(user, token));
  }
}

/** Of the digest only as much as tells tokens apart: nothing here opens anything. */
function lineOf(user: string, { digest, madeAtMs, expiresAtMs }: ListedToken): string {
  return [digest.slice(0, 12), user, dateOf(madeAtMs), dateOf(expiresAtMs)].join('\t');
}

function dateOf(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
