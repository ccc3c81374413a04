/** What several processes tell of callers and of the last 15 minutes, as one view. */
import { byClass, type Rules, same } from './merged.ts';
import type { CallersView, CallerView, RecentFigures, RecentView } from './views.ts';

/** What one process tells of several classes. */
export const callersTogether = (views: readonly CallersView[]): CallersView => ({
  callers: views.flatMap(({ callers }) => callers),
  more: views.reduce((sum, { more }) => sum + more, 0),
});

/**
 * A caller whose connections are of several processes waits in each. Its requests are added up; its place and its turn are
 * the first ones. Its share is that of the turns of the class, in which all lines have the same part: processes that have
 * a line in one bucket get equal shares of it. So the shares of a class add up to 1.
 * @param max how many of each class are told
 */
export function mergedCallers(views: readonly CallersView[], max: number): CallersView {
  const told = callersTogether(views);
  const byCaller = Map.groupBy(told.callers, (one) => `${one.class} ${one.caller}`);
  // Each line has one that comes first.
  const firstOnes = told.callers.filter(({ place }) => place === 1);
  const lines = Map.groupBy(firstOnes, (one) => one.class);
  const merged = [...byCaller.values()].map((ones): CallerView => {
    const first = ones.toSorted(byTurn)[0] as CallerView;
    return {
      ...first,
      requests: ones.reduce((sum, { requests }) => sum + requests, 0),
      share: ones.reduce((sum, { share }) => sum + share, 0) / (lines.get(first.class)?.length ?? 1),
      oldestMs: Math.max(...ones.map(({ oldestMs }) => oldestMs)),
    };
  });
  const classes = [...Map.groupBy(merged, (one) => one.class).values()];
  const callers = classes.flatMap((ones) => ones.toSorted(byTurn).slice(0, max));
  return { callers, more: told.more + merged.length - callers.length };
}

const byTurn = (a: CallerView, b: CallerView): number =>
  (a.turnInMs ?? Number.POSITIVE_INFINITY) - (b.turnInMs ?? Number.POSITIVE_INFINITY) || a.place - b.place;

export const mergedRecent = (all: readonly RecentFigures[]): RecentFigures => ({
  stepMs: all[0]?.stepMs ?? 0,
  classes: byClass(
    recent,
    all.map(({ classes }) => classes),
  ),
});

const recent: Rules<RecentView> = {
  class: same,
  came: addedUp,
  held: addedUp,
  sent: addedUp,
  replayed: addedUp,
  refused: addedUp,
};

/** Steps are counted back from the ones under way: these do not begin at the same moment everywhere. */
function addedUp(series: readonly (readonly number[])[]): number[] {
  const length = Math.max(...series.map((one) => one.length));
  return Array.from({ length }, (_, i) => series.reduce((sum, one) => sum + (one.at(i - length) ?? 0), 0));
}
