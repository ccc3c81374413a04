/** Replicas that share one bucket, in virtual time: what the Coreapp would see of them. */

import type { ConcurrencyBounds } from '../../src/admission/concurrency/in-flight-budget.ts';
import { ConcurrencyLimiters } from '../../src/admission/concurrency/limiters.ts';
import { Gates } from '../../src/admission/gates.ts';
import type { NarrowLimit } from '../../src/admission/lanes/lanes.ts';
import type { ClassLimits } from '../../src/admission/limits.ts';
import { OperatorPauses } from '../../src/admission/operator-pauses.ts';
import { NarrowBuckets } from '../../src/admission/rate/narrow-buckets.ts';
import type { Buckets } from '../../src/admission/rate/ports.ts';
import type { NarrowQuota, Quota } from '../../src/admission/rate/quota.ts';
import { readScope, type Scope } from '../../src/admission/rate/scope.ts';
import { type Grant, horizonUs, leadOf, reserve, type Tried } from '../../src/admission/rate/slots.ts';
import type { TellPause } from '../../src/admission/telling.ts';
import type { Clock } from '../../src/clock.ts';
import { limits, limitsOf } from '../../src/config/limits.ts';
import type { Allocation, BodyRead, BufferedBody } from '../../src/exchange/bodies.ts';
import { type Collected, collected, identified, received, routed, type Slots } from '../../src/exchange/exchange.ts';
import type { Admission } from '../../src/exchange/outcome.ts';
import type { Downstream, GoneListener } from '../../src/exchange/ports.ts';
import type { EndpointClass } from '../../src/exchange/route.ts';
import type { Trace } from '../../src/exchange/trace.ts';
import type { Fields } from '../../src/http/fields.ts';
import { deafMeter } from './deaf-meter.ts';
import { pushBack } from './redis-bucket.ts';
import { routeOf } from './routes.ts';
import { Sender, type Written } from './sender.ts';
import { stood } from './stood.ts';
import { VirtualClock } from './virtual-clock.ts';

export { deafMeter };

/** Bounds so wide that permits are never missing. */
const unbounded: ConcurrencyBounds = { min: 1, initial: 10_000_000, max: 10_000_000 };

/** For classes without narrow limits, and one replica. */
export const noNarrow: Pick<Buckets, 'sharers' | 'tryTake' | 'configureNarrow' | 'settle' | 'pushBackNarrow'> = {
  sharers: 1,
  tryTake: () => {
    throw new Error('There is no narrow bucket.');
  },
  configureNarrow() {},
  settle() {},
  pushBackNarrow() {},
};

/** Buckets that only give slots. */
export const slotsBy = (reserve: Buckets['reserve']): Buckets => ({
  reserve,
  ...noNarrow,
  configure() {},
  spent() {},
  pushBack() {},
  forget() {},
});

/** A caller who only waits, and may hang up. */
export class WaitingDownstream implements Downstream {
  gone = false;
  readonly cutFor = null;
  readonly bodyBytes: number | null = 0;
  bytesIn = 0;
  #listener: GoneListener | null = null;

  onGone(listener: GoneListener | null): void {
    this.#listener = listener;
  }

  hangUp(): void {
    this.gone = true;
    const listener = this.#listener;
    this.#listener = null;
    listener?.callerGone();
  }

  known(): void {}
  read(_maxBytes: number, _allocation: Allocation): BodyRead | Promise<BodyRead> {
    throw new Error('nothing to read');
  }
  information(): void {}
  head(): void {}
  data(): boolean {
    return true;
  }
  onDrain(): void {}
  end(): boolean {
    return true;
  }
  page(_status: number, _fields: Fields, _body: string): void {}
  cut(): void {}
}

/** What a request brings besides its caller. */
export interface Bringing {
  readonly method?: string;
  readonly path?: string;
  /** Not there: the path. */
  readonly target?: string;
  readonly fields?: string[];
  readonly body?: BufferedBody | null;
  readonly trace?: Trace | null;
}

export function messageFrom(user: string, brought: Bringing = {}): Collected {
  const { method = 'POST', path = '/v1/messages', target = path, fields = [], body = null, trace = null } = brought;
  const head = {
    id: 'id',
    method,
    target,
    path,
    fields,
    origin: { peer: '127.0.0.1', remote: '127.0.0.1', scheme: 'http', trusted: false },
    arrivedAt: 0,
    trace,
  };
  const here = routed(received(head), routeOf(path));
  return collected(identified(here, { kind: 'user', name: user, role: 'ROLE_USER' }), body);
}

