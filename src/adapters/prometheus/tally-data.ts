/**
 * What a tally holds as plain data: a worker sends it to its parent, which adds up what all have sent. What is counted
 * anew has to be here, too; test/spec/workers.test.ts holds a tally against its copy.
 */
import type { ClassTally, Tally } from './tally.ts';

type Counts = Readonly<Record<string, number>>;

export type TallyData = ReturnType<typeof dataOf>;

export function dataOf(tally: Tally) {
  return {
    classes: [...tally.classes].map(([name, one]) => [name, classData(one)] as const),
    refusals: tally.refusals,
    narrow: tally.narrow,
    storeCalls: [...tally.storeCalls].map(
      ([call, { ok, error }]) => [call, { ok: ok.data(), error: error.data() }] as const,
    ),
    /** When the first token expires of those seen lately, milliseconds since 1970-01-01 UTC; null: none was. */
    monitoringMs: tally.monitoringTokens.soonestMs(),
    reloads: tally.reloads,
    spanCounts: tally.spanCounts,
  };
}

export function addData(tally: Tally, data: TallyData): void {
  tally.know(
    data.classes.map(([name]) => name),
    0,
  );
  for (const [name, one] of data.classes) addClass(tally.classes.get(name) as ClassTally, one);
  addCounts(tally.refusals, data.refusals);
  for (const [limit, { charged, used }] of data.narrow) tally.settled(limit, charged, used);
  for (const [call, { ok, error }] of data.storeCalls) {
    const calls = tally.storeCall(call);
    calls.ok.add(ok);
    calls.error.add(error);
  }
  if (data.monitoringMs !== null) tally.monitored(data.monitoringMs);
  addCounts(tally.reloads, data.reloads);
  addCounts(tally.spanCounts, data.spanCounts);
}

function classData({ answers, duration, holds, coreapp, coreappDuration, ...counts }: ClassTally) {
  return {
    answers: [...answers].map(([method, cells]) => [method, cells.data()] as const),
    duration: duration.data(),
    holds: { sent: holds.sent.data(), refused: holds.refused.data(), gone: holds.gone.data() },
    coreapp: coreapp.data(),
    coreappDuration: coreappDuration.data(),
    ...counts,
  };
}

function addClass(tally: ClassTally, data: ReturnType<typeof classData>): void {
  for (const [method, cells] of data.answers) tally.answersTo(method).addAll(cells);
  tally.duration.add(data.duration);
  for (const outcome of ['sent', 'refused', 'gone'] as const) tally.holds[outcome].add(data.holds[outcome]);
  tally.coreapp.addAll(data.coreapp);
  tally.coreappDuration.add(data.coreappDuration);
  addCounts(tally.replays, data.replays);
  addCounts(tally.cuts, data.cuts);
  tally.alarms += data.alarms;
  addCounts(tally.slots, data.slots);
}

function addCounts(to: Record<string, number>, counts: Counts): void {
  for (const [name, count] of Object.entries(counts)) to[name] = (to[name] ?? 0) + count;
}
