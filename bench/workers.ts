/**
 * Two workers against one, on a Redis: requests a second, and CPU a request of all processes together. Then two workers of
 * which one is killed every second: who loses a request, and what the limit came to.
 *
 *     npm run bench:workers
 *     npm run bench:workers -- --workers 4 --seconds 60
 *
 * Load and upstream need cores of their own: on a machine with fewer than four, requests a second say how the cores are
 * shared, and CPU a request says what free ones would give. Where net.ipv4.tcp_migrate_req is 0, connections that a killed
 * worker had not accepted break as well, which Weir cannot count; `unshare -n` with `ip link set lo up` gives a network of
 * one's own, in which it can be 1. Exit code 1 where a request failed that was in no worker when
 * that was killed, where more was sent than the limit allows, or where a worker was not started again.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ask } from '../test/support/ask.ts';
import { testFile } from '../test/support/files.ts';
import { excess, tolerance } from '../test/support/fleet.ts';
import { startRedis } from '../test/support/redis.ts';
import { login, type RunningWeir, startWeir as startServe, startSimulatorProcess } from '../test/support/weir.ts';
import { messageOf, startChild } from './child.ts';
import { number, run } from './command.ts';
import { startWeir, type Weir } from './contestants.ts';
import { cpuMs, residentKb } from './cpu.ts';
import { median } from './figures.ts';
import { Load } from './measure.ts';

const rounds = 12;
const roundMs = 1_000;
const quota = { rate: 190, burst: 60 };
const ratePerS = 150;
const killEveryMs = 1_000;
/** So some are in flight in each worker at any time. */
const latencyMs = 100;

/** Of a process and those that it has started. */
function cpuOfAll(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  return [pid, ...children.map(Number)].reduce((sum, one) => sum + cpuMs(one), 0);
}

interface Cost {
  readonly requestsPerSecond: number;
  /** Of all processes together. */
  readonly cpuUs: number;
}

/**
 * One worker, several, and as many replicas of one worker each, all busy at once: the last say what this machine has to give to
 * processes that share nothing but Redis, when all of its cores are busy.
 */
async function throughput(workers: number, redisUrl: string): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const upstream = opened.use(startChild('bench/upstream.ts'));
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  const start = async (count: number): Promise<Weir> => {
    const env = { REDIS_URL: redisUrl, WEIR_WORKERS: `${count}` };
    return opened.use(await startWeir(`http://127.0.0.1:${port}`, [], '', undefined, undefined, null, env));
  };
  const apart = await Promise.all(Array.from({ length: workers }, () => start(1)));
  const several = await start(workers);
  const loads = apart.map(() => opened.use(new Load()));
  const [one] = apart as [Weir, ...Weir[]];
  // One load for each worker, also where all of them serve one port.
  const ways = { alone: [one], together: apart.map(() => several), apart };
  for (const targets of Object.values(ways))
    await Promise.all(targets.map((weir, i) => (loads[i] as Load).warmUp(weir)));
  const measured = async (targets: readonly Weir[]): Promise<Cost> => {
    const pids = [...new Set(targets.map(({ child }) => child.pid))];
    const spent = (): number => pids.reduce((sum, pid) => sum + cpuOfAll(pid), 0);
    const before = spent();
    const told = await Promise.all(targets.map((weir, i) => (loads[i] as Load).on(weir, roundMs)));
    const requests = told.reduce((sum, one) => sum + one.requests, 0);
    const requestsPerSecond = told.reduce((sum, one) => sum + one.requestsPerSecond, 0);
    return { requestsPerSecond, cpuUs: ((spent() - before) * 1_000) / requests };
  };
  const names = ['alone', 'together', 'apart'] as const;
  const found: Record<(typeof names)[number], Cost>[] = [];
  for (let round = 0; round < rounds; round++) {
    const costs: Partial<Record<(typeof names)[number], Cost>> = {};
    for (const name of round % 2 === 0 ? names : names.toReversed()) costs[name] = await measured(ways[name]);
    found.push(costs as Record<(typeof names)[number], Cost>);
  }
  const ratio = (of: 'together' | 'apart', to: 'alone' | 'apart', figure: keyof Cost): number =>
    median(found.map((costs) => costs[of][figure] / costs[to][figure]));
  const against = (what: string, of: 'together' | 'apart', to: 'alone' | 'apart'): string =>
    `${what}: requests a second ${ratio(of, to, 'requestsPerSecond').toFixed(2)}, CPU a request ${ratio(of, to, 'cpuUs').toFixed(3)}`;
  const core = workers / ratio('together', 'apart', 'cpuUs');
  console.log(
    [
      `on ${availableParallelism()} cores, load and upstream included:`,
      against(`${workers} workers against one`, 'together', 'alone'),
      against(`${workers} replicas of one worker against one`, 'apart', 'alone'),
      `${against(`${workers} workers against these`, 'together', 'apart')}; with a core for each worker that is ${core.toFixed(2)} times the requests of one`,
    ].join('\n'),
  );
}

