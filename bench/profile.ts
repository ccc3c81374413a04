/** Where a proxy spends its time: V8's sampling profiler over the load alone, by who is to blame and by function. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../test/support/files.ts';
import { type ContestantName, startContestant } from './contestants.ts';
import type { Load } from './measure.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const sampleUs = 200;
const topFunctions = 40;

/** As much of a `.cpuprofile` as is read here. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes, one each `timeDeltas` microseconds. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** Where a function lives. */
type Owner = 'own code' | 'undici' | 'node' | 'packages' | 'garbage collector' | 'native';

export async function profile(name: ContestantName, upstream: string, load: Load, ms: number): Promise<string> {
  using opened = new DisposableStack();
  const folder = temporaryFolder(opened.defer.bind(opened));
  let skipUs: number;
  let cpuUs: number;
  {
    const args = ['--cpu-prof', `--cpu-prof-interval=${sampleUs}`, `--cpu-prof-dir=${folder}`];
    await using contestant = await startContestant(name, upstream, args);
    await load.warmUp(contestant);
    skipUs = (performance.now() - contestant.child.startedAt) * 1_000;
    ({ cpuUs } = await load.on(contestant, ms));
  }
  const [file] = readdirSync(folder);
  if (file === undefined) throw new Error(`${name} left no profile`);
  return report(name, JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile, skipUs, cpuUs);
}

/** @param cpuUs CPU a request, which the shares of the samples are laid out on (the profiler's own cost included) */
function report(
  name: ContestantName,
  { nodes, samples, timeDeltas }: CpuProfile,
  skipUs: number,
  cpuUs: number,
): string {
  const blamed = blame(nodes);
  const owners = new Map<string, number>();
  const functions = new Map<string, number>();
  let sinceUs = 0;
  let busyUs = 0;
  for (const [i, id] of samples.entries()) {
    const us = timeDeltas[i] ?? 0;
    sinceUs += us;
    const to = blamed.get(id);
    if (sinceUs < skipUs || to === undefined) continue;
    busyUs += us;
    owners.set(to.owner, (owners.get(to.owner) ?? 0) + us);
    const label = `${to.owner.padEnd(17)}  ${to.label}`;
    functions.set(label, (functions.get(label) ?? 0) + us);
  }
  const rows = (figures: ReadonlyMap<string, number>, only: (label: string) => boolean, most: number): string[] =>
    [...figures]
      .filter(([label]) => only(label))
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([label, us]) => `${((us / busyUs) * cpuUs).toFixed(2).padStart(7)}  ${label}`);
  const isOwn = (label: string): boolean => label.startsWith('own code');
  return [
    `${name}: ${cpuUs.toFixed(1)} µs a request under the profiler; µs a request of self time, built-ins charged to their callers`,
    ...rows(owners, () => true, 10),
    '\nIts own code:',
    ...rows(functions, isOwn, topFunctions),
    '\nBelow it:',
    ...rows(functions, (label) => !isOwn(label), topFunctions),
  ].join('\n');
}

interface Blame {
  readonly owner: Owner;
  readonly label: string;
}

/** For each node, who is to blame for its self time; nobody while the process was idle. */
function blame(nodes: readonly ProfileNode[]): ReadonlyMap<number, Blame> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const blamed = new Map<number, Blame>();
  const visit = (node: ProfileNode, above: Blame | null): void => {
    const own = blameOf(node, above);
    if (own !== null) blamed.set(node.id, own);
    for (const id of node.children ?? []) visit(byId.get(id) as ProfileNode, own);
  };
  const [top] = nodes;
  if (top !== undefined) visit(top, null);
  return blamed;
}

function blameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode, above: Blame | null): Blame | null {
  if (functionName === '(idle)' || functionName === '(root)') return null;
  if (functionName === '(garbage collector)') return { owner: 'garbage collector', label: '' };
  // Built-ins (strings, maps, regular expressions) have no file: what they cost is their caller's doing.
  if (url === '') return above ?? { owner: 'native', label: functionName };
  const owner = ownerOf(url);
  const file = url.startsWith('file://') ? relative(root, fileURLToPath(url)) : url;
  return { owner, label: `${functionName || '(anonymous)'}  ${file.replace('node_modules/', '')}:${lineNumber + 1}` };
}

function ownerOf(url: string): Owner {
  if (url.startsWith('node:')) return 'node';
  if (url.includes('/node_modules/undici/')) return 'undici';
  return url.includes('/node_modules/') ? 'packages' : 'own code';
}
