/** `weir status`: the line of the Weir on this machine, once. */
import type { Environment } from '../config/environment.ts';
import { type OpsPort, opsPort } from './ops-address.ts';
import { askOps, wrongIn } from './ops-call.ts';
import { type CommandIo, configOnly, type Grammar, givenTo } from './options.ts';
import { type Shown, screenOf } from './screen.ts';

export const statusGrammar: Grammar = {
  command: 'status',
  about: `Show who waits, for how long and for what: of the Weir on this machine, as its ops port tells it.

Names of users are shown where the configuration has ops.tokenFile.`,
  ...configOnly,
};

/** Resolves to the exit code. */
export async function status(args: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  const given = givenTo(statusGrammar, args, io);
  if (given === null) return 1;
  const lines = await linesShown('status', opsPort(given.options.get('--config') ?? null, env, io), io);
  for (const line of lines ?? []) io.out(line);
  return lines === null ? 1 : 0;
}

/** What the ops port tells, as lines; null: it tells nothing, and why was told. */
export async function linesShown(
  command: 'status' | 'top',
  { address, token }: OpsPort,
  io: CommandIo,
): Promise<string[] | null> {
  const url = `http://${address}/status?callers=10&recent=true&idle=false`;
  const answer = await askOps('GET', url, { token });
  if (answer.status === 200) return screenOf(JSON.parse(answer.text) as Shown);
  io.err(`weir ${command}: ${url}: ${wrongIn(answer)}`);
  return null;
}
