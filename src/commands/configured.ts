/** The configuration that a command's arguments and environment come to, or every problem of it on stderr. */
import { type Environment, strayVariables } from '../config/environment.ts';
import { formatProblem, type Loaded, loadConfig, type Sources } from '../config/load.ts';
import type { CommandIo, Given } from './options.ts';

type Configured = Extract<Loaded, { ok: true }>;

/** By `--config` and `--profile`, which is the same as `WEIR_PROFILE`. Null: what is wrong was told. */
export function configuredWith({ options }: Given, env: Environment, io: CommandIo): Configured | null {
  return configured({ ...sourcesOf(options, env), readFile: io.readFile }, io);
}

/** Where the configuration comes from. */
export function sourcesOf(options: ReadonlyMap<string, string>, given: Environment): Omit<Sources, 'readFile'> {
  const profile = options.get('--profile');
  const env = profile === undefined ? given : { ...given, WEIR_PROFILE: profile };
  return { file: options.get('--config') ?? null, env };
}

/** Null: what is wrong was told. */
export function configured(sources: Sources, io: CommandIo): Configured | null {
  const loaded = loadConfig(sources);
  if (loaded.ok) return loaded;
  for (const problem of loaded.problems) io.err(formatProblem(problem));
  for (const note of loaded.notes) io.err(`note: ${note}`);
  return null;
}

/** Variables that have no effect, on stderr: for a command that read the configuration for one thing in it. */
export function tellStrays(env: Environment, io: Pick<CommandIo, 'err'>): void {
  for (const note of strayVariables(env)) io.err(`note: ${note}`);
}
