/**
 * What floods do to a caller that asks for little: `npm run bench:floods [-- --seconds N] [KIND …]`.
 *
 * For each kind of flood a Weir of its own, and the same small caller twice: alone, then beside the flood. README.md
 * says how to read it. The exit code is 1 where the small caller got a 5xx, another answer than it should have, or
 * none.
 */
import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { basic } from '../test/support/basic.ts';
import { startRedis } from '../test/support/redis.ts';
import { pass } from '../test/support/until.ts';
import { messageOf, startChild } from './child.ts';
import { number, run } from './command.ts';
import { startWeir, type Weir } from './contestants.ts';
import { residentKb } from './cpu.ts';
import { percentile } from './figures.ts';
import { drop, whyNoFirewall } from './floods/firewall.ts';
import type { FloodReport } from './floods/flood.ts';
import { type Cast, type Kind, kinds, names, password } from './floods/kinds.ts';
import type { SmallReport } from './floods/small.ts';
import { Load } from './measure.ts';

/** Under full load, so that the compiler has done its work. */
const warmUpMs = 3_000;
/** From the start of a flood until it has filled what it can. */
const risingMs = 3_000;
/** How long connections that were reset, and bodies that were broken off, may take to be forgotten. */
const settlingMs = 15_000;
/** Connections to the upstream that are kept for the next requests. */
const filesSpare = 64;
/** The last answers of the small caller. */
const answersMaxMs = 70_000;

const aside = '{ rate: 1000000, burst: 1000000 }';

async function main(): Promise<void> {
  const { seconds, wanted } = readOptions();
  console.log(
    `Node ${process.version}; latencies of the small caller in ms, ${seconds} s alone and ${seconds} s beside\n`,
  );
  console.log(
    '| flood | p50 alone | p99 alone | p50 beside | p99 beside | ratio of p50 | ratio of p99 | 5xx | other |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  const floods: string[] = [];
  const noFirewall = whyNoFirewall();
  for (const kind of wanted) {
    if (kind.unheard !== undefined && noFirewall !== null) {
      floods.push(`${kind.name}: left out, since ${noFirewall}`);
      continue;
    }
    if (kind.unheard !== undefined) drop(kind.unheard);
    floods.push(`${kind.name}: ${await play(kind, seconds * 1_000)}`);
  }
  console.log(`\nWhat the floods were answered, and what was left of them:\n${floods.join('\n')}`);
}

/** Prints a row; returns how the flood was answered. */
async function play(kind: Kind, ms: number): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(startChild('bench/floods/upstream.ts'));
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  const redis = kind.redis === true ? stack.use(await startRedis()) : null;
  const settings = `${kind.settings ?? ''}${redis === null ? '' : `redis: { url: "${redis.url}" }\n`}`;
  const limits = `${kind.messages ?? aside}\n  default: ${aside}${kind.limits === undefined ? '' : `\n  ${kind.limits}`}`;
  const weir = stack.use(await startWeir(`http://127.0.0.1:${port}`, [], settings, limits));
  const cast = await castOf(weir, kind.tokens ?? 1);
  const load = stack.use(new Load());
  const caller = stack.use(startChild('bench/floods/small.ts'));
  const asked = { ...kind.small(cast), port: kind.ops === true ? cast.opsPort : cast.port };
  const measured = async (during: () => Promise<void>): Promise<SmallReport> => {
    caller.process.send(asked);
    await during();
    caller.process.send('stop');
    return await messageOf<SmallReport>(caller, 'the small caller to end', answersMaxMs);
  };
  await load.on(weir, warmUpMs);
  const alone = await measured(() => pass(ms));
  const before = stateOf(weir.child.pid);
  const flood = stack.use(startChild('bench/floods/flood.ts'));
  // It stands for machines elsewhere: it must not take Weir's processors, of which a small machine has two.
  setPriority(flood.pid, constants.priority.PRIORITY_LOW);
  flood.process.send({ ...kind.flood(cast), port: asked.port });
  await pass(risingMs);
  const beside = await measured(() => pass(ms));
  flood.process.send('stop');
  const { answers, open } = await messageOf<FloodReport>(flood, 'the flood to end');
  console.log(row(kind.name, alone, beside));
  flood.process.kill('SIGKILL');
  const after = await settled(weir.child.pid, before.files);
  const left = `${before.files} open files and ${before.mb} MB before, ${after.files} and ${after.mb} after`;
  return `${said(answers)}; ${open} connections open; ${left}`;
}

