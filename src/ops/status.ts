/** `/status`: the snapshot, and what is asked for besides. */
import type { URLSearchParams } from 'node:url';
import { type FleetCards, figuresOf, replicasOf } from '../observe/fleet-view.ts';
import { callersTogether, mergedCallers, mergedRecent } from '../observe/merged-views.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import type { CallersView, CallerView, RecentFigures } from '../observe/views.ts';
import type { Names } from './names.ts';
import { json, type OpsPage, problem } from './page.ts';
import type { Look, OpsSources } from './ports.ts';
import { type PageQuery, readQuery, type StatusQuery } from './query.ts';

/** Who looks. */
export interface Viewer {
  readonly isOperator: boolean;
  readonly names: Names;
}

/** The page sees this. */
export const wholeView = (chosen: PageQuery): StatusQuery => ({ class: null, callers: 10, recent: true, ...chosen });

export async function statusPage(sources: OpsSources, query: URLSearchParams, viewer: Viewer): Promise<OpsPage> {
  const read = readQuery(query);
  if ('contentType' in read) return read;
  const status = await statusOf(sources, read, viewer);
  if (status !== null) return json(200, status);
  const { lines } = await sources.snapshot();
  const known = lines.map((line) => line.class).join(', ');
  return problem(404, 'No such class', `class=${read.class}: there is no such class. There are ${known}.`);
}

/** Null: there is no such class. */
export async function statusOf(sources: OpsSources, query: StatusQuery, viewer: Viewer): Promise<object | null> {
  const { look } = sources;
  const fleet = query.fleet ? ((await look?.fleet()) ?? null) : null;
  const snapshot = await sources.snapshot();
  const { ready, why } = sources.ready();
  const shown = fleet === null ? snapshot : { ...snapshot, ...figuresOf(fleet.cards) };
  const told = { ...chosen(shown, query), ready, why };
  if (query.class !== null && told.lines.length === 0) return null;
  if (look === undefined) return told;
  const isPlain = query.callers === null && !query.recent && fleet === null;
  if (isPlain) return told;
  const names = told.lines.map((line) => line.class);
  return {
    at: new Date().toISOString(),
    replica: await look.about(),
    ...(fleet === null ? {} : { fleet: fleetTold(fleet) }),
    ...told,
    ...(query.callers === null ? {} : named(await callersIn(fleet ?? look, names, query.callers), viewer)),
    ...(query.recent ? { recent: await recentIn(fleet ?? look) } : {}),
    ...(await ordersTold(sources, viewer)),
  };
}

const fleetTold = ({ cards, silent, complete }: FleetCards): object => ({
  replicas: replicasOf(cards),
  silent,
  complete,
});

async function recentIn(from: FleetCards | Look): Promise<RecentFigures> {
  return 'cards' in from ? mergedRecent(from.cards.map(({ recent }) => recent)) : await from.recent();
}

function chosen(snapshot: Snapshot, { class: name, idle }: StatusQuery): Snapshot {
  const isAsked = (one: { readonly class: string }): boolean => name === null || one.class === name;
  const busy = busyClasses(snapshot);
  const isTold = (one: { readonly class: string }): boolean => isAsked(one) && (idle || busy.has(one.class));
  return {
    ...snapshot,
    lines: snapshot.lines.filter(isTold),
    buckets: snapshot.buckets.filter(isTold),
    permits: snapshot.permits.filter(isTold),
  };
}

/** A class is idle if nobody waits, nothing is in flight, its bucket is full, and nothing pauses. */
function busyClasses({ lines, buckets, permits }: Snapshot): Set<string> {
  const busy = [
    ...lines.filter(({ requests, bytes }) => requests + bytes > 0),
    ...buckets.filter(({ level, burst, pausedMs, bulkPausedMs }) => level < burst || pausedMs + bulkPausedMs > 0),
    ...permits.filter(({ inUse, probing }) => inUse > 0 || probing),
  ];
  return new Set(busy.map((one) => one.class));
}

/** What an operator has ordered; callers that it names are names, too. */
async function ordersTold({ steer }: OpsSources, { names, isOperator }: Viewer): Promise<object> {
  if (steer === undefined) return {};
  const { reach, inForce } = await steer.inForce();
  const told = inForce.map(({ order, leftMs }) => ({
    order: order.kind === 'pauseCaller' ? { ...order, caller: names.of(order.caller, isOperator) } : order,
    leftMs,
  }));
  return { steering: { reach, inForce: told } };
}

async function callersIn(from: FleetCards | Look, names: readonly string[], max: number): Promise<CallersView> {
  if ('cards' in from) {
    const isAsked = (one: CallerView): boolean => names.includes(one.class);
    const views = from.cards.map(({ callers: { callers, more } }) => ({ callers: callers.filter(isAsked), more }));
    return mergedCallers(views, max);
  }
  const views = (await Promise.all(names.map(async (name) => await from.callers(name, max)))).filter(
    (view) => view !== null,
  );
  return callersTogether(views);
}

const named = ({ callers, more }: CallersView, { names, isOperator }: Viewer): CallersView => ({
  callers: callers.map((one) => ({ ...one, caller: names.of(one.caller, isOperator) })),
  more,
});

const requestsPath = '/status/requests/';

export function isWaitPath(path: string): boolean {
  return path.startsWith(requestsPath);
}

/** Why a request waits. */
export async function waitPage({ look }: OpsSources, path: string, viewer: Viewer): Promise<OpsPage> {
  const id = decoded(path.slice(requestsPath.length));
  const search = id === null ? undefined : await look?.wait(id);
  const found = search?.found ?? null;
  if (found !== null) return json(200, { ...found, caller: viewer.names.of(found.caller, viewer.isOperator) });
  const nobody = 'No request with this X-Request-Id waits';
  const detail =
    search?.complete === false
      ? `${nobody} in this replica, and not all others have answered. Ask again, or ask each replica.`
      : `${nobody}: it was answered, is in flight, or never came.`;
  return problem(404, 'No such request waits', detail);
}

/** Null: it is no text in UTF-8. */
export function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
