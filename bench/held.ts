/**
 * What 10,000 requests cost that Weir holds at once, and how soon one goes when its slot opens: `node bench/held.ts`; with
 * `without-spare` behind it V8 gives back first what it keeps for new objects.
 *
 * A real `weir serve`, 10,000 connections with a message of 150 bytes each, 50 slots a second. README.md says how to
 * read it.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pass, until, within } from '../test/support/until.ts';
import { type Child, startChild } from './child.ts';
import { startWeir } from './contestants.ts';
import { percentile } from './figures.ts';
import type { HoldersOrder, HoldersReport } from './holders.ts';
import { requestTo } from './measure.ts';

const held = 10_000;
/** More than it takes now by some noise. */
const memoryMaxKb = 7;
const memoryAimKb = 6;
const releaseMaxMs = 2;
const slotsASecond = 50;
const releases = 500;
/** Collecting the garbage stops Weir for a moment: the slots of that moment are late. */
const afterCollectingMs = 2_000;

/** A slot that is missed by a busy machine is late and not lost, so that they open evenly: one each 20 ms. */
const limits = `{ rate: ${slotsASecond}, burst: 50, holdMaxMs: 600000, lineMaxRequests: ${2 * held} }`;
const settings = `http: { connectionsMax: ${2 * held} }\n`;
const nodeArgs = ['--expose-gc', '--import', new URL('./collect-garbage.ts', import.meta.url).href];

const collecting: Record<string, string> = process.argv.includes('without-spare') ? { COLLECT: 'last-resort' } : {};

const answer = Buffer.from('{"messages":[{"id":"gBEGkYiEB1VXAglK1ZEqA1YKPrU"}]}');

/** When requests arrived at the Coreapp. */
const arrivals: number[] = [];
const upstream = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  arrivals.push(performance.now());
  request.resume().on('end', () => response.writeHead(200, { 'content-length': answer.length }).end(answer));
});

async function main(): Promise<void> {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  await using weir = await startWeir(url, nodeArgs, settings, limits, undefined, null, collecting);
  await using holders = startChild('bench/holders.ts');
  const before = await memoryOf(weir.child);
  const order: HoldersOrder = { port: weir.port, connections: held, request: requestTo(weir.port, weir.token) };
  let report: HoldersReport = { sent: 0, answered: 0, failure: null };
  holders.process.on('message', (latest: HoldersReport) => {
    report = latest;
  });
  holders.process.send(order);
  await until(() => report.sent === held, { what: 'all to have sent their request', deadlineMs: 60_000 });
  const waiting = held - report.answered;
  const after = await memoryOf(weir.child);
  const kb = (after.rss - before.rss) / 1_024 / waiting;
  const heapKb = (after.heapUsed - before.heapUsed) / 1_024 / waiting;
  await pass(afterCollectingMs);
  const first = arrivals.length;
  const own = ownLateness();
  await until(() => arrivals.length >= first + releases, { what: 'so many to be released', deadlineMs: 60_000 });
  if (report.failure !== null) throw new Error(`a request failed: ${report.failure}`);
  const late = lateness(arrivals.slice(first, first + releases));
  const p99 = percentile(late, 0.99);
  console.log(`Node ${process.version}, ${waiting} requests held, ${releases} released`);
  console.log(
    `memory: ${kb.toFixed(1)} KB each (aim: ${memoryAimKb}, at most ${memoryMaxKb}), ${heapKb.toFixed(1)} of them in the heap`,
  );
  console.log(
    `from the slot's opening to the Coreapp: p50 ${percentile(late, 0.5).toFixed(2)} ms, p99 ${p99.toFixed(2)} ms (aim: under ${releaseMaxMs}), worst ${percentile(late, 1).toFixed(2)} ms`,
  );
  console.log(
    `a timer of the bench itself, on the same machine meanwhile: p99 ${percentile(own(), 0.99).toFixed(2)} ms late`,
  );
  if (kb > memoryMaxKb || p99 > releaseMaxMs) process.exitCode = 1;
}

/** How late a timer is that is due as often as slots open: what the machine adds by itself. */
function ownLateness(): () => number[] {
  const late: number[] = [];
  let due = performance.now() + 1_000 / slotsASecond;
  const timer = setInterval(() => {
    late.push(Math.max(0, performance.now() - due));
    due = performance.now() + 1_000 / slotsASecond;
  }, 1_000 / slotsASecond);
  return () => {
    clearInterval(timer);
    return late;
  };
}

/**
 * By how much each came after its slot had opened, ascending. Slots open evenly: the one that came soonest says when.
 */
function lateness(instants: readonly number[]): number[] {
  const shifted = instants.map((at, index) => at - (index * 1_000) / slotsASecond);
  const opening = Math.min(...shifted);
  return shifted.map((at) => at - opening);
}

/** The process's memory once its garbage is collected. */
async function memoryOf({ process: weir, pid }: Child): Promise<NodeJS.MemoryUsage> {
  const lines = createInterface({ input: weir.stderr as Readable });
  const line = once(lines, 'line') as Promise<[string]>;
  process.kill(pid, 'SIGUSR2');
  const [text] = await within(line, { what: 'Weir to say what memory it has', deadlineMs: 15_000 });
  lines.close();
  return JSON.parse(text) as NodeJS.MemoryUsage;
}

try {
  await main();
} finally {
  upstream.closeAllConnections();
  upstream.close();
}
