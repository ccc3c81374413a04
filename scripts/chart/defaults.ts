/** `helm/files/defaults.yaml`: the settings' defaults, from which the templates work out ports, times and memory. */
import { stringify } from 'yaml';
import { settingsSchema } from '../../src/config/schema.ts';
import { leavesOf } from '../../src/config/setting.ts';

interface Tree {
  [name: string]: unknown;
}

export function chartDefaults(): string {
  const tree: Tree = {};
  for (const { path, fallback } of leavesOf(settingsSchema)) {
    let section = tree;
    for (const name of path.slice(0, -1)) {
      section[name] ??= {};
      section = section[name] as Tree;
    }
    if (fallback !== undefined && fallback !== null) section[path.at(-1) as string] = fallback;
  }
  return `# Generated from src/config/schema.ts by \`node scripts/generate.ts\`. Change the source, not this file.\n${stringify(tree)}`;
}
