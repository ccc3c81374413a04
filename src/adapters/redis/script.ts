import { readFileSync } from 'node:fs';

/** A Lua file of this folder, in the form of `defineCommand`: by its hash, and whole again only where Redis lacks it. */
export function script(file: string, numberOfKeys: number): { lua: string; numberOfKeys: number } {
  return { lua: readFileSync(new URL(file, import.meta.url), 'utf8'), numberOfKeys };
}
