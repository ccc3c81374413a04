/**
 * Soak runs, as many as wanted: a Weir between callers and a Coreapp that misbehave at random (test/support/soak).
 *
 *     npm run soak -- --runs 100 --seconds 10 --at-once 4      a hundred runs, four at a time
 *     npm run soak -- --runs 1 --seed 123                      one of them again
 *
 * A line for each run; exit code 1 where one had a problem.
 */
import { parseArgs } from 'node:util';
import { type SoakReport, soak } from '../test/support/soak/run.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '10' },
    'at-once': { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
});

const runs = whole('runs', values.runs);
const seconds = whole('seconds', values.seconds);
const atOnce = whole('at-once', values['at-once']);
const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : whole('seed', values.seed);

function whole(name: string, text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  console.error(`--${name}: ${JSON.stringify(text)} is not right; give a whole number from 1`);
  process.exit(2);
}

let next = 0;
let failed = 0;

async function playAll(): Promise<void> {
  while (next < runs) {
    const seed = first + next++;
    const report = await soak({ seed, seconds }).catch((error: unknown) => unplayed(seed, error));
    if (report.problems.length > 0) failed += 1;
    console.log(line(report));
  }
}

function unplayed(seed: number, error: unknown): SoakReport {
  return { seed, withRedis: false, callers: 0, ends: {}, faults: [], problems: [`not played to its end: ${error}`] };
}

function line({ seed, withRedis, callers, ends, faults, problems }: SoakReport): string {
  const counts = Object.entries(ends).map(([end, count]) => `${end}: ${count}`);
  const told = `seed ${seed}${withRedis ? ' with Redis' : ''}: ${callers} callers (${counts.join(', ')}), ${faults.length} faults`;
  if (problems.length === 0) return `ok      ${told}`;
  return [
    `FAILED  ${told}`,
    ...shortened(problems).map((one) => `        ${one}`),
    `        faults: ${faults.join(', ')}`,
  ].join('\n');
}

/** What callers saw comes first, what the process itself said last: the ends tell most. */
function shortened(problems: readonly string[]): string[] {
  const half = 10;
  if (problems.length <= 2 * half) return [...problems];
  return [...problems.slice(0, half), `… ${problems.length - 2 * half} more …`, ...problems.slice(-half)];
}

await Promise.all(Array.from({ length: Math.min(atOnce, runs) }, playAll));
console.log(`${runs} runs of ${seconds} s, ${failed} with problems`);
process.exitCode = failed === 0 ? 0 : 1;
