/** `weir check`: says whether Weir would start with this configuration, and what it would do differently by it. */
import type { Environment } from '../config/environment.ts';
import { configuredWith } from './configured.ts';
import { type CommandIo, configAndProfile, type Grammar, givenTo } from './options.ts';

export const checkGrammar: Grammar = {
  command: 'check',
  about:
    'Say what is wrong with a configuration, all of it, and exit 1; or what differs from the defaults, and exit 0.',
  ...configAndProfile,
};

/** Prints every problem at once on stderr, or what was found valid on stdout. Resolves to the exit code: 0 or 1. */
export async function check(args: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  const given = givenTo(checkGrammar, args, io);
  const loaded = given === null ? null : configuredWith(given, env, io);
  if (loaded === null) return 1;
  io.out(`${loaded.file ?? 'defaults and environment'}: valid`);
  for (const { setting, value, from } of loaded.changes) io.out(`  ${setting} = ${value} (${from})`);
  for (const note of loaded.notes) io.out(`note: ${note}`);
  return 0;
}
