/**
 * Replicas that are asked for four times their limits, counted by the simulator, whose own limits are out of the way.
 */
import { excess, excessSince, jain, tolerance } from '../../test/support/fleet.ts';
import { type CountedClass, pathOf, RunningFleet } from '../../test/support/running-fleet.ts';
import { pass, until } from '../../test/support/until.ts';
import { ms, otherThan, type Part, percent } from './part.ts';

const classes: readonly CountedClass[] = [
  { name: 'messages', quota: { rate: 50, burst: 150 } },
  { name: 'contacts', quota: { rate: 1_000, burst: 1_000 } },
];
/** Out of the way: for the first requests of a process, which run through cold code and open its connections. */
const warm: CountedClass = { name: 'media', quota: { rate: 5_000, burst: 5_000 } };
const lastsMs = 6_000;

async function grown(fleet: RunningFleet, count: number): Promise<void> {
  await fleet.grow(count);
  await fleet.ask({ path: pathOf(warm), atOnce: 64, ratePerS: 2_000, ms: 1_000 });
  // Until the buckets are full again.
  await pass(Math.max(...classes.map(({ quota }) => (1_000 * quota.burst) / quota.rate)) + 200);
}

export async function overloaded(): Promise<Part> {
  await using fleet = await RunningFleet.counting([...classes, warm]);
  const rows: string[][] = [];
  const wrong: string[] = [];
  for (const count of [1, 2, 4, 8]) {
    await grown(fleet, count);
    for (const { row, faults } of await Promise.all(classes.map((counted) => overload(fleet, counted)))) {
      rows.push([`${count}`, ...row]);
      wrong.push(...faults.map((fault) => `${count} replicas: ${fault}`));
    }
  }
  const header = ['replicas', 'class', 'used', 'evenness (Jain)', 'in excess at the Coreapp', 'tolerance'];
  return { title: 'four times the limits for six seconds', header, rows, wrong };
}

async function overload(fleet: RunningFleet, counted: CountedClass): Promise<{ row: string[]; faults: string[] }> {
  const { name, quota } = counted;
  const before = (await fleet.arrivals(counted)).length;
  const { atMs: since } = (await fleet.simulator.seen()).jobs;
  const ratePerS = 4 * quota.rate;
  // Were the first to come one by one, a crowd that stumbles would leave slots to nobody, who does not wait.
  const { answered } = await fleet.ask({ path: pathOf(counted), atOnce: ratePerS / 10, ratePerS, ms: lastsMs });
  const arrivals = (await fleet.arrivals(counted)).slice(before);
  // Those that come while everybody hangs up are not counted.
  const sent = arrivals.filter((at) => at <= (arrivals[0] as number) + 0.95 * lastsMs);
  const seconds = ((sent.at(-1) as number) - (sent[0] as number)) / 1_000;
  const used = sent.length / (quota.burst + quota.rate * seconds);
  const shares = answered.map((statuses) => statuses['200'] ?? statuses['201'] ?? 0);
  const faults = answered.flatMap((statuses) => otherThan(['200', '201'], statuses));
  const above = excessSince(quota, since, arrivals);
  if (above > tolerance(quota)) faults.push(`${name}: ${above.toFixed(1)} more than the limit allows`);
  const row = [name, percent(used), jain(shares).toFixed(4), excess(quota, sent).toFixed(1), `${tolerance(quota)}`];
  return { row, faults };
}

export async function alone(): Promise<Part> {
  const [messages] = classes as [CountedClass];
  await using fleet = await RunningFleet.counting([...classes, warm]);
  await grown(fleet, 8);
  const [busy, ...quiet] = fleet.replicas as [(typeof fleet.replicas)[0]];
  await using _ = fleet.crowdAt(busy, { path: pathOf(messages), atOnce: 2_500, ratePerS: 0, ms: null });
  const burstIsOver = async () => (await fleet.arrivals(messages)).length > messages.quota.burst + 20;
  await until(burstIsOver, { what: 'the end of the burst' });
  const rows: string[][] = [];
  for (const [index, { url }] of quiet.entries()) {
    const askedAt = performance.now();
    await fleet.post(url, pathOf(messages));
    rows.push([`${index + 2}`, ms(performance.now() - askedAt)]);
  }
  const title = 'one request at a replica, while 2,500 stand in line at another (aim: under 220 ms)';
  return { title, header: ['replica', 'answered after'], rows, wrong: [] };
}
