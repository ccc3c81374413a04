/**
 * Writes folders of sources anew as JavaScript: `node scripts/strip-types.ts TARGET FOLDER…`. Types become blanks, as
 * when Node runs the sources as they are, so every line and column stays where it was written.
 */
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const [target, ...folders] = process.argv.slice(2);
if (target === undefined || folders.length === 0) throw new Error('give TARGET FOLDER…');

for (const path of folders.flatMap((folder) => globSync(`${folder}/**/*.*`))) {
  const written = join(target, path.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(written), { recursive: true });
  if (!/\.[jt]s$/.test(path)) {
    copyFileSync(path, written);
    continue;
  }
  const source = readFileSync(path, 'utf8');
  writeFileSync(written, renamed(path.endsWith('.ts') ? stripTypeScriptTypes(source) : source));
}

/** The files that it names are `.js` now. */
function renamed(code: string): string {
  return code.replace(/(['"])(\.\.?\/[^'"\n]+)\.ts\1/g, '$1$2.js$1');
}
