/** `weir status`: the line of the Weir on this machine, once. */
import { opsPort } from './ops-address.ts';
import { askOps, wrongIn } from './ops-call.ts';
import { type CommandIo, configOnly, type Grammar, readArguments } from './options.ts';
import { type Shown, screenOf } from './screen.ts';

export const statusGrammar: Grammar = {
  command: 'status',
  about: `Show who waits, for how long and for what: of the Weir on this machine, as its ops port tells it.

Names of users are shown where the configuration has ops.tokenFile.`,
  ...configOnly,
};

export const shownPath = '/status?callers=10&recent=true&idle=false';

/** Resolves to the exit code. */
export async function status(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  io: CommandIo,
): Promise<number> {
  const read = readArguments(statusGrammar, args);
  if (!read.ok) {
    io.err(read.problem);
    return 1;
  }
  const { address, token } = opsPort(read.options.get('--config') ?? null, env, io);
  const url = `http://${address}${shownPath}`;
  const answer = await askOps('GET', url, token);
  if (answer.status !== 200) {
    io.err(`weir status: ${url}: ${wrongIn(answer)}`);
    return 1;
  }
  for (const line of screenOf(JSON.parse(answer.text) as Shown)) io.out(line);
  return 0;
}
