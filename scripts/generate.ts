/**
 * Writes the files that are generated from the sources: `node scripts/generate.ts`.
 * With `--check` it writes nothing and exits 1 with a line for each file that is not fresh.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { chartDefaults } from './chart/defaults.ts';
import { chartPage } from './chart/page.ts';
import { valuesSchema } from './chart/values-schema.ts';
import { configurationPage } from './configuration-page.ts';
import { dashboard } from './dashboard.ts';
import { errorsPage } from './errors-page.ts';
import { jsonSchema, jsonText } from './json-schema.ts';
import { openapi } from './openapi.ts';
import { runbook } from './runbook.ts';

/** The generated files by their path in the repository, as they should be. */
export const generatedFiles = (): Readonly<Record<string, string>> => ({
  'config/weir.schema.json': jsonSchema(),
  'docs/reference/configuration.md': configurationPage(),
  'docs/reference/errors.md': errorsPage(),
  'helm/files/dashboard.json': dashboard(),
  'helm/files/defaults.yaml': chartDefaults(),
  'helm/README.md': chartPage(),
  'helm/values.schema.json': jsonText(valuesSchema()),
  'src/ops/openapi.json': openapi(),
  'src/ops/runbook.html': runbook(),
});

const inRepository = (path: string): URL => new URL(`../${path}`, import.meta.url);

/** The generated files whose text on disk is another. */
export function staleFiles(): string[] {
  return Object.entries(generatedFiles()).flatMap(([path, text]) => (onDisk(path) === text ? [] : [path]));
}

function onDisk(path: string): string | undefined {
  try {
    return readFileSync(inRepository(path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function main(args: readonly string[]): number {
  const [option, ...more] = args;
  if (more.length > 0 || (option !== undefined && option !== '--check')) {
    console.error(`generate: unknown option ${more[0] ?? option}; give --check or nothing`);
    return 1;
  }
  const stale = staleFiles();
  if (option === '--check') {
    for (const path of stale) console.error(`${path}: not fresh; run node scripts/generate.ts`);
    return stale.length === 0 ? 0 : 1;
  }
  const files = generatedFiles();
  for (const path of stale) {
    mkdirSync(dirname(inRepository(path).pathname), { recursive: true });
    writeFileSync(inRepository(path), files[path] as string);
    console.log(`${path}: written`);
  }
  return 0;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
