/** The whole fleet, as its processes tell of themselves while somebody looks. All of it is JSON. */
import { type ClassFigures, mergedFigures, sum } from './merged.ts';
import type { Snapshot } from './snapshot.ts';
import type { CallersView, RecentFigures, WaitView } from './views.ts';

/** A process, as it tells the others of itself. */
export interface ReplicaCard extends ClassFigures, Pick<Snapshot, 'ready' | 'connections'> {
  /** Of its replica: workers of one have the same. */
  readonly name: string;
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Of the configuration in force. */
  readonly hash: string;
  /** ISO 8601: since when it is in force. */
  readonly loadedAt: string;
  readonly fallback: boolean;
  /** The first ones of each class. */
  readonly callers: CallersView;
  readonly recent: RecentFigures;
  /** Of each request that somebody looks for, by its `X-Request-Id`: why it waits in this process; null: it does not. */
  readonly waits: readonly { readonly id: string; readonly wait: WaitView | null }[];
}

/** How many callers of each class a process tells of. */
export const cardCallersMax = 10;

export interface FleetCards {
  readonly cards: readonly ReplicaCard[];
  /** Processes that are there and tell nothing that this version understands. */
  readonly silent: number;
  /** False: Redis does not answer, so there may be others. */
  readonly complete: boolean;
}

/** A replica in the list of all. */
export interface ReplicaView
  extends Pick<ReplicaCard, 'name' | 'version' | 'startedAt' | 'ready' | 'hash' | 'loadedAt'> {
  /** Processes of it that serve. */
  readonly workers: number;
  /** One of them goes on alone, with its share of the limits. */
  readonly fallback: boolean;
  readonly connections: number;
  /** How many wait. */
  readonly requests: number;
}

/** What moves in each class, over all. A caller that waits in several processes counts once, where all of its class are told. */
export function figuresOf(cards: readonly ReplicaCard[]): ClassFigures {
  const figures = mergedFigures(cards);
  if (cards.some(({ callers }) => callers.more > 0)) return figures;
  const all = new Set(cards.flatMap(({ callers }) => callers.callers.map((one) => `${one.class} ${one.caller}`)));
  const count = (name: string): number => [...all].filter((one) => one.startsWith(`${name} `)).length;
  return { ...figures, lines: figures.lines.map((line) => ({ ...line, callers: count(line.class) })) };
}

/** By name. */
export function replicasOf(cards: readonly ReplicaCard[]): ReplicaView[] {
  const groups = Map.groupBy(cards, ({ name }) => name);
  const views = [...groups.values()].map((ones): ReplicaView => {
    const { name, version } = ones[0] as ReplicaCard;
    const latest = ones.toSorted((a, b) => b.loadedAt.localeCompare(a.loadedAt))[0] as ReplicaCard;
    return {
      name,
      version,
      startedAt: ones.map(({ startedAt }) => startedAt).toSorted((a, b) => a.localeCompare(b))[0] as string,
      ready: ones.some(({ ready }) => ready),
      hash: latest.hash,
      loadedAt: latest.loadedAt,
      workers: ones.length,
      fallback: ones.some(({ fallback }) => fallback),
      connections: sum(ones.map(({ connections }) => connections)),
      requests: sum(ones.flatMap(({ lines }) => lines.map(({ requests }) => requests))),
    };
  });
  return views.toSorted((a, b) => a.name.localeCompare(b.name));
}
