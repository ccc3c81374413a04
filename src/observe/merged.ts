/**
 * One snapshot of several workers, which are one replica: a rule for each figure. What they take is added up, and what
 * they may take. Of what all see alike the worst is shown: the longest wait and pause, the lowest level, the store that
 * is away. The types demand a rule for a figure that is new.
 */
import type { AnswersSnapshot } from '../bodies/answers.ts';
import type { DiskSnapshot } from '../bodies/disk.ts';
import { type LinesLeftOut, noneLeftOut } from './ports.ts';
import type {
  BucketSnapshot,
  LanesSnapshot,
  LineSnapshot,
  PermitsSnapshot,
  Persistence,
  Snapshot,
  StoreSnapshot,
} from './snapshot.ts';

type Rule<Value> = (values: readonly Value[]) => Value;
export type Rules<Figures> = { readonly [Name in keyof Figures]: Rule<Figures[Name]> };

export const sum: Rule<number> = (values) => values.reduce((total, value) => total + value, 0);
const most: Rule<number> = (values) => Math.max(...values);
const least: Rule<number> = (values) => Math.min(...values);
const some: Rule<boolean> = (values) => values.includes(true);
const every: Rule<boolean> = (values) => !values.includes(false);
export const same = <Value>(values: readonly Value[]): Value => values[0] as Value;
const all: Rule<readonly string[]> = (lists) => [...new Set(lists.flat())];
const known: Rule<Persistence> = (values) => values.find((value) => value !== 'unknown') ?? 'unknown';

const line: Rules<LineSnapshot> = {
  class: same,
  requests: sum,
  requestsMax: sum,
  callers: sum,
  bytes: sum,
  bytesMax: sum,
  bytesOnDisk: sum,
  oldestMs: most,
};

const bucket: Rules<BucketSnapshot> = {
  class: same,
  rate: most,
  burst: most,
  live: most,
  level: least,
  slotsHeld: sum,
  pausedMs: most,
  bulkPausedMs: most,
};

const lanes: Rules<LanesSnapshot> = { class: same, limit: same, live: most, parked: sum, paused: most };

const permits: Rules<PermitsSnapshot> = {
  class: same,
  inUse: sum,
  limit: sum,
  probing: some,
  pausedMs: most,
};

const answers: Rules<AnswersSnapshot> = {
  waiting: sum,
  memoryBytes: sum,
  memoryBytesMax: sum,
  files: sum,
  filesMax: sum,
  diskBytes: sum,
  diskBytesMax: sum,
};

const disk: Rules<DiskSnapshot> = { files: sum, filesMax: sum, bytes: sum, bytesMax: sum };

const store: Rules<StoreSnapshot> = { kind: same, up: every, fallback: some, persistence: known, lacks: all };

const leftOut: Rules<LinesLeftOut> = { sample: sum, slowReader: sum, notWritten: sum };

/** What the workers of a replica have in common, and their parent knows. */
type OfParent = 'config' | 'ready' | 'stopping' | 'workers';

/** What moves in each class. */
export type ClassFigures = Pick<Snapshot, 'lines' | 'buckets' | 'lanes' | 'permits'>;

const figures: Rules<ClassFigures> = {
  lines: (lists) => byClass(line, lists),
  buckets: (lists) => byClass(bucket, lists),
  lanes: (lists) => byClass(lanes, lists, ({ limit }) => limit),
  permits: (lists) => byClass(permits, lists),
};

const snapshot: Rules<Omit<Snapshot, OfParent>> = {
  ...figures,
  answers: (ones) => merged(answers, ones),
  disk: (ones) => merged(disk, ones),
  store: (ones) => merged(store, ones),
  log: (ones) => ({ leftOut: addedLeftOut(ones.map((one) => one.leftOut)) }),
  connections: sum,
};

/** When no worker has said anything. */
const nothing: Omit<Snapshot, OfParent> = {
  lines: [],
  buckets: [],
  lanes: [],
  permits: [],
  answers: Object.fromEntries(Object.keys(answers).map((name) => [name, 0])) as unknown as AnswersSnapshot,
  disk: { files: 0, filesMax: 0, bytes: 0, bytesMax: 0 },
  store: { kind: 'redis', up: false, fallback: false, persistence: 'unknown', lacks: [] },
  log: { leftOut: noneLeftOut },
  connections: 0,
};

export function mergedSnapshot(ofWorkers: readonly Snapshot[], ofParent: Pick<Snapshot, OfParent>): Snapshot {
  return { ...(ofWorkers.length === 0 ? nothing : merged(snapshot, ofWorkers)), ...ofParent };
}

/** Over all. */
export const mergedFigures = (ones: readonly ClassFigures[]): ClassFigures => merged(figures, ones);

/** Counts of lines, added up. */
export const addedLeftOut = (ones: readonly LinesLeftOut[]): LinesLeftOut => merged(leftOut, ones);

function merged<Figures extends object>(rules: Rules<Figures>, ones: readonly Figures[]): Figures {
  const names = Object.keys(rules) as (keyof Figures)[];
  return Object.fromEntries(names.map((name) => [name, rules[name](ones.map((one) => one[name]))])) as Figures;
}

/** A class that only some of them have yet, since they are being reloaded, is shown by what these say. */
export function byClass<Figures extends { readonly class: string }>(
  rules: Rules<Figures>,
  lists: readonly (readonly Figures[])[],
  of: (one: Figures) => string = () => '',
): Figures[] {
  const groups = Map.groupBy(lists.flat(), (one) => `${one.class} ${of(one)}`);
  return [...groups.values()].map((ones) => merged(rules, ones));
}
