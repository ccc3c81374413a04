/** What an operator sees beyond the snapshot: who waits, for what, and what has happened lately. All of it is JSON. */
import type { EndpointClass } from '../exchange/route.ts';

/** When a turn comes, milliseconds from now; null: that is not known here. */
export interface Turn {
  /** At the earliest: if no other replica takes slots. */
  readonly turnInMs: number | null;
  /** By this replica's share of the bucket: if all others have a line, too. Alone it is the same. */
  readonly turnByMs: number | null;
}

/** One caller in the line of one bucket. */
export interface CallerView extends Turn {
  readonly class: EndpointClass;
  /** The caller whose turn is next has the place 1. With a scope each bucket has a line, and places, of its own. */
  readonly place: number;
  /** `nameOf(principal)`; what stands for it where names are not for everybody (`ops/names.ts`). */
  readonly caller: string;
  /** How many of its requests stand in line. */
  readonly requests: number;
  /** Which part of the turns it has while all of them wait, from 0 to 1: of its line, or of its class in `mergedCallers`. */
  readonly share: number;
  /** How long the oldest of them has waited, milliseconds. */
  readonly oldestMs: number;
}

export interface CallersView {
  readonly callers: readonly CallerView[];
  /** How many more there are. */
  readonly more: number;
}

/**
 * What a request waits for. `operator`: an operator has paused its class or caller. `pause`: the upstream asked for it.
 * `lane`: a narrow limit (`limits.<class>.also`). `permit`: too many are in flight. `rate`: a slot of its bucket.
 */
export type WaitReason = 'operator' | 'pause' | 'rest' | 'lane' | 'permit' | 'rate';

/** Why a request waits. */
export interface WaitView extends Turn {
  /** `X-Request-Id`. */
  readonly id: string;
  readonly class: EndpointClass;
  readonly caller: string;
  readonly urgency: number;
  readonly waitsFor: WaitReason;
  /** What that comes from, for an operator: a setting, or what the upstream said. */
  readonly limit: string;
  /** Its place among all that stand in the line of its bucket, from 1 on; null: it does not stand in line just now. */
  readonly place: number | null;
  /** How many slots go before it: to other requests of its caller, and to other callers. Null as `place`. */
  readonly inFront: { readonly own: number; readonly others: number } | null;
  readonly waitedMs: number;
  /** How much of its hold time is left, milliseconds. */
  readonly leftMs: number;
  /** How often it has been sent already. */
  readonly attempts: number;
}

/** A request that waits, and where. */
export interface FoundWait extends WaitView {
  /** The name of its replica. */
  readonly replica: string;
}

/** What a search for a request by its `X-Request-Id` gives. Callers may choose that, so several may have it: the one that has waited longest is meant. */
export interface WaitSearch {
  /** Null: none was found. */
  readonly found: FoundWait | null;
  /** False: not every replica has said whether it waits there. */
  readonly complete: boolean;
}

/** How many in each step, the oldest first; the last step is under way. */
export interface RecentView {
  readonly class: string;
  /** Requests that were answered, whoever answered them. */
  readonly came: readonly number[];
  /** Stays in line that lasted longer than a millisecond. */
  readonly held: readonly number[];
  /** Attempts at the upstream that ended. */
  readonly sent: readonly number[];
  readonly replayed: readonly number[];
  /** Refusals of Weir's own, whatever the reason. */
  readonly refused: readonly number[];
}

export interface RecentFigures {
  readonly stepMs: number;
  readonly classes: readonly RecentView[];
}
