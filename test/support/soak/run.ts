/**
 * A soak run: a Weir between callers of every kind and a Coreapp (and a Redis) with faults of every kind, for some
 * seconds. It uses nothing but what is public: the ports, `/status`, `/metrics`, the simulator's control endpoint.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ask } from '../ask.ts';
import { basic } from '../basic.ts';
import { dice } from '../dice.ts';
import { temporaryFolder } from '../files.ts';
import { startRedis, type TestRedis } from '../redis.ts';
import { pass, until } from '../until.ts';
import { adminPassword, type RunningSimulator, type RunningWeir, startSimulatorProcess, startWeir } from '../weir.ts';
import { type CallerEnd, call } from './callers.ts';
import { stirUp } from './faults.ts';
import { holdingsAtRest, leftovers } from './leftovers.ts';

interface SoakOptions {
  /** The same seed throws the same dice; how the machine interleaves what follows is its own affair. Even: with Redis. */
  readonly seed: number;
  readonly seconds: number;
}

export interface SoakReport {
  readonly seed: number;
  readonly withRedis: boolean;
  readonly callers: number;
  /** How often which answer came; `cut` and `gone` where there was none, or half of one. */
  readonly ends: Readonly<Record<string, number>>;
  /** What went wrong around Weir. */
  readonly faults: readonly string[];
  /** What should not have been. Empty: all is well. */
  readonly problems: readonly string[];
}

const holdMaxMs = 3_000;
const answerTimeoutMs = 700;
const arrivalsPerS = 60;

/** Each token is looked up each time, so that bodies arrive meanwhile. */
const settings = `
auth: {tokenMemoryMs: 0}
coreapp: {connectTimeoutMs: 500, answerTimeoutMs: ${answerTimeoutMs}}
http: {bodyIdleTimeoutMs: 600}
limits:
  default: {rate: 200, burst: 50, holdMaxMs: ${holdMaxMs}, lineMaxRequests: 100, bodyMaxBytes: 100000, lineMaxBytes: 1000000}
  messages: {rate: 100, burst: 50}
  media: {bodyMaxBytes: 4000000, lineMaxBytes: 16000000}
stop: {graceMs: 5000}
`;
const limits = { messages: { ratePerS: 100, burst: 50 }, contacts: { ratePerS: 200, burst: 50 } };

export async function soak({ seed, seconds }: SoakOptions): Promise<SoakReport> {
  const random = dice(seed);
  const withRedis = seed % 2 === 0;
  await using stack = new AsyncDisposableStack();
  const [folder, temporary] = [temporaryFolder(stack.defer.bind(stack)), temporaryFolder(stack.defer.bind(stack))];
  const file = join(folder, 'weir.yaml');
  await writeFile(file, settings);
  const simulator = stack.use(await startSimulatorProcess());
  await simulator.configure({ limits });
  // Users and tokens have to outlive it.
  const redis = withRedis ? stack.use(await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])) : null;
  const env = { COREAPP_URL: simulator.url, WEIR_CONFIG: file, TMPDIR: temporary };
  const weir = stack.use(await startWeir(redis === null ? env : { ...env, REDIS_URL: redis.url }));
  const token = await loginAndLeave(weir);
  if (redis !== null) await allConnected(redis);
  const before = await holdingsAtRest(weir, temporary);
  const saidBefore = weir.process.stderr.length;

  const endsAt = performance.now() + 1_000 * seconds;
  const stirring = stirUp({ simulator, redis, random }, endsAt);
  const deps = { port: Number(new URL(weir.url).port), token, random };
  const calls: Promise<CallerEnd>[] = [];
  while (performance.now() < endsAt) {
    calls.push(call(deps, `${seed}-${calls.length}`));
    await pass((-Math.log(1 - random()) * 1_000) / arrivalsPerS);
  }
  const faults = await stirring;
  const ends = await Promise.all(calls);
  // It closes the connections that are idle, so that what is left then is left over.
  await simulator.configure({ listening: false });
  const problems = [
    ...ends.flatMap(({ wrong }) => (wrong === null ? [] : [wrong])),
    ...(await wrongAtTheCoreapp(simulator, ends)),
    ...(await leftovers(weir, temporary, before)),
    // When it has ended, all that it said has been read.
    ...(await stopped(weir)),
    ...saidOnItsWay(weir, ends),
    ...weir.process.stderr.slice(saidBefore),
  ];
  return { seed, withRedis, callers: calls.length, ends: counted(ends), faults, problems };
}

/** Weir has all its connections to Redis, and listens: they stay. */
async function allConnected({ url }: TestRedis): Promise<void> {
  const client = new Redis(url);
  const isIn = (list: string): boolean => ['accounts', 'buckets'].every((name) => list.includes(`name=weir-${name} `));
  const listens = async () => (await client.pubsub('NUMSUB', 'weir:revoked'))[1] === 1;
  await until(async () => isIn(String(await client.client('LIST'))) && (await listens()), { what: 'all connections' });
  client.disconnect();
}

/** The token of a login whose connection is closed, as is everybody's. */
async function loginAndLeave({ url, opsUrl }: RunningWeir): Promise<string> {
  const authorization = basic('admin', adminPassword);
  const { json } = await ask('POST', `${url}/v1/users/login`, { fields: { authorization } });
  const connections = async (): Promise<number> =>
    ((await (await fetch(`${opsUrl}/status`)).json()) as { connections: number }).connections;
  await until(async () => (await connections()) === 0, { what: 'the connection of the login to close' });
  return json.users[0].token as string;
}

/** No POST was acted on twice, and whoever was told so was served, with the body as it was sent. */
async function wrongAtTheCoreapp(simulator: RunningSimulator, ends: readonly CallerEnd[]): Promise<string[]> {
  const { actedTwice } = await simulator.seen();
  const wrong = actedTwice.ids
    .filter(({ method }) => method === 'POST')
    .map(({ id, acted }) => `${id}: a POST was acted on ${acted} times`);
  const served = ends.filter(({ status }) => status >= 200 && status < 300);
  for (const { id, method, status, sha256 } of served) {
    const acted = await simulator.actedOn(id);
    if (method === 'POST' && acted.times !== 1) wrong.push(`${id}: answered ${status}, acted on ${acted.times} times`);
    if (acted.sha256 !== sha256) wrong.push(`${id}: answered ${status}, and its body was another one than was sent`);
  }
  return wrong;
}

/** Bugs, and requests that ended more than once, or whose end nobody noticed. */
function saidOnItsWay({ process }: RunningWeir, ends: readonly CallerEnd[]): string[] {
  const lines = process.stdout.map((line) => JSON.parse(line) as { msg: string; requestId: string });
  const told = new Map<string, number>();
  for (const { msg, requestId } of lines) if (msg === 'request') told.set(requestId, (told.get(requestId) ?? 0) + 1);
  const miscounted = ends.filter(({ id, end }) => {
    const times = told.get(id) ?? 0;
    return end === 'gone' ? times > 1 : times !== 1;
  });
  return [
    ...lines.filter(({ msg }) => msg.startsWith('a bug')).map((line) => JSON.stringify(line)),
    ...miscounted.map(({ id, end }) => `${id} (${end}) has ${told.get(id) ?? 0} lines in the log`),
  ];
}

async function stopped({ process }: RunningWeir): Promise<string[]> {
  const exit = await process.stop(60_000, 'SIGINT');
  return exit.code === 0 ? [] : [`it ended with ${exit.signal ?? `code ${exit.code}`}`];
}

function counted(ends: readonly CallerEnd[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { end, status } of ends) {
    const name = end === 'answered' ? String(status) : end;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
