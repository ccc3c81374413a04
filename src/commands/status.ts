/** `weir status`: the line of the Weir on this machine, or of its fleet, once. */
import type { Environment } from '../config/environment.ts';
import { tellStrays } from './configured.ts';
import { type OpsPort, opsPort } from './ops-address.ts';
import { askOps, wrongIn } from './ops-call.ts';
import { type CommandIo, type Grammar, givenTo } from './options.ts';
import { type Shown, screenOf } from './screen.ts';

/** What both commands take. */
export const shownOf = { usage: '[fleet] [--config FILE]', operands: 1, optional: 1 };

export const statusGrammar: Grammar = {
  command: 'status',
  about: `Show who waits, for how long and for what: of the Weir on this machine, or with fleet of all on its Redis.

The ops port is asked. Names of users are shown where the configuration has ops.tokenFile.`,
  ...shownOf,
};

/** Resolves to the exit code. */
export async function status(args: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  const asked = whatIsAsked(statusGrammar, args, env, io);
  const lines = asked === null ? null : await linesShown('status', asked, io);
  for (const line of lines ?? []) io.out(line);
  return lines === null ? 1 : 0;
}

interface Asked extends OpsPort {
  readonly fleet: boolean;
}

/** Null: it is said what is wrong with the arguments. */
export function whatIsAsked(grammar: Grammar, args: readonly string[], env: Environment, io: CommandIo): Asked | null {
  const given = givenTo(grammar, args, io);
  if (given === null) return null;
  const [of] = given.operands;
  if (of !== undefined && of !== 'fleet') {
    io.err(`weir ${grammar.command}: ${JSON.stringify(of)}: give fleet, or nothing`);
    return null;
  }
  tellStrays(env, io);
  return { ...opsPort(given.options.get('--config') ?? null, env, io), fleet: of === 'fleet' };
}

/** What the ops port tells, as lines; null: it tells nothing, and why was told. */
export async function linesShown(
  command: 'status' | 'top',
  { address, token, fleet }: Asked,
  io: CommandIo,
): Promise<string[] | null> {
  const url = `http://${address}/status?callers=10&recent=true&idle=false&fleet=${fleet}`;
  const answer = await askOps('GET', url, { token });
  if (answer.status === 200) return screenOf(JSON.parse(answer.text) as Shown);
  io.err(`weir ${command}: ${url}: ${wrongIn(answer)}`);
  return null;
}
