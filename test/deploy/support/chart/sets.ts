/** The value sets: helm/examples has one for each task, helm/ci what else the tests want. The first line says what it is about. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { chart } from './manifests.ts';

const ending = '-values.yaml';

export interface ValueSet {
  /** `three-values` */
  readonly name: string;
  readonly about: string;
  readonly args: readonly string[];
  /** Every text in it: what the chart may refer to without making it is named here. */
  readonly texts: ReadonlySet<string>;
}

const files = ['examples', 'ci'].flatMap((folder) =>
  readdirSync(join(chart, folder)).flatMap((file) => (file.endsWith(ending) ? [join(chart, folder, file)] : [])),
);

export const valueSets: readonly ValueSet[] = files.map((path) => {
  const text = readFileSync(path, 'utf8');
  return {
    name: basename(path, ending),
    about: (text.split('\n', 1)[0] as string).replace('# ', ''),
    args: ['--values', path],
    texts: new Set(textsIn(parse(text))),
  };
});

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value === null || typeof value !== 'object' ? [] : Object.values(value).flatMap(textsIn);
}

export function valueSet(name: string): ValueSet {
  const found = valueSets.find((set) => set.name === name);
  if (found === undefined) throw new Error(`there is no ${name}${ending} in helm/examples and helm/ci`);
  return found;
}
