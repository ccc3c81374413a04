/** `helm/values.schema.json`: what Helm refuses before it renders. `config` is Weir's own schema. */
import { settingsJsonSchema } from '../json-schema.ts';
import type { Schema } from './forms.ts';
import { shapes } from './shapes.ts';
import { chartValues } from './values.ts';

export function valuesSchema(): Schema {
  const properties: Record<string, Schema> = {
    config: {},
    ...(JSON.parse(JSON.stringify(shapes)) as Record<string, Schema>),
  };
  for (const { path, description, fallback } of chartValues({ ...shapes, config: {} })) {
    const own: Schema = path[0] === 'config' ? configSchema() : placeOf(properties, path);
    const told = { description, default: fallback, ...own };
    const [name, parent] = [path.at(-1) as string, placeOf(properties, path.slice(0, -1), true)];
    Object.assign(parent, { [name]: told });
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Weir',
    type: 'object',
    // What Helm itself hands to a chart that is another one's part.
    properties: { ...properties, global: { type: 'object' } },
    additionalProperties: false,
  };
}

function configSchema(): Schema {
  const { $schema: _, title: __, description: ___, ...schema } = settingsJsonSchema();
  const unreadable = /"pattern":"[^"]*\(\?<?[=!][^"]*"/.exec(JSON.stringify(schema))?.[0];
  if (unreadable !== undefined) {
    throw new Error(`Helm is written in Go, whose patterns have no lookaround; write ${unreadable} without`);
  }
  return { ...schema, type: ['object', 'null'] };
}

/** The schema at a path; with `children` the record of what is below it. */
function placeOf(
  properties: Record<string, Schema>,
  path: readonly string[],
  children = false,
): Record<string, Schema> {
  let place: unknown = { properties };
  for (const name of path) place = ((place as Schema)['properties'] as Record<string, unknown>)[name];
  return (children ? (place as Schema)['properties'] : place) as Record<string, Schema>;
}
