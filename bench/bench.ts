/**
 * CPU a request and requests a second of Weir and its peers, side by side on the same upstream.
 *
 *     npm run bench [-- --rounds N --seconds N] [NAME …]    compare (default: all that are installed)
 *     npm run bench -- --json FILE [NAME …]                 and write what was measured
 *     npm run bench -- --before DIR [NAME …]                and the Weir of another checkout in the same rounds
 *     npm run bench -- --profile [NAME …]                   where they spend their time (default: weir)
 *
 * README.md says how to read it.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, startChild } from './child.ts';
import { number, run } from './command.ts';
import { type Contestant, type ContestantName, contestantNames, startContestant } from './contestants.ts';
import { median } from './figures.ts';
import { connections, Load, type Measured } from './measure.ts';
import { isPeer, missingFor } from './peers/peer.ts';
import { profile } from './profile.ts';

/** The most that CPU a request may be, against a peer. The peer with a store of its own is compared with the Weir on Redis. */
const aims: readonly (readonly [weir: ContestantName, peer: ContestantName, aim: number])[] = [
  ['weir', 'bare-undici', 0.62],
  ['weir', 'raw-net', 1.65],
  ['weir', 'nginx', 2.1],
  ['weir-redis', 'nginx-lua', 0.75],
];

async function main(): Promise<void> {
  const { names, rounds, seconds, before, json, profile: wantsProfile } = readOptions();
  await using upstream = startChild('bench/upstream.ts');
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  const url = `http://127.0.0.1:${port}`;
  await using load = new Load();
  const ms = seconds * 1_000;
  if (!wantsProfile) {
    const measured = await compare(names, url, load, rounds, ms, before);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(figures(measured, ms), null, 2)}\n`);
  } else for (const name of names) console.log(`${await profile(name, url, load, ms)}\n`);
}

/** Rounds interleave the proxies, so that what else the machine does meets all of them. */
async function compare(
  names: readonly ContestantName[],
  url: string,
  load: Load,
  rounds: number,
  ms: number,
  before?: string,
): Promise<Measurements> {
  await using stack = new AsyncDisposableStack();
  const contestants: Contestant[] = [];
  for (const name of names) contestants.push(stack.use(await startContestant(name, url, [], before)));
  console.log(`Node ${process.version}, ${connections} connections, ${rounds} rounds of ${ms / 1_000} s each`);
  for (const contestant of contestants) await load.warmUp(contestant);
  const measured = new Map<ContestantName, Measured[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // There and back again: a proxy that always came second would always find the machine as the first one left it.
    const order = round % 2 === 0 ? contestants : contestants.toReversed();
    for (const contestant of order) measured.get(contestant.name)?.push(await load.on(contestant, ms));
  }
  console.log(table(measured));
  for (const [weir, peer, aim] of aims) {
    if (!names.includes(weir) || !names.includes(peer)) continue;
    const ratio = median(ratios(measured, weir, peer));
    console.log(`${weir}: ${ratio.toFixed(2)} times ${peer} (aim: at most ${aim})`);
  }
  if (before !== undefined) {
    const change = ratios(measured, 'weir', 'weir-before').toSorted((a, b) => a - b);
    const [least, most] = [change[0], change.at(-1)].map((one) => one?.toFixed(3));
    console.log(`weir: ${median(change).toFixed(3)} times the one before (${least} to ${most})`);
  }
  return measured;
}

/** What was measured, for other programs. */
function figures(measured: Measurements, ms: number): object {
  const processors = cpus();
  const machine = { node: process.version, processors: processors.length, model: processors[0]?.model };
  return { ...machine, connections, roundMs: ms, proxies: Object.fromEntries(measured) };
}

function table(measured: Measurements): string {
  const rows = [...measured].map(([name, own]) => {
    const each = ratios(measured, name);
    const spread = `${Math.min(...each).toFixed(2)} to ${Math.max(...each).toFixed(2)}`;
    return [
      name,
      median(own.map((one) => one.requestsPerSecond)).toFixed(0),
      median(own.map((one) => one.cpuUs)).toFixed(1),
      median(each).toFixed(2),
      spread,
    ];
  });
  const lines = [['proxy', 'requests/s', 'CPU µs a request', 'ratio', 'spread of the ratio'], ...rows];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
    .join('\n');
}

/** CPU a request against that of the yardstick in the same round. */
function ratios(measured: Measurements, name: ContestantName, against: ContestantName = 'bare-undici'): number[] {
  const yardstick = measured.get(against) ?? [];
  return (measured.get(name) ?? []).map((one, round) => one.cpuUs / (yardstick[round]?.cpuUs ?? Number.NaN));
}

type Measurements = ReadonlyMap<ContestantName, readonly Measured[]>;

interface Options {
  readonly names: readonly ContestantName[];
  readonly rounds: number;
  readonly seconds: number;
  /** Another checkout; undefined: none. */
  readonly before: string | undefined;
  /** A file for what was measured; undefined: none. */
  readonly json: string | undefined;
  readonly profile: boolean;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '2' },
      before: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.find((name) => !contestantNames.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`no proxy ${unknown}; give any of ${contestantNames.join(', ')}`);
  const named = contestantNames.filter((name) => positionals.includes(name));
  const before: ContestantName[] = values.before === undefined ? [] : ['weir-before'];
  return {
    names: values.profile
      ? orElse(named, ['weir'])
      : [...withYardstick(installed(orElse(named, contestantNames))), ...before],
    rounds: number('--rounds', values.rounds, 1, 100),
    seconds: number('--seconds', values.seconds, 0.5, 60, true),
    before: values.before === undefined ? undefined : resolve(values.before),
    json: values.json,
    profile: values.profile,
  };
}

function orElse<T>(values: readonly T[], otherwise: readonly T[]): readonly T[] {
  return values.length === 0 ? otherwise : values;
}

/** Without the peers that can't be started, each of which is named. */
function installed(names: readonly ContestantName[]): readonly ContestantName[] {
  return names.filter((name) => {
    const missing = isPeer(name) ? missingFor(name) : null;
    if (missing !== null) console.log(`Left out: ${name}, since ${missing} is not installed.`);
    return missing === null;
  });
}

function withYardstick(names: readonly ContestantName[]): readonly ContestantName[] {
  return [...new Set<ContestantName>(['bare-undici', ...names])];
}

await run(main);
