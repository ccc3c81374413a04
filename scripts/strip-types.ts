/**
 * Writes `src` anew as JavaScript: `node scripts/strip-types.ts TARGET`, for a package and for the image. Types become
 * blanks, as when Node runs the sources as they are, so every line and column stays where it was written.
 */
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const target = process.argv[2];
if (target === undefined) throw new Error('give TARGET');

rmSync(target, { recursive: true, force: true });
for (const path of globSync('**/*.*', { cwd: 'src' })) {
  const source = join('src', path);
  const written = join(target, path.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(written), { recursive: true });
  if (path.endsWith('.ts')) writeFileSync(written, renamed(stripTypeScriptTypes(readFileSync(source, 'utf8'))));
  else copyFileSync(source, written);
}

/** The files that it names are `.js` now. */
function renamed(code: string): string {
  return code.replace(/(['"])(\.\.?\/[^'"\n]+)\.ts\1/g, '$1$2.js$1');
}
