/** A replica at one moment: what `/status` shows and the gauges are read from. */
import type { AnswersSnapshot } from '../bodies/answers.ts';
import type { DiskSnapshot } from '../bodies/disk.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { LinesLeftOut } from './ports.ts';

export interface LineSnapshot {
  readonly class: EndpointClass;
  /** How many wait. */
  readonly requests: number;
  /** How many may: `lineMaxRequests`, or what can be served within the hold time where that is less. */
  readonly requestsMax: number;
  /** How many principals have one in the line itself, not parked or resting; one in several lines counts for each. */
  readonly callers: number;
  /** Bytes that bodies take: being read, waiting, in flight. What `lineMaxBytes` bounds. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Those of them that are in files; the others are in memory. */
  readonly bytesOnDisk: number;
  /** How long the one at the head has waited, milliseconds; 0: nobody waits. */
  readonly oldestMs: number;
}

export interface BucketSnapshot {
  readonly class: EndpointClass;
  /** Requests a second. */
  readonly rate: number;
  /** Requests. */
  readonly burst: number;
  /** How many buckets of the class are in use here: one, or as many as there are values of its scope lately. */
  readonly live: number;
  /**
   * Requests that could be sent now, by what this replica heard last and the time since; of several buckets the least.
   */
  readonly level: number;
  /** Slots that this replica has taken and not yet used. */
  readonly slotsHeld: number;
  /** Milliseconds until the last bucket goes on that pauses, and until what is least urgent does; 0: nothing pauses. */
  readonly pausedMs: number;
  readonly bulkPausedMs: number;
}

/** The lanes of one narrow limit. */
export interface LanesSnapshot {
  readonly class: EndpointClass;
  /** As in the configuration: `also 1`. */
  readonly limit: string;
  /** How many are in use. */
  readonly live: number;
  /** How many requests are parked in them. */
  readonly parked: number;
  /** How many of them pause. */
  readonly paused: number;
}

/** What a restart of the store leaves of users and tokens: nothing, its last snapshot, its log of changes. */
export type Persistence = 'none' | 'rdb' | 'aof' | 'unknown';

export interface StoreSnapshot {
  readonly kind: 'memory' | 'redis';
  readonly up: boolean;
  /** This replica goes on alone with its share of the limits, since the store does not answer. */
  readonly fallback: boolean;
  readonly persistence: Persistence;
  /** Commands that Redis keeps from Weir, in upper case. */
  readonly lacks: readonly string[];
}

export interface PermitsSnapshot {
  readonly class: EndpointClass;
  /** Requests in flight at the Coreapp. */
  readonly inUse: number;
  /** How many may be just now. */
  readonly limit: number;
  /** The Coreapp refuses everything, or can't be had: one at a time goes out, to see whether it still does. */
  readonly probing: boolean;
  /** Milliseconds until the next of these may go; 0: at once, or nothing is probed. */
  readonly pausedMs: number;
}

/** Which configuration is in force. */
export interface ConfigSnapshot {
  /** Of all settings but secrets: the same in all replicas that have the same configuration. */
  readonly hash: string;
  /** When it came into force: at the start, or with the last reload that changed something. */
  readonly loadedAt: string;
  /** Settings that have changed and wait for a restart. */
  readonly restartNeeded: readonly string[];
  /** A later one that was refused, and why; null: the last one that was read had no problems. */
  readonly refused: { readonly at: string; readonly problems: readonly string[] } | null;
}

/** A process that serves, one of several. */
interface WorkerSnapshot {
  /** From 1 on. It stays when the process is replaced. */
  readonly worker: number;
  /** Null: there is no process just now, the next one is waited for. */
  readonly pid: number | null;
  readonly state: 'starting' | 'serving' | 'waiting';
  /** How often it had to be started again. */
  readonly restarts: number;
  /** Open connections of callers. */
  readonly connections: number;
}

export interface WorkersSnapshot {
  /** How many there are to be. */
  readonly count: number;
  readonly each: readonly WorkerSnapshot[];
  /** Requests that were open in workers when these died. */
  readonly requestsLost: number;
}

export interface Snapshot {
  readonly lines: readonly LineSnapshot[];
  readonly buckets: readonly BucketSnapshot[];
  /** One for each narrow limit. */
  readonly lanes: readonly LanesSnapshot[];
  readonly permits: readonly PermitsSnapshot[];
  /** Answers that wait for their callers to take them, over all classes. */
  readonly answers: AnswersSnapshot;
  /** Bodies and answers in files, over all classes. */
  readonly disk: DiskSnapshot;
  readonly store: StoreSnapshot;
  readonly log: { readonly leftOut: LinesLeftOut };
  readonly config: ConfigSnapshot;
  /** Open connections of callers. */
  readonly connections: number;
  readonly ready: boolean;
  readonly stopping: boolean;
  /** Not there: one process is the whole replica. */
  readonly workers?: WorkersSnapshot;
}
