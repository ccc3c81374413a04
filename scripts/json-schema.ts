/** `config/weir.schema.json`: the schema for editors and other tools. JSON Schema draft 7, which most of them know. */
import { z } from 'zod';
import { profileLayer } from '../src/config/profiles.ts';
import { profileNames, settingsSchema } from '../src/config/schema.ts';

export const jsonSchema = (): string => jsonText({ ...settingsJsonSchema(), title: 'Weir' });

export function settingsJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(settingsSchema, {
    io: 'input',
    target: 'draft-07',
    // A section or group may be empty (null in YAML), and a section's default follows from its settings' own.
    override: ({ zodSchema, jsonSchema: json, path }) => {
      if (zodSchema._zod.def.type === 'prefault') delete json.default;
      if (json.type === 'object' && path.length > 0) Object.assign(json, { type: ['object', 'null'] });
    },
  });
  const limits = schema.properties?.['limits'] as z.core.JSONSchema.ObjectSchema;
  const ofClass = limits.additionalProperties as z.core.JSONSchema.ObjectSchema;
  // Only a profile's class may leave out which requests belong to it.
  limits.patternProperties = { [`^(${profileClasses().join('|')})$`]: ofClass };
  limits.additionalProperties = { ...ofClass, required: ['match'] };
  return { ...schema };
}

const profileClasses = (): string[] => [
  ...new Set(profileNames.flatMap((name) => [...profileLayer(name).classes.keys()])),
];

/** A JSON file's text. */
export const jsonText = (value: unknown): string => `${formatted(value, 0)}\n`;

const widthMax = 120;

/** JSON as Biome formats it: lists of scalars on one line where they fit. */
function formatted(value: unknown, depth: number): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const indent = '  '.repeat(depth + 1);
  const wrap = (open: string, parts: readonly string[], close: string): string =>
    `${open}\n${parts.map((part) => indent + part).join(',\n')}\n${'  '.repeat(depth)}${close}`;
  if (!Array.isArray(value)) {
    const parts = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${formatted(part, depth + 1)}`);
    return parts.length === 0 ? '{}' : wrap('{', parts, '}');
  }
  const parts = value.map((part) => formatted(part, depth + 1));
  const line = `[${parts.join(', ')}]`;
  const fits = !line.includes('\n') && indent.length + line.length < widthMax;
  return fits ? line : wrap('[', parts, ']');
}
