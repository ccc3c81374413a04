/** Workers that are killed one after the other: who loses a request, what is counted, and what stays behind. */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { testFile } from '../support/files.ts';
import { until } from '../support/until.ts';
import { RunningWorkers, type WorkerStatus } from '../support/workers.ts';

const deaths = 12;
const atOnce = 20;
/** No limit that matters, permits for all that are in flight, and figures of the moment. */
const wide = `ops: {figuresMaxAgeMs: 0}
limits: {default: {rate: 100000, burst: 100000}}
coreapp: {permitsMin: 200, permitsMax: 400}
`;

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

interface RequestLine {
  readonly msg: string;
  readonly requestId: string;
  readonly worker: number;
  readonly status: number;
}

/** What the log says of requests, each line whole. */
function linesOf(replica: RunningWorkers): ReadonlyMap<string, readonly RequestLine[]> {
  const lines = replica.weir.process.stdout.map((line) => JSON.parse(line) as RequestLine);
  return Map.groupBy(
    lines.filter(({ msg }) => msg === 'request'),
    ({ requestId }) => requestId,
  );
}

/** Permits, over both workers. */
async function inUse(replica: RunningWorkers): Promise<number> {
  const { permits } = (await replica.status()) as { readonly permits: readonly { readonly inUse: number }[] };
  return permits.reduce((sum, one) => sum + one.inUse, 0);
}

const serving = (each: readonly WorkerStatus[]): boolean => each.every(({ state }) => state === 'serving');

/** Kills a worker with requests in flight in both, and waits for the one in its place. Returns how many were lost. */
async function death(replica: RunningWorkers, number: number): Promise<number> {
  const idOf = (i: number): string => `death-${number}-${i}`;
  const requests = await replica.inFlight(atOnce, idOf);
  await until(async () => (await inUse(replica)) === atOnce, { what: 'both to have told what is in flight' });
  const lostBefore = await replica.counter('weir_worker_requests_lost_total');
  const before = await replica.workers();
  const victim = before[number % before.length] as WorkerStatus;
  process.kill(victim.pid as number, 'SIGKILL');
  const gone = async () => (await replica.workers()).every(({ pid }) => pid !== victim.pid);
  await until(gone, { what: 'its end' });
  // Those that come while it is away are served by the other one, or by the next: nobody is turned away.
  replica.answerAll();
  const meanwhile = Array.from({ length: 5 }, (_, i) => replica.get('/v1/contacts', `meanwhile-${number}-${i}`));
  expect(new Set(await replica.ended(meanwhile))).toEqual(new Set([200]));
  await until(async () => serving(await replica.workers()), { what: 'another worker in its place' });

  const ends = await replica.ended(requests);
  const answered = ends.flatMap((end, i) => (end === 200 ? [idOf(i)] : []));
  const lost = ends.flatMap((end, i) => (end === 200 ? [] : [idOf(i)]));
  await until(() => answered.every((id) => linesOf(replica).has(id)), {
    what: 'the lines of those that were answered',
  });
  const lines = linesOf(replica);
  for (const id of answered) {
    expect(lines.get(id)).toMatchObject([{ status: 200, worker: 3 - victim.worker }]);
  }
  expect(lost.filter((id) => lines.has(id))).toEqual([]);
  expect((await replica.counter('weir_worker_requests_lost_total')) - lostBefore).toBe(lost.length);
  return lost.length;
}

it('workers that are killed again and again lose what is in flight in them and nothing else, and leave nothing behind', async () => {
  await using config = await testFile('weir.yaml', wide);
  await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
  const parent = replica.weir.process.pid;
  const lost = [await death(replica, 0), await death(replica, 1)];
  const descriptors = descriptorsOf(parent);
  for (let number = 2; number < deaths; number++) lost.push(await death(replica, number));
  await until(() => descriptorsOf(parent) <= descriptors, { what: 'the descriptors of those that are gone' });

  const all = lost.reduce((sum, one) => sum + one, 0);
  expect(all).toBeGreaterThan(0);
  expect(await replica.counter('weir_worker_restarts_total')).toBe(deaths);
  expect(await replica.counter('weir_worker_requests_lost_total')).toBe(all);
  const counted = () => replica.counter('weir_requests_total', 'class="contacts"');
  await until(async () => (await counted()) === deaths * (atOnce + 5) - all, { what: 'all others to be counted' });
  expect(await replica.status()).toMatchObject({
    workers: { requestsLost: all, each: [{ restarts: 6 }, { restarts: 6 }] },
  });
});
