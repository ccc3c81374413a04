/**
 * What the ops port asks of the app: one narrow port, whose questions and answers are JSON, so that other processes can
 * answer as well as this one.
 */
import type { FleetCards } from '../observe/fleet-view.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import type { Done, LiftedView, OnceOrder, StandingOrder, SteeringView } from '../observe/steering.ts';
import type { CallersView, RecentFigures, WaitSearch } from '../observe/views.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not; null when ready. */
  readonly why: string | null;
}

/** What became of a reload. */
export type ReloadReport =
  | {
      readonly result: 'applied';
      readonly hash: string;
      /** Settings, by their names. */
      readonly changed: readonly string[];
      readonly restartNeeded: readonly string[];
    }
  | { readonly result: 'unchanged'; readonly changed: readonly []; readonly restartNeeded: readonly string[] }
  | { readonly result: 'refused'; readonly problems: readonly string[] };

type Maybe<T> = T | Promise<T>;

/** Which process answers. */
export interface AboutReplica {
  /** Tells it from others: the name of its machine or Pod, and what tells it from others there. */
  readonly name: string;
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** How an operator looks at what waits. */
export interface Look {
  about(): Maybe<AboutReplica>;
  /** The callers in the line of a class, by place; null: there is no such class. @param max how many are told */
  callers(name: string, max: number): Maybe<CallersView | null>;
  /** Why a request waits, by its `X-Request-Id`: in this replica, or in any other on the same Redis. */
  wait(id: string): Maybe<WaitSearch>;
  /** What happened in the last 15 minutes. */
  recent(): Maybe<RecentFigures>;
  /** This replica and all others. */
  fleet(): Maybe<FleetCards>;
}

/** What became of an order: what is in force now, or why it was refused. */
export type Given = SteeringView | { readonly wrong: string };

/** How an operator steers. Each order is written down, also one that is refused. @param from whence it came: an address */
export interface Steer {
  inForce(): Maybe<SteeringView>;
  /** @param wrong why it is to be refused; null: that is for whoever gets it to say */
  give(order: StandingOrder, forMs: number, from: string, wrong: string | null): Maybe<Given>;
  lift(order: StandingOrder, from: string): Maybe<LiftedView>;
  once(order: OnceOrder, from: string): Maybe<Done>;
}

export interface OpsSources {
  ready(): Readiness;
  snapshot(): Maybe<Snapshot>;
  /** @param accept the scraper's `Accept` field */
  metrics(accept: string | undefined): Promise<{ readonly contentType: string; readonly body: string | Buffer }>;
  /** Reads the configuration again. Null: it is too early. */
  reload?(): Promise<ReloadReport> | null;
  /** Not there: nothing more than the snapshot is shown. */
  readonly look?: Look;
  /** Not there: nobody steers. */
  readonly steer?: Steer;
}
