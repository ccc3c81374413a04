/**
 * The narrow limits of one endpoint class in one replica, a lane for each value in use. The widest limit's slot is
 * taken as ever; with it in hand each narrow bucket is asked for a token, and gives one only if it has one now. So a
 * request goes when each of its limits has something for it, and one whose narrow limit is exhausted holds up nobody.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Clock, Earliest } from '../../clock.ts';
import type { Collected } from '../../exchange/exchange.ts';
import type { KeptAnswer } from '../../exchange/refusals.ts';
import type { LanesSnapshot } from '../../observe/snapshot.ts';
import { Deadlines, DueOf } from '../line/deadlines.ts';
import type { Buckets } from '../rate/ports.ts';
import type { NarrowQuota } from '../rate/quota.ts';
import { bucketName, type Scope, sameScope, scopeValue } from '../rate/scope.ts';
import type { WaitersLane } from '../stay.ts';
import { type Cost, Costing } from './cost.ts';
import { Lane } from './lane.ts';

/** A limit of a class besides its own. */
export interface NarrowLimit {
  /** A request without a value is not bound by it. */
  readonly scope: Scope;
  /** Tokens a second; null: it is serial and nothing else. */
  readonly rate: number | null;
  readonly burst: number;
  /** One in flight for each value, so that the order of acceptance is that of sending. */
  readonly serial: boolean;
  /** Not there, or null: each request takes one token. */
  readonly cost?: Cost | null;
}

/** How far answers may overdraw a limit: what an hour refills. A wrong number must not shut it for days. */
const debtMaxUs = 3_600_000_000;

/**
 * With so many lanes, pauses of those in which nobody waits are not kept: the bucket of each has been pushed back, and
 * the first request after that finds out.
 */
export const pausesMax = 10_000;

interface LanesDeps {
  readonly clock: Clock;
  /** A one-way digest. */
  readonly digest: (text: string) => string;
  readonly caseSensitivePaths?: boolean;
}

interface Name {
  readonly bucket: string;
  readonly limit: NarrowLimit;
}

/** When a lane with parked requests opens. */
type Opening = DueOf<Lane>;

/** Whether a limit binds the same requests as the one before, in the same way: only its numbers may differ. */
const binds = (before: NarrowLimit | undefined, { scope, serial, rate }: NarrowLimit): boolean =>
  before !== undefined &&
  sameScope(before.scope, scope) &&
  before.serial === serial &&
  (before.rate === null) === (rate === null);

/** Whether lanes can stay as they are: each limit only has other numbers. */
export const sameLanes = (before: readonly NarrowLimit[], limits: readonly NarrowLimit[]): boolean =>
  before.length === limits.length && limits.every((limit, i) => binds(before[i], limit));

export class Lanes {
  readonly #name: string;
  #limits: readonly NarrowLimit[];
  readonly #deps: LanesDeps;
  /** By the number of the limit, from 0 on. */
  #costings: readonly (Costing | null)[];
  readonly #lanes = new Map<string, Lane>();
  readonly #openings = new Deadlines<Opening>();
  /** Which lanes have one. */
  readonly #due = new Map<Lane, Opening>();
  /** What a request's lanes are called, found out once. */
  #names = new WeakMap<Collected, readonly Name[]>();
  readonly #look: Earliest;

  /** @param name of the class */
  constructor(name: string, limits: readonly NarrowLimit[], deps: LanesDeps) {
    this.#name = name;
    this.#limits = limits;
    this.#costings = limits.map(({ cost }) => (cost == null ? null : new Costing(cost)));
    this.#deps = deps;
    this.#look = new Earliest(deps.clock, () => this.#open());
  }

