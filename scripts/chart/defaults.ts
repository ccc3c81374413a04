/** `helm/files/defaults.yaml`: the settings' defaults, from which the templates work out ports, times and memory. */
import { stringify } from 'yaml';
import { profileLayer } from '../../src/config/profiles.ts';
import { type ProfileName, profileNames, settingsSchema } from '../../src/config/schema.ts';
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
  tree['profiles'] = Object.fromEntries(profileNames.map((name) => [name, classesOf(name)]));
  return `# Generated from src/config/schema.ts by \`node scripts/generate.ts\`. Change the source, not this file.\n${stringify(tree)}`;
}

/** The numbers of a profile's classes. */
function classesOf(profile: ProfileName): Tree {
  const { classes, given } = profileLayer(profile);
  const own = (of: string) =>
    [...given].filter(([name, { value }]) => name.startsWith(`limits.${of}.`) && typeof value === 'number');
  return Object.fromEntries(
    [...classes.keys()].map((of) => [
      of,
      Object.fromEntries(own(of).map(([name, { value }]) => [name.split('.')[2], value])),
    ]),
  );
}
