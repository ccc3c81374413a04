/** `weir reload`: has the Weir on this machine read its configuration again, and says what came of it. */
import type { Environment } from '../config/environment.ts';
import type { ReloadReport } from '../ops/ports.ts';
import { tellStrays } from './configured.ts';
import { opsPort } from './ops-address.ts';
import { askOps, type OpsAnswer } from './ops-call.ts';
import { type CommandIo, configOnly, type Grammar, givenTo } from './options.ts';

export const reloadGrammar: Grammar = {
  command: 'reload',
  about: `Have the running Weir read its configuration again: the one on this machine, at its ops port.

It reads its own file, by its own environment; --config only says where the ops port is. The exit code is 0 if the
configuration is in force, 1 if it has problems (the old one stays) or if no Weir answers.`,
  ...configOnly,
};

/** Two reloads, the one that is under way and the one that is asked for, with workers that do not answer. */
const answerMaxMs = 60_000;

/** Resolves to the exit code. */
export async function reload(args: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  const given = givenTo(reloadGrammar, args, io);
  if (given === null) return 1;
  tellStrays(env, io);
  const { address } = opsPort(given.options.get('--config') ?? null, env, io);
  const url = `http://${address}/reload`;
  const answer = await askOps('POST', url, { timeoutMs: answerMaxMs });
  const report = reportIn(answer);
  if (report !== null) return tell(report, io);
  const isOther = answer.status === 200 || answer.status === 422;
  io.err(`weir reload: ${url}: ${isOther ? 'what answers there is no ops port of Weir' : answer.text}`);
  if (answer.status === null) {
    io.err('If ops.port has changed, Weir is still at the old one, which waits for a restart: give that by OPS_PORT.');
  }
  return 1;
}

/** Null: it is none. */
function reportIn({ text }: OpsAnswer): ReloadReport | null {
  try {
    const report = JSON.parse(text) as ReloadReport;
    return results.includes(report.result) ? report : null;
  } catch {
    return null;
  }
}

const results: readonly unknown[] = ['applied', 'unchanged', 'refused'] satisfies ReloadReport['result'][];

function tell(report: ReloadReport, { out, err }: CommandIo): number {
  if (report.result === 'refused') {
    for (const problem of report.problems) err(problem);
    err('refused: the old configuration stays');
    return 1;
  }
  out(report.result === 'unchanged' ? 'nothing has changed' : `in force: ${report.changed.join(', ')}`);
  if (report.restartNeeded.length > 0) out(`these wait for a restart: ${report.restartNeeded.join(', ')}`);
  return 0;
}