  /**
   * Other limits. A limit is the one that had its number before if they bind the same requests in the same way: its lanes
   * stay, and what was spent of them. Those of the others go: nobody is parked in them any more (`vacate` of the gates).
   */
  configure(limits: readonly NarrowLimit[], tell: Pick<Buckets, 'configureNarrow'>): void {
    const now = this.#deps.clock.now();
    const [before, costings] = [this.#limits, this.#costings];
    this.#costings = limits.map(({ cost = null }, i) => {
      if (cost === null) return null;
      const known = costings[i] ?? null;
      return known !== null && isDeepStrictEqual(known.cost, cost) ? known : new Costing(cost);
    });
    this.#limits = limits;
    this.#names = new WeakMap();
    for (const [i, limit] of limits.entries()) {
      const [from, to] = [this.#quotaOf(before[i]), this.#quotaOf(limit)];
      // Also where it binds others from now on: their buckets may have the same names.
      if (from === null || to === null || isDeepStrictEqual(from, to)) continue;
      tell.configureNarrow(bucketName(this.#nameOf(i), ''), from, to);
    }
    for (const lane of [...this.#lanes.values()]) {
      const i = this.#numberOf(lane.bucket);
      const limit = limits[i];
      if (limit !== undefined && binds(before[i], limit)) {
        lane.configure(this.#quotaOf(limit), this.#costings[i] ?? null, now);
      } else {
        this.#forgetOpening(lane, this.#due.get(lane));
        this.#lanes.delete(lane.bucket);
      }
    }
    for (const lane of [...this.#lanes.values()]) lane.settle();
  }

  /** Whether a lane is one of these: it may be of a limit that is gone. */
  has(lane: WaitersLane): boolean {
    return lane instanceof Lane && this.#lanes.get(lane.bucket) === lane;
  }

  #nameOf(i: number): string {
    return `${this.#name}~${i + 1}`;
  }

  /** Of which limit a bucket is, from 0 on; NaN: of none. */
  #numberOf(bucket: string): number {
    const [, number] = /^~(\d+):/.exec(bucket.slice(this.#name.length)) ?? [];
    return Number(number ?? Number.NaN) - 1;
  }

  #quotaOf(limit: NarrowLimit | undefined): NarrowQuota | null {
    if (limit === undefined || limit.rate === null) return null;
    return { rate: limit.rate, burst: limit.burst, settled: limit.cost == null ? null : { debtMaxUs } };
  }

  /** How many are in use. */
  get size(): number {
    return this.#lanes.size;
  }

  /** The lanes of a request; none: no narrow limit binds it. Whoever asks makes use of them, or settles them. */
  of(exchange: Collected): readonly Lane[] {
    return this.#namesOf(exchange).map(({ bucket, limit }) => this.#laneOf(bucket, limit));
  }

  /** Those of them that are in use: of the others nothing is known. */
  inUseBy(exchange: Collected): readonly Lane[] {
    return this.#namesOf(exchange).flatMap(({ bucket }) => this.#lanes.get(bucket) ?? []);
  }

  /** Those of them that are serial. */
  serialOf(exchange: Collected): readonly Lane[] {
    const serial = this.#namesOf(exchange).filter(({ limit }) => limit.serial);
    return serial.map(({ bucket, limit }) => this.#laneOf(bucket, limit));
  }

  /** The lane of a request of one narrow limit, by its number from 1 on, pauses. Null: it has none, or it is no news. */
  pause(exchange: Collected, number: number, until: number, answer: KeptAnswer | null, now: number): Lane | null {
    const name = this.#namesOf(exchange).find(({ limit }) => limit === this.#limits[number - 1]);
    if (name === undefined) return null;
    const lane = this.#laneOf(name.bucket, name.limit);
    if (lane.pause(until, answer, now)) return lane;
    lane.settle();
    return null;
  }

  #namesOf(exchange: Collected): readonly Name[] {
    let names = this.#names.get(exchange);
    if (names === undefined) {
      const { digest, caseSensitivePaths } = this.#deps;
      names = this.#limits.flatMap((limit, i) => {
        const { scope } = limit;
        const value = scope.by === 'fleet' ? 'fleet' : scopeValue(scope, exchange, caseSensitivePaths);
        return value === null ? [] : [{ bucket: bucketName(this.#nameOf(i), digest(value)), limit }];
      });
      this.#names.set(exchange, names);
    }
    return names;
  }

  /** Another replica says how long a lane pauses. False: it is none of these. */
  heard(bucket: string, until: number, answer: KeptAnswer | null, now: number): boolean {
    const limit = this.#limits[this.#numberOf(bucket)];
    if (limit === undefined) return false;
    if (this.#lanes.size >= pausesMax && !this.#lanes.has(bucket)) return true;
    const lane = this.#laneOf(bucket, limit);
    if (!lane.pause(until, answer, now)) lane.settle();
    return true;
  }

  /** Those that pause. */
  *pausing(now: number): Iterable<Lane> {
    for (const lane of this.#lanes.values()) if (lane.pausedUntil > now) yield lane;
  }

  /** What each narrow limit has, in the order of the configuration. Looks at every lane: not for each request. */
  snapshot(now: number): LanesSnapshot[] {
    const all = this.#limits.map((_, i) => {
      return { class: this.#name, limit: `also ${i + 1}`, live: 0, parked: 0, paused: 0 };
    });
    for (const [bucket, lane] of this.#lanes) {
      const counts = all[this.#numberOf(bucket)];
      if (counts === undefined) continue;
      counts.live += 1;
      counts.parked += lane.parked;
      if (lane.pausedUntil > now) counts.paused += 1;
    }
    return all;
  }

  /** A request has used so many tokens more than it had taken; or, negative, fewer. */
  settled(bucket: string, tokens: number): void {
    this.#lanes.get(bucket)?.settled(tokens);
  }

  #laneOf(bucket: string, limit: NarrowLimit): Lane {
    const known = this.#lanes.get(bucket);
    if (known !== undefined) return known;
    const costing = this.#costings[this.#limits.indexOf(limit)] ?? null;
    const lane = new Lane(bucket, this.#quotaOf(limit), limit.serial, costing, this.#settle);
    this.#lanes.set(bucket, lane);
    return lane;
  }

  /** The next of a lane may go, or has to wait for its opening, or the lane is idle. */
  readonly #settle = (lane: Lane): void => {
    const now = this.#deps.clock.now();
    const due = this.#due.get(lane);
    if (lane.mayRelease) {
      if (lane.opensAt <= now) {
        this.#forgetOpening(lane, due);
        lane.release();
      } else this.#lookAgain(lane, due, lane.opensAt, now);
      return;
    }
    // Nobody waits, but newcomers are to know of the pause.
    if (lane.isIdle && lane.pausedUntil > now && this.#lanes.size <= pausesMax) {
      this.#lookAgain(lane, due, lane.pausedUntil, now);
      return;
    }
    this.#forgetOpening(lane, due);
    if (lane.isIdle) this.#lanes.delete(lane.bucket);
  };

  #lookAgain(lane: Lane, due: Opening | undefined, at: number, now: number): void {
    // A page of the calendar is over as it begins; a lane must not open early.
    const until = Math.ceil(at);
    if (due?.until === until) return;
    this.#forgetOpening(lane, due);
    const opening = new DueOf(lane, until);
    this.#openings.add(opening);
    this.#due.set(lane, opening);
    this.#look.at(this.#openings.lookAt(now), now);
  }

  #forgetOpening(lane: Lane, due: Opening | undefined): void {
    if (due === undefined) return;
    this.#openings.remove(due);
    this.#due.delete(lane);
    if (this.#due.size === 0) this.#look.cancel();
  }

  #open(): void {
    const now = this.#deps.clock.now();
    for (let due = this.#openings.overdue(now); due !== null; due = this.#openings.overdue(now)) {
      this.#forgetOpening(due.what, due);
      due.what.settle();
    }
    this.#look.at(this.#openings.lookAt(now), now);
  }
}