interface State {
  readonly files: number;
  readonly mb: number;
}

function stateOf(pid: number): State {
  return { files: readdirSync(`/proc/${pid}/fd`).length, mb: Math.round(residentKb(pid) / 1_024) };
}

/** As it is once the open files are what they were, or else after a while. */
async function settled(pid: number, files: number): Promise<State> {
  for (let waitedMs = 0; waitedMs < settlingMs && stateOf(pid).files > files + filesSpare; waitedMs += 500)
    await pass(500);
  return stateOf(pid);
}

async function castOf({ port, opsPort, token }: Weir, tokens: number): Promise<Cast> {
  const post = async (path: string, authorization: string, body?: string): Promise<{ users: { token: string }[] }> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    });
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as { users: { token: string }[] };
  };
  const logIn = async (name: string): Promise<string> => {
    return (await post('/v1/users/login', basic(name, password))).users[0]?.token ?? '';
  };
  for (const username of Object.values(names)) {
    await post('/v1/users', `Bearer ${token}`, JSON.stringify({ username, password }));
  }
  const greedy: string[] = [];
  for (let i = 0; i < tokens; i++) greedy.push(await logIn(names.greedy));
  return { port, opsPort, small: await logIn(names.small), greedier: await logIn(names.greedier), greedy };
}

function row(name: string, alone: SmallReport, beside: SmallReport): string {
  const both = { ...count(alone, beside) };
  if (both.failed > 0 || both.others > 0) process.exitCode = 1;
  const at = ({ latenciesMs }: SmallReport, share: number): number => percentile(latenciesMs, share);
  const ratio = (share: number): string => {
    const times = at(beside, share) / at(alone, share);
    return times > 2 ? `**${times.toFixed(1)}**` : times.toFixed(1);
  };
  const cells = [at(alone, 0.5), at(alone, 0.99), at(beside, 0.5), at(beside, 0.99)].map((ms) => ms.toFixed(1));
  const others = both.others === 0 ? '0' : `${both.others} (${said(beside.answers)})`;
  return `| ${[name, ...cells, ratio(0.5), ratio(0.99), both.failed, others].join(' | ')} |`;
}

/** How many answers are a 5xx, and how many neither that nor as they should be. */
function count(...reports: SmallReport[]): { readonly failed: number; readonly others: number } {
  let failed = 0;
  let others = 0;
  for (const [answer, times] of reports.flatMap(({ answers }) => Object.entries(answers))) {
    if (/^5\d\d$/.test(answer)) failed += times;
    else if (!/^(?:2\d\d|101)$/.test(answer)) others += times;
  }
  return { failed, others };
}

function said(answers: Readonly<Record<string, number>>): string {
  return Object.entries(answers)
    .map(([answer, times]) => `${times} × ${answer}`)
    .join(', ');
}

function readOptions(): { readonly seconds: number; readonly wanted: readonly Kind[] } {
  const { values, positionals } = parseArgs({
    options: { seconds: { type: 'string', default: '10' } },
    allowPositionals: true,
  });
  const seconds = number('--seconds', values.seconds, 1, 600);
  const unknown = positionals.find((text) => !kinds.some(({ name }) => name.includes(text)));
  if (unknown !== undefined) {
    throw new Error(`${unknown} is in the name of no flood: ${kinds.map(({ name }) => name).join('; ')}`);
  }
  const wanted = kinds.filter(
    ({ name }) => positionals.length === 0 || positionals.some((text) => name.includes(text)),
  );
  return { seconds, wanted };
}

await run(main);
