import { classOfBucket } from '../../admission/rate/scope.ts';
import type { CutCause, ReplayReason } from '../../exchange/outcome.ts';
import { type RefusalName, refusalTable } from '../../exchange/refusals.ts';
import type { RouteClass } from '../../exchange/route.ts';
import type { AnswerFigure } from '../../observe/figures.ts';
import {
  type HoldOutcome,
  type Meter,
  type ReloadResult,
  reloadResults,
  type SpanOutcome,
  spanOutcomes,
} from '../../observe/ports.ts';
import type { Totals } from '../../observe/recent.ts';
import { ByStatus, Histogram } from './counts.ts';
import { Lately } from './lately.ts';

type ClassLabel = RouteClass;
type SlotSource = Parameters<Meter['reserved']>[1];

const answerBoundsMs = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];
const holdBoundsMs = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000, 60_000];
/** For those who hold longer than that. */
const longHoldBoundsMs = [120_000, 300_000, 600_000];

/** Up to the first bound that is no less than the longest hold time. */
function holdBoundsFor(holdMaxMs: number): readonly number[] {
  const all = [...holdBoundsMs, ...longHoldBoundsMs];
  const last = all.findIndex((bound) => bound >= holdMaxMs);
  return last === -1 ? all : all.slice(0, Math.max(holdBoundsMs.length, last + 1));
}
const storeBoundsMs = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250];

/** Any other method is counted as `other`: callers can invent methods, and each label value lives for ever. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The names of store calls come from the code; this only keeps a mistake there from growing without bound. */
const storeCallsMax = 32;

export class ClassTally {
  readonly answers = new Map<string, ByStatus>();
  readonly duration = new Histogram(answerBoundsMs);
  readonly holds: Readonly<Record<HoldOutcome, Histogram>>;
  readonly coreapp = new ByStatus();
  readonly coreappDuration = new Histogram(answerBoundsMs);
  readonly replays: Record<ReplayReason, number> = { throttled: 0, overloaded: 0, unsent: 0, late: 0, broken: 0 };
  readonly cuts: Record<CutCause, number> = {
    callerSlow: 0,
    coreappBroke: 0,
    coreappTimeout: 0,
    diskFailed: 0,
    stopping: 0,
  };
  alarms = 0;
  refusals = 0;
  readonly slots: Record<SlotSource, number> = { store: 0, fallback: 0, memory: 0 };

  constructor(boundsMs: readonly number[]) {
    this.holds = { sent: new Histogram(boundsMs), refused: new Histogram(boundsMs), gone: new Histogram(boundsMs) };
  }

  answersTo(method: string): ByStatus {
    return this.answers.get(method) ?? this.#firstOf(methods.has(method) ? method : 'other');
  }

  #firstOf(method: string): ByStatus {
    let answers = this.answers.get(method);
    if (answers === undefined) {
      answers = new ByStatus();
      this.answers.set(method, answers);
    }
    return answers;
  }
}

export interface StoreCallTally {
  readonly ok: Histogram;
  readonly error: Histogram;
}

/** The hot side of the meter: it only adds. `families.ts` reads it at each scrape. */
export class Tally implements Meter {
  readonly #wallMs: () => number;
  /** The same for all classes, so that they can be added up. */
  #holdBoundsMs: readonly number[];
  readonly #none: ClassTally;
  readonly classes: Map<string, ClassTally>;
  readonly refusals: Readonly<Record<RefusalName, number>> = Object.fromEntries(
    Object.keys(refusalTable).map((name) => [name, 0]),
  ) as Record<RefusalName, number>;
  /** What narrow limits whose requests cost more than one have given: by the limit's name, `class~number`. */
  readonly narrow = new Map<string, { charged: number; used: number }>();
  readonly storeCalls = new Map<string, StoreCallTally>();
  readonly monitoringTokens = new Lately();
  readonly reloads: Readonly<Record<ReloadResult, number>> = Object.fromEntries(
    reloadResults.map((result) => [result, 0]),
  ) as Record<ReloadResult, number>;

  readonly spanCounts: Readonly<Record<SpanOutcome, number>> = Object.fromEntries(
    spanOutcomes.map((outcome) => [outcome, 0]),
  ) as Record<SpanOutcome, number>;

