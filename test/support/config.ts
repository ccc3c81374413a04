/** What the specs of the configuration share: files that are texts, and a look at what came of them. */
import { readFileSync } from 'node:fs';
import { type Config, formatProblem, type Loaded, loadConfig } from '../../src/config/load.ts';

export type Files = Readonly<Record<string, string>>;
export type Env = Readonly<Record<string, string>>;

export const shipped = readFileSync(new URL('../../config/weir.yaml', import.meta.url), 'utf8');

export function readFrom(files: Files): (path: string) => string {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return text;
  };
}

export const load = (yaml: string, env: Env = {}, files: Files = {}): Loaded =>
  loadConfig({ file: 'w.yaml', env, readFile: readFrom({ ...files, 'w.yaml': yaml }) });

export function problems(loaded: Loaded): string[] {
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
}

export function config(loaded: Loaded): Config {
  if (!loaded.ok) throw new Error(`refused: ${problems(loaded).join(' | ')}`);
  return loaded.config;
}
