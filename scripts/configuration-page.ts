/** `docs/reference/configuration.md`: every setting, from the schema. */
import { settingsSchema } from '../src/config/schema.ts';
import { entriesOf, type Leaf, leafAt, leavesOf } from '../src/config/setting.ts';
import { code, generatedNote, table } from './markdown.ts';

export function configurationPage(): string {
  const leaves = leavesOf(settingsSchema);
  const sections = Object.keys(entriesOf(settingsSchema) ?? {}).map((section) => sectionText(section, leaves));
  return `${generatedNote('src/config/schema.ts')}

# Configuration

\`config/weir.yaml\` is the commented default: every setting with its default value, and when to change it. Where a setting
comes from, the last one wins:

1. the default;
2. the file: \`--config FILE\`, else \`WEIR_CONFIG\`, else \`config/weir.yaml\` of the package;
3. the environment variable, where the table names one. An empty variable counts as not set.

\`weir check\` names every problem at once, with line and column, and exits 1; a valid configuration is answered with what
differs from the defaults. Times are milliseconds (\`Ms\`), sizes bytes (\`Bytes\`). Editors check the file against
\`config/weir.schema.json\`; what settings must be to one another only \`weir check\` knows.

Secrets are never printed. Each can stand in a file of its own, as mounted secrets do: name the file in the setting with
\`File\` behind its name, or in the variable with \`_FILE\` behind its name. One trailing newline is taken off, relative paths
start at the working directory, and giving both at once is refused.

${sections.join('\n\n')}
`;
}

function sectionText(section: string, leaves: readonly Leaf[]): string {
  const told = leaves.filter((leaf) => leaf.path[0] === section && isTold(leaf));
  const body = table(['Setting', 'Default', 'Allowed', 'Variable', 'Meaning'], told.map(row));
  return `## ${section}\n\n${section === 'limits' ? `${limitsText(told)}\n\n` : ''}${body}`;
}

/** A class's own limits are like those of the class `default`. */
const isTold = (leaf: Leaf): boolean => leaf.fallback !== undefined;

function limitsText(told: readonly Leaf[]): string {
  const settings = told.flatMap(({ path: [, of, name = ''] }) => (of === 'default' ? [code(name)] : []));
  const { about } = leafAt(settingsSchema, ['limits', 'any', 'match']) as Leaf;
  return `Each class of requests has a bucket and a line of its own. A class is a name and what belongs to it:
\`limits.<class>.match\` is ${about.wanted}. ${about.description} Two patterns of different classes that
take some requests in common, without one being the more exact, are refused by \`weir check\`. What no class takes is in the
class \`default\`. The classes that a profile begins with are shown by \`weir profile NAME\`; a file can change them and add
others.

\`limits.<class>\` takes the same settings as \`limits.default\` (${settings.join(', ')}, and
\`throttled\` and \`heed\`, lists of rules as described above);
what a class does not say is as in \`limits.default\`.`;
}

/** As it stands in the file. */
function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'object' ? JSON.stringify(value) : `${value as string | number}`;
}

const row = (leaf: Leaf): string[] => [
  code(leaf.name),
  leaf.fallback === null ? 'not set' : code(written(leaf.fallback)),
  leaf.about.wanted,
  [leaf.about.env, leaf.about.envToo].flatMap((name) => (name === undefined ? [] : [code(name)])).join(', '),
  leaf.about.description,
];
