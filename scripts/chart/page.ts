/** `helm/README.md`: page.md beside this file, with the table of all values in it. */
import { readFileSync } from 'node:fs';
import { code, generatedNote, table } from '../markdown.ts';
import { shapes } from './shapes.ts';
import { chartValues, type Value } from './values.ts';

export function chartPage(): string {
  const text = readFileSync(new URL('page.md', import.meta.url), 'utf8');
  const rows = table(['Value', 'Default', 'Meaning'], chartValues({ ...shapes, config: {} }).map(row));
  return `${generatedNote('scripts/chart/page.md and helm/values.yaml')}\n\n${text.replace('{{values}}', () => rows)}`;
}

const row = ({ path, fallback, description }: Value): string[] => [
  code(path.join('.')),
  fallback === '' ? '' : code(JSON.stringify(fallback)),
  description,
];