interface Told {
  readonly beganAt: number;
  readonly endedAt: number;
  /** A status, or the code of how the connection broke. */
  readonly end: number | string;
}

async function tell(weir: RunningWeir, token: string): Promise<Told> {
  const beganAt = performance.now();
  const fields = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = { to: '16315551000', type: 'text', text: { body: 'hello' } };
  const end = await ask('POST', `${weir.url}/v1/messages`, { fields, body }).then(
    ({ status }) => status,
    ({ code }: NodeJS.ErrnoException) => code ?? 'no code',
  );
  return { beganAt, endedAt: performance.now(), end };
}

interface WorkersStatus {
  readonly workers: { readonly each: readonly { readonly pid: number | null; readonly state: string }[] };
}

const workersOf = async (weir: RunningWeir) =>
  ((await ask('GET', `${weir.opsUrl}/status`)).json as WorkersStatus).workers.each;

/** When a worker was killed, and when its parent had seen its end: until then the system may give it connections. */
interface Kill {
  readonly at: number;
  readonly goneAt: number;
}

/** What the parent has: MiB of resident memory, and descriptors. */
const parentOf = ({ process: { pid } }: RunningWeir) => ({
  mib: Math.round(residentKb(pid) / 1_024),
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
});

/** Kills the workers in turn, each time one while all serve. */
async function killing(weir: RunningWeir, seconds: number): Promise<Kill[]> {
  const kills: Kill[] = [];
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    await pause(killEveryMs);
    const each = await workersOf(weir);
    const victim = each[kills.length % each.length];
    if (victim === undefined || victim.pid === null || each.some(({ state }) => state !== 'serving')) continue;
    process.kill(victim.pid, 'SIGKILL');
    const at = performance.now();
    while ((await workersOf(weir)).some(({ pid }) => pid === victim.pid)) await pause(5);
    kills.push({ at, goneAt: performance.now() });
  }
  return kills;
}

async function counter(weir: RunningWeir, name: string): Promise<number> {
  const { text } = await ask('GET', `${weir.opsUrl}/metrics`);
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

async function kills(workers: number, seconds: number, redisUrl: string): Promise<void> {
  const yaml = `ops: {figuresMaxAgeMs: 0}\nlimits: {messages: ${JSON.stringify(quota)}}\n`;
  await using config = await testFile('weir.yaml', yaml);
  await using simulator = await startSimulatorProcess(['--no-limits', '--latency-ms', `${latencyMs}`]);
  await using weir = await startServe({
    COREAPP_URL: simulator.url,
    REDIS_URL: `${redisUrl}/1`,
    WEIR_WORKERS: `${workers}`,
    WEIR_CONFIG: config.path,
  });
  const token = await login(weir.url);
  const requests: Promise<Told>[] = [];
  const pacer = setInterval(() => requests.push(tell(weir, token)), 1_000 / ratePerS);
  const before = parentOf(weir);
  const killed = await killing(weir, seconds);
  clearInterval(pacer);
  const told = await Promise.all(requests);
  const failed = told.filter(({ end }) => end !== 201);
  const unexplained = failed.filter(
    ({ beganAt, endedAt }) => !killed.some(({ at, goneAt }) => beganAt <= goneAt && endedAt >= at),
  );
  while ((await workersOf(weir)).some(({ state }) => state !== 'serving')) await pause(50);
  const after = parentOf(weir);
  const restarts = await counter(weir, 'weir_worker_restarts_total');
  const lost = await counter(weir, 'weir_worker_requests_lost_total');
  const surplus = excess(
    quota,
    (await simulator.arrivals('messages')).map(([at]) => at),
  );
  console.log(
    `${told.length} requests, ${killed.length} kills in ${seconds} s: ${failed.length} failed, ` +
      `${unexplained.length} of them in no worker that was killed; Weir counted ${lost} lost and ${restarts} restarts; ` +
      `surplus over the limit: ${surplus.toFixed(1)} (tolerated: ${tolerance(quota).toFixed(1)}); ` +
      `the parent had ${before.mib} MiB and ${before.descriptors} descriptors, and has ${after.mib} and ${after.descriptors}`,
  );
  const migrates = '/proc/sys/net/ipv4/tcp_migrate_req';
  if (existsSync(migrates)) console.log(`${migrates}: ${readFileSync(migrates, 'latin1').trim()}`);
  for (const { end } of unexplained.slice(0, 5)) console.log(`  unexplained: ${end}`);
  if (unexplained.length > 0 || surplus > tolerance(quota) || restarts !== killed.length) process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { workers: { type: 'string', default: '2' }, seconds: { type: 'string', default: '20' } },
  });
  const workers = number('--workers', values.workers, 2, 64);
  const seconds = number('--seconds', values.seconds, 1, 3_600);
  await using redis = await startRedis();
  await throughput(workers, redis.url);
  await kills(workers, seconds, redis.url);
}

await run(main);