  /**
   * @param classes all, so that each is told from the start
   * @param holdMaxMs the longest that a request of any of them may be held
   * @param wallMs milliseconds since 1970-01-01 UTC
   */
  constructor(classes: readonly string[], holdMaxMs: number, wallMs: () => number) {
    this.#wallMs = wallMs;
    this.#holdBoundsMs = holdBoundsFor(holdMaxMs);
    this.#none = new ClassTally(this.#holdBoundsMs);
    this.classes = new Map([...classes.map((name) => [name, this.#newTally()] as const), ['none', this.#none]]);
  }

  /** Further classes, or a longer hold time. What is gone keeps its counts and bounds: a counter never goes back. */
  know(classes: readonly string[], holdMaxMs: number): void {
    const bounds = holdBoundsFor(holdMaxMs);
    if (bounds.length > this.#holdBoundsMs.length) {
      this.#holdBoundsMs = bounds;
      for (const { holds } of this.classes.values()) for (const one of Object.values(holds)) one.extend(bounds);
    }
    for (const name of classes) if (!this.classes.has(name)) this.classes.set(name, this.#newTally());
  }

  #newTally(): ClassTally {
    return new ClassTally(this.#holdBoundsMs);
  }

  #observe(histogram: Histogram, ms: number, traceId: string | null): void {
    if (traceId === null) histogram.observe(ms);
    else histogram.observeTraced(ms, traceId, this.#wallMs());
  }

  answered(route: ClassLabel, method: string, status: number, ms: number, traceId: string | null = null): void {
    const tally = this.#of(route);
    tally.answersTo(method).add(status, ms);
    this.#observe(tally.duration, ms, traceId);
  }

  held(route: RouteClass, outcome: HoldOutcome, ms: number, traceId: string | null = null): void {
    this.#observe(this.#of(route).holds[outcome], ms, traceId);
  }

  coreappAnswered(route: RouteClass, status: number | 'failure', ms: number, traceId: string | null = null): void {
    const tally = this.#of(route);
    tally.coreapp.add(status, ms);
    this.#observe(tally.coreappDuration, ms, traceId);
  }

  alarmed(route: RouteClass): void {
    this.#of(route).alarms += 1;
  }

  replayed(route: RouteClass, reason: ReplayReason): void {
    this.#of(route).replays[reason] += 1;
  }

  refused(name: RefusalName, route: ClassLabel = 'none'): void {
    this.#of(route).refusals += 1;
    (this.refusals as Record<RefusalName, number>)[name] += 1;
  }

  cut(route: ClassLabel, cause: CutCause): void {
    this.#of(route).cuts[cause] += 1;
  }

  monitored(expiresAtMs: number): void {
    this.monitoringTokens.saw(expiresAtMs);
  }

  reserved(bucket: string, source: SlotSource, slots: number): void {
    const tally = this.classes.get(bucket) ?? this.#of(classOfBucket(bucket));
    tally.slots[source] += slots;
  }

  settled(bucket: string, charged: number, used: number): void {
    const name = classOfBucket(bucket);
    const tally = this.narrow.get(name) ?? { charged: 0, used: 0 };
    tally.charged += charged;
    tally.used += used;
    this.narrow.set(name, tally);
  }

  storeCalled(call: string, outcome: 'ok' | 'error', ms: number): void {
    this.storeCall(call)[outcome].observe(ms);
  }

  storeCall(call: string): StoreCallTally {
    return this.storeCalls.get(call) ?? this.#firstCall(call);
  }

  reloaded(result: ReloadResult): void {
    (this.reloads as Record<ReloadResult, number>)[result] += 1;
  }

  spans(outcome: SpanOutcome, spans: number): void {
    (this.spanCounts as Record<SpanOutcome, number>)[outcome] += spans;
  }

  /** What has happened since the start, by class. */
  totals(): ReadonlyMap<string, Totals> {
    return new Map([...this.classes].map(([name, tally]) => [name, totalsOf(tally)]));
  }

  *answerFigures(): Iterable<AnswerFigure> {
    for (const [name, figures] of this.classes) {
      for (const [method, answers] of figures.answers) {
        for (const cell of answers.cells()) yield { class: name, method, ...cell };
      }
    }
  }

  #of(label: string): ClassTally {
    return this.classes.get(label) ?? this.#none;
  }

  #firstCall(call: string): StoreCallTally {
    const name = this.storeCalls.size < storeCallsMax ? call : 'other';
    const tally = this.storeCalls.get(name) ?? {
      ok: new Histogram(storeBoundsMs),
      error: new Histogram(storeBoundsMs),
    };
    this.storeCalls.set(name, tally);
    return tally;
  }
}

function totalsOf({ answers, holds, coreapp, replays, refusals }: ClassTally): Totals {
  let came = 0;
  for (const byStatus of answers.values()) for (const { count } of byStatus.cells()) came += count;
  let sent = 0;
  for (const { count } of coreapp.cells()) sent += count;
  // The first bucket is up to a millisecond: those that were sent at once are in it.
  const held = Object.values(holds).reduce((sum, { total, counts }) => sum + total - (counts[0] as number), 0);
  const replayed = Object.values(replays).reduce((sum, count) => sum + count, 0);
  return { came, held, sent, replayed, refused: refusals };
}
