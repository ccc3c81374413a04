/**
 * What a fleet does in real time, on this machine: `npm run bench:fleet [-- PART …]`. Rates, shares, latencies: what a
 * test can't judge, since it depends on how busy the machine is. README.md says how to read the tables.
 *
 * The exit code is 1 only for what is wrong at any speed: an answer that is none, a message that is sent twice, more
 * than the limit allows.
 */
import { overflow, reservations } from './fleet/limits.ts';
import { alone, overloaded } from './fleet/load.ts';
import type { Part } from './fleet/part.ts';
import { busyCoreapp, redisFaults, revocations } from './fleet/trouble.ts';

const parts: Readonly<Record<string, () => Promise<Part>>> = {
  overloaded,
  alone,
  reservations,
  overflow,
  'busy-coreapp': busyCoreapp,
  'redis-faults': redisFaults,
  revocations,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: there is no such part; give some of ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

console.log(`Node ${process.version}`);
const wrong: string[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const part = await measure();
  console.log(`\n${name}: ${part.title}\n`);
  for (const row of [part.header, part.header.map(() => '---'), ...part.rows]) console.log(`| ${row.join(' | ')} |`);
  wrong.push(...part.wrong.map((text) => `${name}: ${text}`));
}
for (const text of wrong) console.log(`\nWRONG: ${text}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
