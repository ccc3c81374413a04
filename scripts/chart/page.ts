/** `helm/README.md`: page.md beside this file, with the table of all values in it. */
import { readFileSync } from 'node:fs';
import { code, generatedNote, table } from '../markdown.ts';
import { elsewhereTable } from './elsewhere.ts';
import { shapes } from './shapes.ts';
import { chartValues, type Value } from './values.ts';

export function chartPage(): string {
  const text = readFileSync(new URL('page.md', import.meta.url), 'utf8');
  const values = chartValues({ ...shapes, config: {} });
  const filled = text
    .replace('{{values}}', () => table(['Value', 'Default', 'Meaning'], values.map(row)))
    .replace('{{elsewhere}}', () => elsewhereTable(values));
  return `${generatedNote('scripts/chart/page.md and helm/values.yaml')}\n\n${filled}`;
}

const row = ({ path, fallback, description }: Value): string[] => [
  code(path.join('.')),
  fallback === '' ? '' : code(JSON.stringify(fallback)),
  description,
];
