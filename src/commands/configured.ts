/** The configuration that a command's arguments and environment come to, or every problem of it on stderr. */
import { formatProblem, type Loaded, loadConfig, type Sources } from '../config/load.ts';
import { type CommandIo, type Grammar, readArguments } from './options.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Configured = Extract<Loaded, { ok: true }>;

/** For `weir serve` and `weir check`, which take `[--config FILE]` and nothing else. Null: it is said what is wrong. */
export function configuredBy(
  grammar: Grammar,
  args: readonly string[],
  env: Environment,
  io: CommandIo,
): Configured | null {
  const read = readArguments(grammar, args);
  if (read.ok) return configured({ file: read.options.get('--config') ?? null, env, readFile: io.readFile }, io);
  io.err(read.problem);
  return null;
}

/** Null: it is said what is wrong. */
export function configured(sources: Sources, io: CommandIo): Configured | null {
  const loaded = loadConfig(sources);
  if (loaded.ok) return loaded;
  for (const problem of loaded.problems) io.err(formatProblem(problem));
  for (const note of loaded.notes) io.err(`note: ${note}`);
  return null;
}
