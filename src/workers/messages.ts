/**
 * What the parent and a worker say to each other: each kind of message has its shape, and either side switches over all.
 * They are plain data, sent over Node's channel between the two processes. Messages of one side arrive in their order.
 */
import type { Counted } from '../adapters/prometheus/meter.ts';
import type { WorkerPlace } from '../app/place.ts';
import type { AppStart } from '../app/services.ts';
import type { Config } from '../config/config.ts';
import type { Page } from '../exchange/outcome.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import type { Done, OnceOrder, Word } from '../observe/steering.ts';
import type { WaitView } from '../observe/views.ts';
import type { Look, Steer } from '../ops/ports.ts';

/** Everything that a worker goes by. */
export interface WorkerStart extends Omit<AppStart, 'log'> {
  /** From 1 on: which one it is. */
  readonly worker: number;
  /** Its share of the replica's: `workerShare`. */
  readonly config: Config;
  readonly place: Omit<WorkerPlace, 'figures'>;
  /** Of the file that it keeps its count of open requests in (`open-count.ts`); null: there is none. */
  readonly countFd: number | null;
  /** What the parent's log is written to: colours are for people. */
  readonly terminal: { readonly isTTY: boolean; readonly colours: boolean };
}

/** What a worker has counted, and how it stands. */
export interface Report {
  readonly counted: Counted;
  readonly snapshot: Snapshot;
  /** Requests that are not answered yet. */
  readonly openRequests: number;
  /** An operator has the replica drained. */
  readonly drained: boolean;
}

/**
 * What operators ask, and order, of each worker: by name, what it takes and what it gives. What has the name that it has
 * for the replica is asked as of that: of the whole fleet, the other workers included, which also hear of an order.
 */
export interface Questions extends Pick<Look, 'callers' | 'wait' | 'fleet'>, Pick<Steer, 'inForce' | 'give' | 'lift'> {
  /** As one of several: in this worker. */
  readonly waitHere: (id: string) => WaitView | null;
  /** @param elsewhere how many requests it concerned in the other workers */
  readonly once: (order: OnceOrder, from: string, elsewhere: number) => Done;
  /** As one of several. Returns how many requests it concerned here. */
  readonly onceHere: (order: OnceOrder) => number;
  /** All that was ordered, for another worker. */
  readonly words: () => readonly Word[];
  readonly hear: (words: readonly Word[]) => true;
}

export type QuestionName = keyof Questions;

/** Why a configuration, or a start, can't be: a setting and what is wrong with it, as in a `StartError`. */
export interface Objection {
  readonly setting: string;
  readonly problem: string;
}

export type ToWorker =
  /** The first one, once. */
  | { readonly kind: 'start'; readonly start: WorkerStart }
  /** Get ready for this configuration; answered by `prepared`. */
  | { readonly kind: 'prepare'; readonly id: number; readonly config: Config }
  /** All are ready: the one that was prepared last is in force; answered by `committed`. */
  | { readonly kind: 'commit'; readonly id: number }
  /** Somebody is not: the old one stays. */
  | { readonly kind: 'discard' }
  /** Answered by `report`. */
  | { readonly kind: 'report'; readonly id: number }
  /** Answered by `told`. */
  | {
      readonly [Name in QuestionName]: {
        readonly kind: 'ask';
        readonly id: number;
        readonly name: Name;
        readonly args: Parameters<Questions[Name]>;
      };
    }[QuestionName]
  /** Answers `figures`. Null: they could not be had. */
  | { readonly kind: 'figures'; readonly id: number; readonly page: Page | null }
  | { readonly kind: 'lameDuck' }
  /** Drain within so many milliseconds, and end. */
  | { readonly kind: 'close'; readonly graceMs: number };

export type FromWorker =
  /** `port`: the one that it listens on. */
  | { readonly kind: 'serving'; readonly port: number }
  /** It can't start, and ends. */
  | { readonly kind: 'cannot'; readonly objection: Objection }
  | { readonly kind: 'prepared'; readonly id: number; readonly objection: Objection | null }
  | { readonly kind: 'committed'; readonly id: number }
  /** `said` is what the question that was asked gives. */
  | { readonly kind: 'told'; readonly id: number; readonly said: unknown }
  /** `id` null: it was not asked for, but comes once a second. */
  | { readonly kind: 'report'; readonly id: number | null; readonly report: Report }
  /** What it has counted of requests, between two reports. */
  | { readonly kind: 'tally'; readonly tally: Counted['tally'] }
  /** A caller asks this worker for what the whole replica has counted. */
  | { readonly kind: 'figures'; readonly id: number; readonly format: 'json' | 'prometheus' }
  /** A bug has struck: it drains by itself, takes nothing new, and ends. */
  | { readonly kind: 'leaving' };

/** An answer to something that the parent has asked for. */
export type Answer = Extract<FromWorker, { readonly kind: 'prepared' | 'committed' | 'report' | 'told' }>;
