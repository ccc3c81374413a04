/**
 * CPU a request against what there is more or less of: `npm run bench:curves [-- --out FILE.svg] [--quick] [words]`.
 * README.md says how to read it.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf, startChild } from './child.ts';
import { run } from './command.ts';
import { curves } from './curves/all.ts';
import type { Point, Rounds } from './curves/rounds.ts';
import { type Curve, drawing } from './drawing.ts';

const usual: Rounds = { ms: 1_500, rounds: 3, most: Number.POSITIVE_INFINITY };
/** To see whether all of it works: no figure is worth anything. */
const quick: Rounds = { ms: 200, rounds: 1, most: 1_000 };

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { out: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const chosen = curves.filter(({ title }) => positionals.every((word) => title.includes(word)));
  if (chosen.length === 0) throw new Error(`no curve is called so; there are: ${titlesOf(curves)}`);
  const isWhole = chosen.length === curves.length && !values.quick;
  const file = values.out ?? (isWhole ? 'docs/reference/performance.svg' : null);
  await using upstream = startChild('bench/upstream.ts');
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  const drawn: Curve[] = [];
  for (const { title, measure } of chosen) {
    const points = await measure(`http://127.0.0.1:${port}`, values.quick ? quick : usual);
    console.log(`${title}: ${points.map(said).join(', ')} µs`);
    drawn.push({ title, points });
  }
  if (file === null) return;
  writeFileSync(file, drawing(drawn));
  console.log(`${file}: written`);
}

const said = ([x, us]: Point): string => `${x}: ${us.toFixed(0)}`;
const titlesOf = (all: typeof curves): string => all.map(({ title }) => title).join(', ');

await run(main);
