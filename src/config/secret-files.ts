/** Settings whose value stands in a file of its own, as mounted secrets do: `X` and `XFile`, or `X` and `X_FILE`. */
import { type Layer, leafOf, leaves } from './layer.ts';
import { badFile, badValue, type Problem } from './problems.ts';
import type { Leaf } from './setting.ts';

export interface FilePair {
  readonly content: Leaf;
  readonly file: Leaf;
}

export const filePairs: readonly FilePair[] = leaves.flatMap((file) => {
  const { contentOf } = file.about;
  if (contentOf === undefined) return [];
  return [{ file, content: leafOf([...file.path.slice(0, -1), contentOf].join('.')) }];
});

/** Where a layer gives a setting, rightly or not; undefined: it does not. */
export const whereIn = (layer: Layer, leaf: Leaf): string | undefined =>
  layer.given.get(leaf.name)?.where ?? layer.broken.get(leaf.name);

/** In one layer only one of a pair can be meant. */
export function rejectBoth(layer: Layer): void {
  for (const { content, file } of filePairs) {
    const where = whereIn(layer, file);
    const other = whereIn(layer, content);
    // The same place twice is that of a section that is none.
    if (where === undefined || other === undefined || where === other) continue;
    const [name, otherName] = [where, other].map((text) => text.split(': ').at(-1));
    const wanted = `give ${otherName} or ${name}`;
    layer.problems.push({ where, given: `a value next to ${otherName}`, fault: 'is not allowed', wanted });
    layer.broken.set(content.name, other);
  }
}

/** Reads the files that settings name and puts their contents in the settings' places. One trailing newline is not theirs. */
export function readFilePairs(layer: Layer, readFile: (path: string) => string): void {
  for (const { content, file } of filePairs) {
    const given = layer.given.get(file.name);
    if (given === undefined || layer.broken.has(content.name)) continue;
    const path = given.value as string;
    const read = attempt(() => readFile(path).replace(/\r?\n$/, ''));
    const parsed = read.ok ? content.schema.safeParse(read.text) : undefined;
    if (parsed?.success === true) {
      layer.given.set(content.name, { value: parsed.data, where: given.where });
      continue;
    }
    layer.broken.set(content.name, given.where);
    layer.problems.push(
      read.ok
        ? badContent(given.where, content, read.text, path)
        : badFile(given.where, path, read.error, `give ${file.about.wanted}`),
    );
  }
}

type Read = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: unknown };

export function attempt(read: () => string): Read {
  try {
    return { ok: true, text: read() };
  } catch (error) {
    return { ok: false, error };
  }
}

function badContent(where: string, content: Leaf, text: string, path: string): Problem {
  const problem = badValue(where, { ...content.about, secret: true }, text);
  return { ...problem, given: `${problem.given} in ${path}` };
}
