/**
 * The table of the wire (test/spec/wire/rows) on Weir and on the peers that are installed: `npm run bench:strict`.
 *
 * A peer is judged by what a gateway has to do, not by how Weir says no: what has to be refused must not arrive, nor what
 * is behind it where the connection has to end; what has to be served must arrive as it was meant. It is not asked for
 * rules that are Weir's own. The exit code is 1 where Weir fails in anything.
 */

import { rows } from '../test/spec/wire/rows/index.ts';
import { faultIn, play, Recorder } from '../test/spec/wire/rows/play.ts';
import { startTestApp } from '../test/support/app.ts';
import { pass } from '../test/support/until.ts';
import { run } from './command.ts';
import { missingFor, startPeer } from './peers/peer.ts';

/** A peer that waits for more is waited for no longer. */
const patienceMs = 500;

type Faults = ReadonlyMap<string, string>;

async function main(): Promise<void> {
  const faults = new Map<string, Faults>([['weir', await weirFaults()]]);
  for (const name of ['nginx', 'haproxy'] as const) {
    const missing = missingFor(name);
    if (missing === null) faults.set(name, await peerFaults(name));
    else console.log(`Left out: ${name}, since ${missing} is not installed.`);
  }
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
  if ((faults.get('weir') as Faults).size > 0) process.exitCode = 1;
}

const nameOf = ({ section, what }: (typeof rows)[number]): string => `${section}, ${what}`;

function sizeOf(some: typeof rows): string {
  return `${some.length} (${some.filter(({ own }) => own !== true).length})`;
}

function count(some: typeof rows, faults: Faults = new Map()): number {
  return some.filter((row) => faults.has(nameOf(row))).length;
}

async function weirFaults(): Promise<Faults> {
  await using recorder = await Recorder.start();
  const free = '{ rate: 1000000, burst: 1000000 }';
  await using app = await startTestApp(recorder.url, `limits: { default: ${free}, contacts: ${free} }`);
  const auth = `Authorization: Bearer ${app.token}\r\n`;
  const faults = new Map<string, string>();
  for (const row of rows) {
    const fault = faultIn(row, await play(row, 'whole', { port: app.port, auth, recorder }));
    if (fault !== null) faults.set(nameOf(row), fault);
  }
  return faults;
}

/** What is a rule of Weir's own, no peer is asked for. */
async function peerFaults(name: 'nginx' | 'haproxy'): Promise<Faults> {
  await using recorder = await Recorder.start();
  await using peer = await startPeer(name, recorder.url);
  const faults = new Map<string, string>();
  for (const row of rows.filter(({ own }) => own !== true)) {
    const seen = await play(row, 'whole', { port: peer.port, auth: '', recorder }, pass(patienceMs));
    const fault = faultIn(row, seen, false);
    if (fault !== null) faults.set(nameOf(row), fault);
  }
  return faults;
}

await run(main);
