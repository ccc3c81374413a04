/** Settings whose value stands in a file of its own, as mounted secrets do: `X` and `XFile`, or `X` and `X_FILE`. */
import { readText } from './file-text.ts';
import { type Given, type Layer, leafOf, leaves } from './layer.ts';
import { badFile, badValue, type Problem, strayCharacter } from './problems.ts';
import type { Leaf } from './setting.ts';

interface FilePair {
  readonly content: Leaf;
  readonly file: Leaf;
}

export const filePairs: readonly FilePair[] = leaves.flatMap((file) => {
  const { contentOf } = file.about;
  if (contentOf === undefined) return [];
  return [{ file, content: leafOf([...file.path.slice(0, -1), contentOf].join('.')) }];
});

/** The place where a layer gives a setting, rightly or not; undefined: it does not give it. */
export const whereIn = (layer: Layer, leaf: Leaf): string | undefined =>
  layer.given.get(leaf.name)?.where ?? layer.broken.get(leaf.name);

/** In one layer only one of a pair can be meant. */
export function rejectBoth(layer: Layer): void {
  for (const { content, file } of filePairs) {
    const where = whereIn(layer, file);
    const other = whereIn(layer, content);
    // The same place twice: it is that of a section that is no section.
    if (where === undefined || other === undefined || where === other) continue;
    const [name, otherName] = [where, other].map((text) => text.split(': ').at(-1));
    const wanted = `give ${otherName} or ${name}`;
    layer.problems.push({ where, given: `a value next to ${otherName}`, fault: 'is not allowed', wanted });
    layer.broken.set(content.name, other);
  }
}

/**
 * Reads the files that settings name and puts their contents in the settings' places. One trailing newline is not
 * theirs, nor is a byte order mark.
 */
export function readFilePairs(layer: Layer, readFile: (path: string) => string): void {
  for (const { content, file } of filePairs) {
    const given = layer.given.get(file.name);
    if (given === undefined || layer.broken.has(content.name)) continue;
    const path = given.value as string;
    const read = readText(path, readFile, `give ${file.about.wanted}`);
    const found = read.ok ? contentOf(given.where, content, path, read.text) : badFile(given.where, path, read);
    if ('value' in found) {
      layer.given.set(content.name, found);
      continue;
    }
    layer.broken.set(content.name, given.where);
    layer.problems.push(found);
  }
}

function contentOf(where: string, content: Leaf, path: string, whole: string): Given | Problem {
  const text = whole.replace(/\r?\n$/, '');
  const about = { ...content.about, secret: true };
  const parsed = content.schema.safeParse(text);
  const stray = strayCharacter(where, about, text);
  if (parsed.success && stray === null) return { value: parsed.data, where };
  const problem = stray ?? badValue(where, about, text);
  return { ...problem, given: `${problem.given} in ${path}` };
}

type Read = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: unknown };

export function attempt(read: () => string): Read {
  try {
    return { ok: true, text: read() };
  } catch (error) {
    return { ok: false, error };
  }
}
