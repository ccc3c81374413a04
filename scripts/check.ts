/** `npm run check`: runs every `check:…` script of package.json, two at a time, and shows what the failed ones said. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const atOnce = 2;
const root = fileURLToPath(new URL('..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
const parts = Object.keys(scripts).filter((name) => name.startsWith('check:'));

async function run(name: string): Promise<boolean> {
  const started = performance.now();
  const child = spawn(`${scripts[name]} 2>&1`, { cwd: root, shell: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [said, code] = await Promise.all([text(child.stdout), ended]);
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (code !== 0) console.log(`${said.trimEnd()}\n       Alone: npm run ${name}\n`);
  return code === 0;
}

const waiting = [...parts];
const failed: string[] = [];

async function work(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (!(await run(name))) failed.push(name);
  }
}

await Promise.all(Array.from({ length: atOnce }, work));
if (failed.length > 0) {
  console.error(`${failed.length} of ${parts.length} checks failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
