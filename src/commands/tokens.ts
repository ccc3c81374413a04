/** `weir tokens revoke --user NAME`: ends all tokens of a user, whose password stays. */
import { type CommandIo, type Grammar, readArguments } from './options.ts';
import { withAccounts } from './store.ts';
import { change } from './users.ts';

const grammar: Grammar = {
  command: 'tokens revoke',
  usage: '--user NAME [--config FILE]',
  options: { '--user': 'NAME', '--config': 'FILE' },
  operands: 0,
};

/** Resolves to the exit code: 0, or 1 with what is wrong on stderr. */
export async function tokens(
  [verb, ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  io: CommandIo,
): Promise<number> {
  if (verb !== 'revoke') {
    io.err('weir tokens: give revoke, such as weir tokens revoke --user NAME');
    return 1;
  }
  const read = readArguments(grammar, args);
  const name = read.ok ? read.options.get('--user') : undefined;
  if (!read.ok || name === undefined) {
    io.err(read.ok ? `weir tokens revoke: --user is missing; give weir tokens revoke ${grammar.usage}` : read.problem);
    return 1;
  }
  const command = { command: grammar.command, file: read.options.get('--config') ?? null, env, io };
  return await withAccounts(command, async ({ accounts, audit }) => {
    await change(accounts, name, (user) => accounts.dropTokens(user));
    audit('tokens.revoke', name);
    io.out(`${name}: tokens revoked`);
  });
}
