/** Where the ops port of the Weir on this machine is, for commands that ask it. */
import { parseDocument, stringify } from 'yaml';
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
  const loaded = loadConfig({ file, env, readFile: io.readFile, needs });
  if (loaded.ok) return { address: reachable(loaded.config.ops), token: loaded.config.ops.token };
  for (const problem of loaded.problems) io.err(formatProblem(problem));
  return { address: addressWithin(file, env, io.readFile), token: null };
}

/** Of a file that has problems elsewhere, or is no YAML in other lines. */
function addressWithin(file: string | null, env: Environment, readFile: CommandIo['readFile']): string {
  const needs = (setting: string): boolean => setting === 'ops.host' || setting === 'ops.port';
  const readLeniently = (path: string): string => {
    try {
      const document = parseDocument(readFile(path));
      const ops = { host: document.getIn(['ops', 'host']), port: document.getIn(['ops', 'port']) };
      return stringify({ ops: Object.fromEntries(Object.entries(ops).filter(([, value]) => value !== undefined)) });
    } catch {
      return '';
    }
  };
  const loaded = loadConfig({ file, env, readFile: readLeniently, needs });
  return loaded.ok ? reachable(loaded.config.ops) : '127.0.0.1:9464';
}

/** An address to ask at, also if Weir listens on all addresses. */
export function reachable({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host}:${port}`;
}