/** A store with a clock of its own and a way there and back; counts its calls. */
class DistantStore {
  calls = 0;
  pushes = 0;
  /** How often a narrow bucket was asked. */
  tries = 0;
  settlements = 0;
  readonly #narrow = new NarrowBuckets();
  readonly #clock: Clock;
  readonly #replicas: number;
  readonly #oneWayMs: () => number;
  #tat = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, replicas: number, oneWayMs: () => number) {
    this.#clock = clock;
    this.#replicas = replicas;
    this.#oneWayMs = oneWayMs;
  }

  /** What one replica sees of it. */
  asSeenFromReplica(): Buckets {
    let tripMs = 0;
    return {
      sharers: this.#replicas,
      reserve: async (_bucket: string, quota: Quota, want: number): Promise<Grant> => {
        this.calls += 1;
        const sentAt = this.#clock.now();
        const leadUs = Math.max(10_000, 2_000 * tripMs);
        await this.#travel();
        const nowUs = this.#clock.now() * 1_000;
        const demand = { want, leadUs, horizonUs, replicas: this.#replicas, floorUs: Number.NEGATIVE_INFINITY };
        const reserved = reserve(this.#tat, nowUs, quota, demand);
        this.#tat = reserved.tat;
        await this.#travel();
        tripMs += 0.25 * (this.#clock.now() - sentAt - tripMs);
        return reserved.grant;
      },
      pushBack: async (_bucket: string, quota: Quota, ms: number): Promise<void> => {
        this.pushes += 1;
        await this.#travel();
        const sharing = { horizonUs, replicas: this.#replicas };
        this.#tat = pushBack(this.#tat, this.#clock.now() * 1_000, quota, sharing, ms * 1_000);
      },
      tryTake: async (bucket: string, quota: NarrowQuota, count: number): Promise<Tried> => {
        this.tries += 1;
        const sentAt = this.#clock.now();
        const leadUs = Math.max(10_000, 2_000 * tripMs);
        await this.#travel();
        const lead = leadOf(quota, leadUs, 2_000 * tripMs);
        const tried = this.#narrow.tryTake(bucket, this.#clock.now() * 1_000, quota, lead, count);
        await this.#travel();
        const trip = this.#clock.now() - sentAt;
        return tried.taken ? { ...tried, closesInUs: tried.closesInUs - 1_000 * trip } : tried;
      },
      settle: (bucket: string, quota: NarrowQuota, count: number, mark: number): void => {
        this.settlements += 1;
        void this.#travel().then(() => this.#narrow.settle(bucket, this.#clock.now() * 1_000, quota, count, mark));
      },
      pushBackNarrow: (bucket: string, quota: NarrowQuota, ms: number): void => {
        void this.#travel().then(() => this.#narrow.pushBack(bucket, this.#clock.now() * 1_000, quota, 1_000 * ms));
      },
      configureNarrow: (beginning: string, from: NarrowQuota, to: NarrowQuota): void => {
        this.#narrow.configure(beginning, this.#clock.now() * 1_000, from, to);
      },
      configure() {},
      spent() {},
      forget() {},
    };
  }

  #travel(): Promise<void> {
    return new Promise((arrive) => void this.#clock.after(this.#oneWayMs(), arrive));
  }
}

export interface Sent extends Written {
  readonly replica: number;
  readonly caller: string;
  readonly path: string;
  readonly waitedMs: number;
}

interface FleetOptions {
  readonly limits: ClassLimits;
  /** Default: one. */
  readonly replicas?: number;
  /** To the store. Default: no time. */
  readonly oneWayMs?: () => number;
  /** How long the Coreapp takes, milliseconds. */
  readonly serviceMs?: number;
  /** What an answer tells of the tokens that a request has used; null: nothing. */
  readonly usedBy?: (request: Collected) => number | null;
  /**
   * How long it takes from the slot until the request can be written: a connection that has to be opened, a process that
   * has to wait for a processor. Default: it is written at once.
   */
  readonly wayMs?: () => number;
  /** A replica's buckets. Default: those of `store`. */
  readonly bucketsOf?: (clock: Clock) => Buckets;
  /** A replica's clock. Default: the one that all go by. */
  readonly clockOf?: (clock: Clock, replica: number) => Clock;
}

/** Nobody may go before others, each request costs one, and no chance is in anything. */
export const plainOrder = {
  random: () => 0.5,
  pauseMaxMs: 5_000,
  bestUrgency: { users: 3, admins: 3, names: new Map<string, number>() },
  costOf: null,
};

const defaults = limitsOf(limits.parse({}))['default'] as ClassLimits;

export const roomyLimits = (quota: Quota): ClassLimits => ({
  ...defaults,
  ...quota,
  scopesMax: 100,
  holdMaxMs: 3_600_000,
  lineMaxRequests: 1_000_000,
  callerShareMax: 1,
  lineMaxBytes: 1_000_000_000,
  callerMaxBytes: 1_000_000_000,
  bodyMaxBytes: 1_000_000,
});

/** A limit besides that of the class: one request at a time for each value of the scope, if `limit` does not say more. */
export const narrowLimit = (scope: string, limit: Partial<NarrowLimit> = {}): NarrowLimit => ({
  scope: readScope(scope) as Scope,
  rate: null,
  burst: 1,
  serial: (limit.rate ?? null) === null,
  ...limit,
});

/** One class of a replica, where permits are never missing. */
export function gatesOn(
  buckets: Buckets,
  clock: Clock,
  limits: ClassLimits,
  name: EndpointClass = 'messages',
  tellPause: TellPause = () => {},
  operatorPauses = new OperatorPauses(),
): Gates {
  const limiters = new ConcurrencyLimiters(unbounded, clock, () => 0.5);
  return new Gates(name, limits, {
    clock,
    buckets,
    meter: deafMeter,
    limiters,
    operatorPauses,
    digest: String,
    ...plainOrder,
    tellPause,
  });
}

export class Fleet {
  readonly clock = new VirtualClock();
  readonly store: DistantStore;
  readonly gates: Gates[];
  /** By replica. */
  readonly operatorPauses: readonly OperatorPauses[];
  readonly sent: Sent[] = [];
  readonly refused: Admission[] = [];
  /** By replica, where an answer to what it sent last may say something of a limit. */
  readonly slots: Slots[] = [];
  left = 0;
  readonly #serviceMs: number;
  readonly #usedBy: NonNullable<FleetOptions['usedBy']>;
  readonly #sender: Sender | null;

  constructor(options: FleetOptions) {
    const { clock } = this;
    const { replicas = 1, oneWayMs = () => 0, wayMs, serviceMs = 0, usedBy = () => null } = options;
    this.#serviceMs = serviceMs;
    this.#usedBy = usedBy;
    this.#sender = wayMs === undefined ? null : new Sender({ clock, wayMs, serviceMs });
    this.store = new DistantStore(clock, replicas, oneWayMs);
    this.operatorPauses = Array.from({ length: replicas }, () => new OperatorPauses());
    this.gates = Array.from({ length: replicas }, (_, replica) => {
      const own = options.clockOf?.(clock, replica) ?? clock;
      const buckets = options.bucketsOf?.(own) ?? this.store.asSeenFromReplica();
      const tellPause: TellPause = (notice) => {
        const others = this.gates.filter((_, i) => i !== replica);
        this.clock.after(2 * oneWayMs(), () => {
          for (const gates of others) gates.heard(notice);
        });
      };
      return gatesOn(buckets, own, options.limits, 'messages', tellPause, this.operatorPauses[replica]);
    });
  }

  /** How many slots were given up because they had closed before anything could be written. */
  get givenUp(): number {
    return this.#sender?.givenUp ?? 0;
  }

  /** Another limit counts for a replica from now on. */
  configure(replica: number, limits: ClassLimits): void {
    const gates = this.gates[replica] as Gates;
    gates.configure(limits);
    gates.pump();
  }

  /** By how many requests what was sent breaks a limit in its worst window; negative: it never does. */
  excess(quota: Quota): number {
    const instants = this.sent.map(({ at }) => at);
    return excess(quota, instants);
  }

  /** One request comes to a replica. */
  async arrive(
    replica: number,
    user = 'a',
    downstream = new WaitingDownstream(),
    brought: Bringing = {},
  ): Promise<void> {
    const at = this.clock.now();
    const gates = this.gates[replica] as Gates;
    const request = messageFrom(user, brought);
    const written = (how: Written): void => {
      this.sent.push({ ...how, replica, caller: user, path: request.path, waitedMs: how.at - at });
    };
    if (this.#sender !== null) {
      const end = await this.#sender.send(gates, request, downstream, written);
      if (end !== 'sent' && end.kind === 'refusal') this.refused.push(end);
      else if (end !== 'sent') this.left += 1;
      return;
    }
    const admission = await stood((stander) => gates.admit(request, downstream, stander));
    switch (admission.kind) {
      case 'exchange': {
        const { permit, slotClosesAt, slots, charge } = admission;
        this.slots[replica] = slots;
        written({ at: this.clock.now(), closesAt: slotClosesAt, gaveUp: 0 });
        this.clock.after(this.#serviceMs, () => {
          permit.end('answered');
          charge?.settle(charge.toldIn.map(() => this.#usedBy(request)));
          request.serialLanes?.[Symbol.dispose]();
        });
        break;
      }
      case 'refusal':
        this.refused.push(admission);
        break;
      case 'gone':
        this.left += 1;
        break;
    }
  }
}

/** By how many requests a series of instants (ms) breaks `burst + rate × w` in its worst window; negative: it never does. */
export function excess(quota: Quota, instants: readonly number[]): number {
  let worst = Number.NEGATIVE_INFINITY;
  let lowest = Number.POSITIVE_INFINITY;
  instants.forEach((at, index) => {
    const drained = (quota.rate * at) / 1_000;
    lowest = Math.min(lowest, index - drained);
    worst = Math.max(worst, index + 1 - drained - lowest);
  });
  return worst - quota.burst;
}

/**
 * The same in the windows alone that begin at a moment when the bucket was full, or less: `since`, by the clock of `instants`.
 * What delays requests on their way makes it smaller, never larger, so it can be told wherever they are counted.
 */
export function excessSince(quota: Quota, since: number, instants: readonly number[]): number {
  const above = instants.map((at, index) => index + 1 - (quota.rate * (at - since)) / 1_000);
  return Math.max(...above) - quota.burst;
}

/** The tolerance of promise P1 (docs/reference/promises.md): one request, or 5 ms of the rate, whichever is more. */
export const tolerance = (quota: Quota): number => Math.max(1, 0.005 * quota.rate);

/** Jain's index of fairness: 1 where all shares are alike, 1/n where one has everything. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0));
}
