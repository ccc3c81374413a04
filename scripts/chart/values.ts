/** helm/values.yaml as its reader sees it: every value with its default and the comment above it. */
import { readFileSync } from 'node:fs';
import { isMap, parseDocument, type YAMLMap } from 'yaml';
import type { Schema } from './forms.ts';

export interface Value {
  readonly path: readonly string[];
  /** As the comment says it, on one line. */
  readonly description: string;
  readonly fallback: unknown;
}

const file = new URL('../../helm/values.yaml', import.meta.url);

/** The values that the shapes know as one, each as a whole: `image.tag`, but `resources`. */
export function chartValues(shapes: Readonly<Record<string, Schema>>): readonly Value[] {
  const { contents, errors } = parseDocument(readFileSync(file, 'utf8'));
  if (errors[0] !== undefined) throw errors[0];
  return valuesOf(contents as unknown as YAMLMap, shapes, []);
}

function valuesOf(map: YAMLMap, shapes: Readonly<Record<string, Schema>>, path: readonly string[]): Value[] {
  return map.items.flatMap((pair, index) => {
    const key = pair.key as { readonly value: string; readonly commentBefore?: string | null };
    const here = [...path, key.value];
    const shape = shapes[key.value];
    if (shape === undefined)
      throw new Error(`helm/values.yaml: ${here.join('.')} has no shape in scripts/chart/shapes.ts`);
    // What stands above the first entry belongs to the whole map, says the parser.
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : null);
    const parts = shape['properties'] as Readonly<Record<string, Schema>> | undefined;
    if (comment === null || comment === undefined) {
      if (parts !== undefined && isMap(pair.value)) return valuesOf(pair.value, parts, here);
      throw new Error(`helm/values.yaml: ${here.join('.')} has no comment above it`);
    }
    const value = pair.value as { toJSON(): unknown };
    return [{ path: here, description: lastParagraph(comment), fallback: value.toJSON() }];
  });
}

/** What stands further above, with an empty line between, is about the file. */
const lastParagraph = (comment: string): string =>
  (comment.split(/\n\s*\n/).at(-1) as string)
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
