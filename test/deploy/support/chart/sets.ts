/** The value sets of helm/ci: a file each, whose first line says what it is about. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { chart } from './manifests.ts';

export interface ValueSet {
  /** `three-values` */
  readonly name: string;
  readonly about: string;
  readonly args: readonly string[];
  /** Every text in it: what the chart may refer to without making it is named here. */
  readonly texts: ReadonlySet<string>;
}

export const valueSets: readonly ValueSet[] = readdirSync(join(chart, 'ci')).map((file) => {
  const path = join(chart, 'ci', file);
  const text = readFileSync(path, 'utf8');
  return {
    name: file.replace('-values.yaml', ''),
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
  if (found === undefined) throw new Error(`there is no helm/ci/${name}-values.yaml`);
  return found;
}
