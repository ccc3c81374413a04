/**
 * The table of the wire (test/spec/wire/rows) on Weir and on the peers that are installed: `npm run bench:strict`.
 *
 * A peer is judged by what the RFCs demand with a MUST, not by how Weir says no: `faultOfPeer`. It is not asked for rules
 * that are Weir's own. The exit code is 1 where Weir fails in anything.
 */

import { rows, settings } from '../test/spec/wire/rows/index.ts';
import { faultIn, faultOfPeer, play, Recorder, whole } from '../test/spec/wire/rows/play.ts';
import { startTestApp } from '../test/support/app.ts';
import { run } from './command.ts';
import { missingFor, startPeer } from './peers/peer.ts';

/** A peer that waits for more is waited for no longer. */
const patienceMs = 3_000;

type Faults = ReadonlyMap<string, string>;

async function main(): Promise<void> {
  const installed = (['weir', 'nginx', 'haproxy'] as const).filter((name) => {
    const missing = name === 'weir' ? null : missingFor(name);
    if (missing !== null) console.log(`Left out: ${name}, since ${missing} is not installed.`);
    return missing === null;
  });
  const faults = new Map(await Promise.all(installed.map(async (name) => [name, await faultsOf(name)] as const)));
  const names = [...faults.keys()];
  console.log(`| section | rows (for peers) | ${names.join(' | ')} |\n|---|---|${names.map(() => '---|').join('')}`);
  for (const section of new Set(rows.map((row) => row.section))) {
    const own = rows.filter((row) => row.section === section);
    console.log(`| ${section} | ${sizeOf(own)} | ${names.map((name) => count(own, faults.get(name))).join(' | ')} |`);
  }
  console.log(`| all | ${sizeOf(rows)} | ${names.map((name) => count(rows, faults.get(name))).join(' | ')} |`);
  for (const [name, own] of faults) {
    console.log(`\n${name}:`);
    for (const [row, fault] of own) console.log(`- ${row}: ${fault.slice(0, 160)}`);
  }
  if ((faults.get('weir')?.size ?? 0) > 0) process.exitCode = 1;
}

const nameOf = ({ section, what }: (typeof rows)[number]): string => `${section}, ${what}`;

function sizeOf(some: typeof rows): string {
  return `${some.length} (${some.filter(({ own }) => own !== true).length})`;
}

function count(some: typeof rows, faults: Faults = new Map()): number {
  return some.filter((row) => faults.has(nameOf(row))).length;
}

async function faultsOf(name: 'weir' | 'nginx' | 'haproxy'): Promise<Faults> {
  await using recorder = await Recorder.start();
  const isWeir = name === 'weir';
  await using gateway = isWeir ? await startTestApp(recorder.url, settings) : await startPeer(name, recorder.url);
  const auth = isWeir ? `Authorization: Bearer ${gateway.token}\r\n` : null;
  const faults = new Map<string, string>();
  for (const row of isWeir ? rows : rows.filter(({ own }) => own !== true)) {
    const seen = await play(row, whole, { port: gateway.port, auth, recorder, patienceMs });
    const fault = (isWeir ? faultIn : faultOfPeer)(row, seen);
    if (fault !== null) faults.set(nameOf(row), fault);
  }
  return faults;
}

await run(main);
