/**
 * What it costs to join a long line, to have a turn in it and to hang up: `node bench/line.ts`.
 *
 * CPU time of this process for each arrival, turn and hang-up at a gate as it is used, with its permits, deadlines and
 * promises, while 100,000 requests of 1,000 callers wait. Time stands still but for the turns; the slots come from a
 * bucket in the process.
 */
import { MemoryBuckets } from '../src/adapters/memory/buckets.ts';
import type { Collected } from '../src/exchange/exchange.ts';
import { deafMeter, gatesOn, messageFrom, roomyLimits, WaitingDownstream } from '../test/support/fleet.ts';
import { VirtualClock } from '../test/support/virtual-clock.ts';
import { median } from './figures.ts';

/** The most that each may cost, microseconds of CPU. */
const aimUs = 5;
const inLine = 100_000;
const callers = 1_000;
const many = 20_000;
const rounds = 7;
const slotMs = 0.1;

const clock = new VirtualClock();
const quota = { rate: 1_000 / slotMs, burst: 1 };
const buckets = new MemoryBuckets(clock, deafMeter);
const gates = gatesOn(buckets, clock, roomyLimits(quota));

let arrivals = 0;
const requests = (count: number): Collected[] =>
  Array.from({ length: count }, () =>
    messageFrom(`${arrivals++ % callers}`, { fields: ['Priority', `u=${3 + (arrivals % 3)}`] }),
  );

function arrive(these: readonly Collected[]): WaitingDownstream[] {
  return these.map((request) => {
    const downstream = new WaitingDownstream();
    gates.admit(request, downstream, { settle() {} });
    return downstream;
  });
}

/** Microseconds of CPU for each of so many. */
function cost(count: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

arrive(requests(inLine));
const costs = { arrival: [] as number[], turn: [] as number[], 'hang-up': [] as number[] };
for (let round = 0; round < rounds; round++) {
  let downstreams: WaitingDownstream[] = [];
  const [first, second] = [requests(many), requests(many)];
  costs.arrival.push(cost(many, () => (downstreams = arrive(first))));
  const before = gates.headcount.total;
  costs.turn.push(cost(many, () => clock.advanceSync(many * slotMs)));
  const served = before - gates.headcount.total;
  if (Math.abs(served - many) > 0.01 * many) throw new Error(`${served} of ${many} were served`);
  await clock.settle();
  downstreams = arrive(second);
  // From anywhere in line, in no order.
  const leaving = downstreams.toSorted(() => Math.random() - 0.5);
  costs['hang-up'].push(
    cost(many, () => {
      for (const downstream of leaving) downstream.hangUp();
    }),
  );
  await clock.settle();
}
console.log(
  `${gates.headcount.total} in line, of ${gates.headcount.callers} callers; CPU, median of ${rounds} rounds of ${many}`,
);
for (const [what, us] of Object.entries(costs)) {
  const middle = median(us);
  console.log(
    `${what}: ${middle.toFixed(2)} µs (aim: under ${aimUs}), ${Math.min(...us).toFixed(2)} to ${Math.max(...us).toFixed(2)}`,
  );
  if (middle >= aimUs) process.exitCode = 1;
}
