import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The lines of Weir's scripts by the hash that Redis knows them by, for what it says of them. */
const lines = new Map<string, readonly string[]>();

/**
 * A Lua file of this folder, in the form of `defineCommand`: by its hash, and whole again only where Redis lacks it.
 */
export function script(file: string, numberOfKeys: number): { lua: string; numberOfKeys: number } {
  const lua = luaIn(file);
  lines.set(createHash('sha1').update(lua).digest('hex'), lua.split('\n'));
  return { lua, numberOfKeys };
}

/** Its text; where a line says `-- include FILE`, that file's. */
export function luaIn(file: string): string {
  const lua = readFileSync(new URL(file, import.meta.url), 'utf8');
  return lua.replace(/^-- include (\S+)$/m, (_, included: string) => luaIn(included));
}

/** The command that a script calls where an error of Redis says that it stopped; null: it does not say. */
export function commandAt(said: string): string | null {
  const [, hash = ''] = /\b(?:f_)?([0-9a-f]{40})\b/.exec(said) ?? [];
  const [, line = ''] = /@user_script: ?(\d+)/.exec(said) ?? [];
  const [, command = null] = /\bcall\('(\w+)'/.exec(lines.get(hash)?.[Number(line) - 1] ?? '') ?? [];
  return command;
}
