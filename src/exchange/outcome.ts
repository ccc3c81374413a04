/** How a stage may end other than by handing the exchange on. Expected ends are values; an exception is a bug. */
import type { Fields } from '../http/fields.ts';
import type { Admitted } from './exchange.ts';
import type { KeptAnswer, Refusal, RefusalName } from './refusals.ts';
import type { Signal } from './signal.ts';

/** The caller has hung up: there is nobody to answer. */
export interface Gone {
  readonly kind: 'gone';
}
export const gone: Gone = { kind: 'gone' };

/**
 * Why an answer was cut off though its caller had not hung up: it took too little of it, the Coreapp's own broke off or
 * paused too long, the disk did not give back what waited for the caller, or Weir has stopped.
 */
export type CutCause = 'callerSlow' | 'coreappBroke' | 'coreappTimeout' | 'diskFailed' | 'stopping';

/** The Coreapp's answer has gone to the caller, whole or cut off. */
interface Passed {
  readonly kind: 'passed';
  readonly status: number;
  /** Null: it is whole. */
  readonly cut: CutCause | null;
}

/** The request may be sent again. */
export interface Replay {
  readonly kind: 'replay';
  readonly reason: ReplayReason;
  /** What the Coreapp asked to wait, milliseconds; 0: nothing. */
  readonly pauseMs: number;
  /** What the caller is told if no time is left for that; null: the Coreapp refused, so the line speaks for itself. */
  readonly otherwise: RefusalName | null;
  /** By which rule; not there: by none. */
  readonly signal?: Signal;
  /** The answer that asked for it, where it may be told to others. */
  readonly answer?: KeptAnswer;
}

/** What standing in line came to. */
export type Admission = Admitted | Refusal | Gone;

/** What sending came to. */
export type Attempt = Passed | Replay | Refusal | Gone;

/**
 * Why a request goes again: a limit of rate, a limit of load, nothing written, its slot closed before that, or an
 * exchange that broke and may be repeated.
 */
export type ReplayReason = 'throttled' | 'overloaded' | 'unsent' | 'late' | 'broken';

/** An answer of Weir's own. */
export interface Page {
  readonly kind: 'page';
  readonly status: number;
  /** Fields of its own; the answering stage adds the ones that every answer has. */
  readonly fields: Fields;
  readonly body: string;
}

/** How a request may end. */
export type Outcome = Passed | Page | Refusal | Gone;
