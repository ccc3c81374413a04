/** What `weir status` and `weir top` show, as lines of text. */
import type { FleetCards, ReplicaView } from '../observe/fleet-view.ts';
import type { Snapshot, StoreSnapshot } from '../observe/snapshot.ts';
import type { StandingOrder, SteeringView } from '../observe/steering.ts';
import type { CallerView, RecentFigures, Turn } from '../observe/views.ts';
import type { AboutReplica } from '../ops/ports.ts';

/** As `/status` answers. */
export interface Shown extends Snapshot {
  readonly replica: AboutReplica;
  /** Where the whole fleet was asked for. */
  readonly fleet?: Omit<FleetCards, 'cards'> & { readonly replicas: readonly ReplicaView[] };
  readonly why: string | null;
  readonly callers: readonly CallerView[];
  readonly more: number;
  readonly recent?: RecentFigures;
  readonly steering?: SteeringView;
}

export function screenOf(shown: Shown): string[] {
  const { replica, ready, why, store, connections } = shown;
  const state = ready ? 'ready' : `not ready: ${why}`;
  return [
    `${replica.name}  Weir ${replica.version}  ${state}  store: ${storeOf(store)}  connections: ${connections}`,
    ...ordersOf(shown),
    ...replicasIn(shown),
    '',
    ...classesOf(shown),
    '',
    ...callersOf(shown),
  ];
}

function storeOf({ kind, up, fallback }: StoreSnapshot): string {
  if (kind === 'memory') return 'memory of this process';
  if (fallback) return 'Redis, which does not answer: this replica goes on alone with its share of the limits';
  return up ? 'Redis' : 'Redis, which does not answer';
}

function ordersOf({ steering }: Shown): string[] {
  const where = steering?.reach === 'fleet' ? 'in all replicas' : 'in this replica';
  return (steering?.inForce ?? []).map(({ order, leftMs }) => {
    const left = leftMs < 60_000 ? seconds(leftMs) : `${Math.ceil(leftMs / 60_000)} min`;
    return `An operator's order: ${plain(wordsOf(order))}, ${where}, for ${left} more.`;
  });
}

function wordsOf(order: StandingOrder): string {
  switch (order.kind) {
    case 'pauseClass':
      return `the class ${order.class} is paused`;
    case 'pauseCaller':
      return `${order.caller} is paused`;
    case 'limit':
      return `the limit of ${order.class} is ${order.rate} a second, ${order.burst} at once`;
    case 'drain':
      return `${order.replica} is drained`;
  }
}

function replicasIn({ fleet }: Shown): string[] {
  if (fleet === undefined) return [];
  const rows = fleet.replicas.map(({ name, ready, fallback, version, workers, requests, connections, hash }) => [
    plain(name),
    `${ready ? 'ready' : 'not ready'}${fallback ? ', alone with its share' : ''}`,
    plain(version),
    ...[workers, requests, connections].map(String),
    plain(hash),
  ]);
  const header = ['REPLICA', 'STATE', 'VERSION', 'PROCESSES', 'WAIT', 'CONNECTIONS', 'CONFIGURATION'];
  const silent =
    fleet.silent > 0 ? [`${fleet.silent} more processes tell nothing: of another version, or just started.`] : [];
  const away = fleet.complete ? [] : ['Redis does not answer: there may be others.'];
  return ['', ...tableOf([header, ...rows]), ...silent, ...away];
}

function classesOf({ lines, buckets, permits, recent }: Shown): string[] {
  if (lines.length === 0) return ['Every class is idle.'];
  const rows = lines.map((line) => {
    const bucket = buckets.find((one) => one.class === line.class);
    const permit = permits.find((one) => one.class === line.class);
    const lately = recent?.classes.find((one) => one.class === line.class);
    const sum = (counts: readonly number[] = []): string => String(counts.reduce((all, one) => all + one, 0));
    return [
      line.class,
      String(line.requests),
      seconds(line.oldestMs),
      bucket === undefined ? '' : `${bucket.level} of ${bucket.burst}, ${bucket.rate}/s`,
      permit === undefined ? '' : `${permit.inUse} of ${Math.floor(permit.limit)}`,
      upstreamOf(bucket?.pausedMs ?? 0, permit?.probing === true),
      ...[lately?.came, lately?.held, lately?.replayed, lately?.refused].map(sum),
    ];
  });
  return tableOf([
    ['CLASS', 'WAIT', 'OLDEST', 'BUCKET', 'IN FLIGHT', 'UPSTREAM', 'CAME IN 15 MIN', 'HELD', 'REPLAYED', 'REFUSED'],
    ...rows,
  ]);
}

function upstreamOf(pausedMs: number, probing: boolean): string {
  if (probing) return 'refuses everything';
  return pausedMs > 0 ? `asked for a pause, ${seconds(pausedMs)} more` : 'takes requests';
}

function callersOf({ callers, more }: Shown): string[] {
  if (callers.length === 0) return ['Nobody waits.'];
  const rows = callers.map(({ class: name, place, caller, requests, share, oldestMs, ...turn }) => [
    name,
    String(place),
    plain(caller),
    String(requests),
    `${Math.round(share * 100)} %`,
    seconds(oldestMs),
    turnOf(turn),
  ]);
  const left = more > 0 ? [`and ${more} more callers`] : [];
  return [...tableOf([['CLASS', 'PLACE', 'CALLER', 'WAIT', 'SHARE', 'OLDEST', 'TURN IN'], ...rows]), ...left];
}

/** At the earliest, and by the share of the replica where others take slots as well. */
function turnOf({ turnInMs, turnByMs }: Turn): string {
  if (turnInMs === null || turnByMs === null) return '';
  const [from, to] = [seconds(turnInMs), seconds(turnByMs)];
  return from === to ? from : `${from.slice(0, -2)} to ${to}`;
}

/** Names come from elsewhere: nothing in them moves the cursor. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e\u00a1-\u{10ffff}]/gu, '?');

const seconds = (ms: number): string => (ms === 0 ? '0 s' : `${(ms / 1_000).toFixed(1)} s`);

function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] as readonly string[]).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] as string).length)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd(),
  );
}
