/** What a profile may show of what was counted, in the form that its own callers know. */
import type { Family } from './family.ts';
import type { Snapshot } from './snapshot.ts';

export interface Figures {
  /** How many were answered in what time, milliseconds together: of each class, method and status. */
  readonly answers: Iterable<AnswerFigure>;
  readonly snapshot: Snapshot;
  /** How the answers name this replica. */
  readonly node: string;
  /** Since the process started. */
  readonly uptimeSeconds: number;
}

export interface AnswerFigure {
  readonly class: string;
  readonly method: string;
  readonly status: string;
  readonly count: number;
  readonly ms: number;
}

export interface FiguresForm {
  /** Metrics that go before Weir's own. */
  readonly families: (figures: Figures) => Family[];
  /** All of them as JSON. */
  readonly json: (families: readonly Family[]) => string;
}
