/** What several processes tell of callers and of the last 15 minutes, as one view. */
import type { CallersView, CallerView, RecentFigures, RecentView } from './views.ts';

/**
 * A caller whose connections are of several processes waits in each. Its requests are added up; its place and its turn are
 * the first ones, its share is that of the line where it has most.
 * @param max how many of each class are told
 */
export function mergedCallers(views: readonly CallersView[], max: number): CallersView {
  const byCaller = Map.groupBy(
    views.flatMap(({ callers }) => callers),
    (one) => `${one.class} ${one.caller}`,
  );
  const merged = [...byCaller.values()].map((ones): CallerView => {
    const first = ones.toSorted(byTurn)[0] as CallerView;
    return {
      ...first,
      requests: ones.reduce((sum, { requests }) => sum + requests, 0),
      share: Math.max(...ones.map(({ share }) => share)),
      oldestMs: Math.max(...ones.map(({ oldestMs }) => oldestMs)),
    };
  });
  const byClass = [...Map.groupBy(merged, (one) => one.class).values()];
  const callers = byClass.flatMap((ones) => ones.toSorted(byTurn).slice(0, max));
  const more = views.reduce((sum, view) => sum + view.more, 0) + merged.length - callers.length;
  return { callers, more };
}

const byTurn = (a: CallerView, b: CallerView): number =>
  (a.turnInMs ?? Number.POSITIVE_INFINITY) - (b.turnInMs ?? Number.POSITIVE_INFINITY) || a.place - b.place;

/** Steps are counted back from the ones under way: these do not begin at the same moment everywhere. */
export function mergedRecent(all: readonly RecentFigures[]): RecentFigures {
  const byClass = Map.groupBy(
    all.flatMap(({ classes }) => classes),
    (one) => one.class,
  );
  const classes = [...byClass].map(
    ([name, ones]): RecentView => ({
      class: name,
      came: addedUp(ones.map(({ came }) => came)),
      held: addedUp(ones.map(({ held }) => held)),
      sent: addedUp(ones.map(({ sent }) => sent)),
      replayed: addedUp(ones.map(({ replayed }) => replayed)),
      refused: addedUp(ones.map(({ refused }) => refused)),
    }),
  );
  return { stepMs: all[0]?.stepMs ?? 0, classes };
}

function addedUp(series: readonly (readonly number[])[]): number[] {
  const length = Math.max(...series.map((one) => one.length));
  return Array.from({ length }, (_, i) => series.reduce((sum, one) => sum + (one.at(i - length) ?? 0), 0));
}
