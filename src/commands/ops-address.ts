/** Where the ops port of the Weir on this machine is, for commands that ask it. */
import type { Environment } from '../config/environment.ts';
import { formatProblem, loadConfig } from '../config/load.ts';
import type { CommandIo } from './options.ts';

/** Where the ops port is, and the operator's token, where the configuration has one. */
export interface OpsPort {
  readonly address: string;
  readonly token: string | null;
}

/**
 * As the configuration has it now. If that can't be read any more, the running process may still have the good one.
 * @param file that the command line names; null: none
 */
export function opsPort(file: string | null, env: Environment, io: Pick<CommandIo, 'err' | 'readFile'>): OpsPort {
  const needs = (setting: string): boolean => setting.startsWith('ops.');
  const fromFile = loadConfig({ file, env, readFile: io.readFile, needs });
  const loaded = fromFile.ok ? fromFile : loadConfig({ file, env, readFile: () => '', needs });
  if (!fromFile.ok) for (const problem of fromFile.problems) io.err(formatProblem(problem));
  if (!loaded.ok) return { address: '127.0.0.1:9464', token: null };
  const { ops } = loaded.config;
  return { address: reachable(ops), token: ops.token };
}

/** An address to ask at, also if Weir listens on all addresses. */
export function reachable({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host}:${port}`;
}
