/**
 * Where the settings are that platform engineers know from the charts of ingress-nginx and Traefik, or why there is none:
 * elsewhere.yaml, as a table.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { leafOf } from '../../src/config/layer.ts';
import { settingsSchema } from '../../src/config/schema.ts';
import { code, table } from '../markdown.ts';
import type { Value } from './values.ts';

interface Row {
  /** Names of settings there, parted by commas; empty: it has none. */
  readonly nginx: string;
  readonly traefik: string;
  /** Values of this chart. */
  readonly here?: readonly string[];
  /** A sentence, which stands alone where there is none here. */
  readonly words?: string;
}

/** Throws for a row that names a value which the chart does not have, and for one that says nothing. */
export function elsewhereTable(values: readonly Value[]): string {
  const rows = parse(readFileSync(new URL('elsewhere.yaml', import.meta.url), 'utf8')) as readonly Row[];
  const known = new Set(values.map(({ path }) => path.join('.')));
  const cells = rows.map(({ nginx, traefik, here = [], words }) => {
    const stray = here.find((name) => !known.has(name) && !isSetting(name));
    if (stray !== undefined) throw new Error(`scripts/chart/elsewhere.yaml: the chart has no value ${stray}`);
    if (here.length === 0 && words === undefined) {
      throw new Error(`scripts/chart/elsewhere.yaml: ${nginx || traefik} needs a value or a sentence`);
    }
    const place = here.map(code).join(', ');
    return [listed(nginx), listed(traefik), [place, words].filter(Boolean).join('. ')];
  });
  return table(['ingress-nginx', 'Traefik', 'Here'], cells);
}

/** `config.stop.graceMs`, or a whole section such as `config.log`. */
function isSetting(name: string): boolean {
  const [root, ...path] = name.split('.') as [string, ...string[]];
  if (root !== 'config') return false;
  return (
    leafOf(path.join('.')) !== undefined ||
    (path.length === 1 && Object.hasOwn(settingsSchema.shape, path[0] as string))
  );
}

const listed = (names: string): string =>
  names
    .split(', ')
    .filter((name) => name !== '')
    .map(code)
    .join(', ');
