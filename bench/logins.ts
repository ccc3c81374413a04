/**
 * What a burst of logins does to the requests that Weir forwards meanwhile: `node bench/logins.ts [--rounds N]
 * [--logins N]`.
 *
 * Each round has two phases, one after the other, with the same steady load: alone, then from the moment that the
 * logins start, all at once, until the last of them is answered. README.md says how to read it.
 */
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { pass } from '../test/support/until.ts';
import { type Child, messageOf, startChild } from './child.ts';
import { number, run } from './command.ts';
import { type Contestant, startWeir } from './contestants.ts';
import { percentile } from './figures.ts';
import { Load, requestTo } from './measure.ts';
import type { PacedOrder, PacedReport } from './paced.ts';

/** The most that the burst may add to the 99th percentile of forwarded requests, milliseconds. */
const aimMs = 20;
const requestsASecond = 200;
const aloneMs = 5_000;
/** Longer than a login may wait for its turn (10 s) and be hashed. */
const loginMaxMs = 20_000;
/** So many that no user meets more wrong passwords than the guard allows for a name in an hour, 100. */
const users = 50;
const loginsMax = 800;
const roundsMax = 24;
const userPassword = 'Bench-2027!';

/** Logins come from an address each, so that the guard has no reason to refuse any. */
const settings = 'http: { trustedProxies: [127.0.0.0/8] }\n';

async function main(): Promise<void> {
  const { rounds, logins } = readOptions();
  await using upstream = startChild('bench/upstream.ts');
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  await using weir = await startWeir(`http://127.0.0.1:${port}`, [], settings);
  await using load = startChild('bench/paced.ts');
  await warmUp(weir);
  await addUsers(weir);
  console.log(`Node ${process.version}, ${requestsASecond} requests a second, ${logins} logins, ${rounds} rounds`);
  console.log('forwarded requests, ms: p50 / p99 / max (p99 of how late the load itself was)\n');
  const added: number[] = [];
  const addedAtFirst: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const alone = await latencies(weir, load, () => pass(aloneMs));
    let answers: readonly LoginAnswer[] = [];
    const beside = await latencies(weir, load, async () => {
      answers = await burst(weir.port, round, logins);
    });
    const addedMs = beside.p99 - alone.p99;
    added.push(addedMs);
    addedAtFirst.push(beside.firstP99 - alone.p99);
    console.log(`alone ${said(alone)}, with logins ${said(beside)}: p99 ${signed(addedMs)}; ${tally(answers)}`);
  }
  const median = percentile(added, 0.5);
  console.log(`\nA burst of ${logins} logins adds ${signed(median)} ms to the p99 (median; aim: at most ${aimMs})`);
  console.log(`In its first second alone: ${signed(percentile(addedAtFirst, 0.5))} ms`);
  if (!(median <= aimMs)) process.exitCode = 1;
}

async function warmUp(weir: Contestant): Promise<void> {
  await using load = new Load();
  await load.warmUp(weir);
}

async function addUsers({ port, token }: Contestant): Promise<void> {
  for (let i = 0; i < users; i++) {
    const { statusCode, body: answer } = await request(`http://127.0.0.1:${port}/v1/users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ username: userName(i), password: userPassword }),
    });
    if (statusCode !== 201) throw new Error(`no user could be added: ${statusCode} ${await answer.text()}`);
    await answer.dump();
  }
}

const userName = (i: number): string => `bench-${i % users}`;

interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of the first second. */
  readonly firstP99: number;
  readonly lateP99: number;
}

/** Of the requests forwarded while `phase` lasts. Rejects when any was not answered with a 2xx. */
async function latencies({ port, token }: Contestant, load: Child, phase: () => Promise<void>): Promise<Latencies> {
  const order: PacedOrder = { port, request: requestTo(port, token), rate: requestsASecond };
  load.process.send(order);
  await phase();
  load.process.send('stop');
  const report = await messageOf<PacedReport>(load, 'the load to end');
  if (report.failures > 0) {
    throw new Error(`${report.failures} forwarded requests failed (first: ${report.firstFailure})`);
  }
  return {
    p50: percentile(report.latenciesMs, 0.5),
    p99: percentile(report.latenciesMs, 0.99),
    max: percentile(report.latenciesMs, 1),
    firstP99: percentile(report.latenciesMs.slice(0, requestsASecond), 0.99),
    lateP99: percentile(report.latenessMs, 0.99),
  };
}

interface LoginAnswer {
  readonly status: number;
  readonly ms: number;
}

/** All logins at once, on a connection each; resolves when each has its answer. */
function burst(port: number, round: number, logins: number): Promise<readonly LoginAnswer[]> {
  return Promise.all(Array.from({ length: logins }, (_, i) => logIn(port, round, i)));
}

/** One in two has the right password; of the others one in two names a user that does not exist. */
async function logIn(port: number, round: number, i: number): Promise<LoginAnswer> {
  const isRight = i % 2 === 0;
  const username = i % 4 === 3 ? `nobody-${round}-${i}` : userName(i >> 2);
  const credentials = `${username}:${isRight ? userPassword : `${userPassword}?`}`;
  const startedAt = performance.now();
  const {
    statusCode,
    headers,
    body: answer,
  } = await request(`http://127.0.0.1:${port}/v1/users/login`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'x-forwarded-for': `10.${round}.${i >> 8}.${i & 255}`,
    },
    signal: AbortSignal.timeout(loginMaxMs),
  });
  const text = await answer.text();
  const retryAfter = headers['retry-after'] !== undefined;
  const isDefinite = statusCode === 503 ? retryAfter : statusCode === (isRight ? 200 : 401) && !retryAfter;
  if (!isDefinite) throw new Error(`a ${isRight ? 'right' : 'wrong'} password was answered ${statusCode}: ${text}`);
  return { status: statusCode, ms: performance.now() - startedAt };
}

function tally(answers: readonly LoginAnswer[]): string {
  const counts = [200, 401, 503].map(
    (status) => `${answers.filter((one) => one.status === status).length} × ${status}`,
  );
  const longest = percentile(
    answers.map((one) => one.ms),
    1,
  );
  return `answered ${counts.join(', ')}; the last after ${(longest / 1_000).toFixed(1)} s`;
}

function said({ p50, p99, max, lateP99 }: Latencies): string {
  return `${p50.toFixed(1)} / ${p99.toFixed(1)} / ${max.toFixed(1)} (${lateP99.toFixed(1)})`;
}

function signed(ms: number): string {
  return ms < 0 ? ms.toFixed(1) : `+${ms.toFixed(1)}`;
}

function readOptions(): { readonly rounds: number; readonly logins: number } {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '7' }, logins: { type: 'string', default: '200' } },
  });
  return {
    rounds: number('--rounds', values.rounds, 1, roundsMax),
    logins: number('--logins', values.logins, 1, loginsMax),
  };
}

await run(main);
