/** The lines of one replica in virtual time, and those who stand in them. */
import { MemoryBuckets } from '../../src/adapters/memory/buckets.ts';
import { Admit } from '../../src/admission/admit.ts';
import type { ClassLimits } from '../../src/admission/limits.ts';
import type { BestUrgency } from '../../src/admission/line/urgency.ts';
import type { CostOf } from '../../src/admission/rate/costs.ts';
import type { Buckets } from '../../src/admission/rate/ports.ts';
import type { TellPause } from '../../src/admission/telling.ts';
import type { Collected, PermitEnd } from '../../src/exchange/exchange.ts';
import type { Admission, Replay, ReplayReason } from '../../src/exchange/outcome.ts';
import type { EndpointClass } from '../../src/exchange/route.ts';
import type { Signal } from '../../src/exchange/signal.ts';
import { fieldOf } from '../../src/http/fields.ts';
import { endpointClasses } from './classes.ts';
import { type Bringing, deafMeter, messageFrom, plainOrder, roomyLimits, WaitingDownstream } from './fleet.ts';
import { stood } from './stood.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Where a request stands in line, who sends it, and what it brings. */
interface Arrival extends Bringing {
  readonly name?: EndpointClass;
  readonly user?: string;
}

/** A request and what became of it. */
export class Visit {
  readonly label: string;
  readonly class: EndpointClass;
  readonly exchange: Collected;
  /** Those of one kind are served in the order of their coming: of one class, caller and urgency. */
  readonly kind: string;
  readonly downstream = new WaitingDownstream();
  /** How its latest stay in line ended; null while it waits. */
  admission: Admission | null = null;
  /** When its latest stay in line began. */
  stoodSince = -1;
  /** How its stays ended, and when. */
  readonly ends: { readonly kind: string; readonly at: number }[] = [];

  constructor(
    label: string,
    { name = 'messages', user = 'a', path = `/v1/${name}`, fields = [], trace = null }: Arrival,
  ) {
    this.label = label;
    this.class = name;
    this.exchange = messageFrom(user, { path, fields, trace });
    this.kind = `${name} ${user} ${fieldOf(fields, 'priority') ?? ''}`;
  }

  /** How its stays ended, each as `kind@milliseconds`. */
  get story(): string[] {
    return this.ends.map(({ kind, at }) => `${kind}@${Math.round(at)}`);
  }

  /** `sent`, `gone`, or the refusal's name; `waiting` before. */
  get state(): string {
    return this.admission === null ? 'waiting' : nameOf(this.admission);
  }
}

export interface LinesOptions {
  readonly limits?: Partial<Record<EndpointClass, Partial<ClassLimits>>>;
  readonly bestUrgency?: BestUrgency;
  readonly costOf?: CostOf;
  readonly permitsMax?: number;
  /** Where each class's number begins; as a rule with all there are. */
  readonly permitsInitial?: number;
  readonly random?: () => number;
  readonly buckets?: (clock: VirtualClock) => Buckets;
  /** Other replicas. */
  readonly tellPause?: TellPause;
  /** The Coreapp's side: told of each request that is sent. */
  readonly onSent?: (visit: Visit) => void;
}

export class Lines {
  readonly clock = new VirtualClock();
  readonly admit: Admit;
  /** All that have come. */
  readonly visits: Visit[] = [];
  /** Who was sent, in order, as `label@milliseconds`. */
  readonly sent: string[] = [];
  /** How often the buckets were asked, and for which class. */
  readonly asked: string[] = [];
  /** Which narrow buckets were asked. */
  readonly tried: string[] = [];
  /** Which buckets were pushed back, as `name+by@milliseconds`. */
  readonly pushed: string[] = [];
  /** Which buckets the store was told to forget. */
  readonly forgotten: string[] = [];
  readonly #onSent: (visit: Visit) => void;

  constructor(options: LinesOptions = {}) {
    const { bestUrgency = plainOrder.bestUrgency, costOf = null } = options;
    const { limits = {}, permitsMax = 1_000_000, random = () => 0.5, buckets, onSent = () => {} } = options;
    this.#onSent = onSent;
    const store = buckets?.(this.clock) ?? new MemoryBuckets(this.clock, deafMeter);
    const everyClass = endpointClasses.map((name) => [
      name,
      { ...roomyLimits({ rate: 10, burst: 1 }), ...limits[name] },
    ]);
    this.admit = new Admit({
      clock: this.clock,
      buckets: {
        sharers: store.sharers,
        reserve: (name, quota, want) => {
          this.asked.push(name);
          return store.reserve(name, quota, want);
        },
        configure: (name, quota) => store.configure(name, quota),
        spent: (name, quota, slots) => store.spent(name, quota, slots),
        pushBack: (name, quota, ms) => {
          this.pushed.push(`${name}+${ms}@${Math.round(this.clock.now())}`);
          return store.pushBack(name, quota, ms);
        },
        tryTake: (name, quota, count) => {
          this.tried.push(name);
          return store.tryTake(name, quota, count);
        },
        pushBackNarrow: (name, quota, ms) => store.pushBackNarrow(name, quota, ms),
        configureNarrow: (beginning, from, to) => store.configureNarrow(beginning, from, to),
        settle: (name, quota, count, mark) => store.settle(name, quota, count, mark),
        forget: (name) => {
          this.forgotten.push(name);
          store.forget(name);
        },
      },
      meter: deafMeter,
      limits: Object.fromEntries(everyClass) as Record<EndpointClass, ClassLimits>,
      bestUrgency,
      costOf,
      pauseMaxMs: plainOrder.pauseMaxMs,
      concurrency: { min: 1, initial: options.permitsInitial ?? permitsMax, max: permitsMax },
      random,
      digest: (text) => `digest of ${text}`,
      tellPause: options.tellPause ?? (() => {}),
    });
  }

  line(name: EndpointClass = 'messages') {
    return this.admit.gates(name).lineSnapshot(this.clock.now());
  }

  /** How many buckets of a class are in use. */
  live(name: EndpointClass = 'messages'): number {
    return this.admit.gates(name).live;
  }

  /** How many slots of a class the replica holds. */
  held(name: EndpointClass = 'messages'): number {
    return this.admit.gates(name).bucketSnapshot(this.clock.now()).slotsHeld;
  }

  arrive(label: string, arrival: Arrival = {}): Visit {
    const visit = new Visit(label, arrival);
    this.visits.push(visit);
    const gates = this.admit.gates(visit.class);
    this.#stay(
      visit,
      stood((stander) => gates.admit(visit.exchange, visit.downstream, stander)),
    );
    return visit;
  }

  /** What one more is told before any time has passed. */
  async told(label: string, arrival: Arrival = {}): Promise<string> {
    const visit = this.arrive(label, arrival);
    await this.clock.settle();
    return visit.state;
  }

  /** One for each letter, a millisecond after the other. */
  async arriveAll(labels: string, name: EndpointClass = 'messages'): Promise<Visit[]> {
    const visits: Visit[] = [];
    for (const label of labels) {
      visits.push(this.arrive(label, { name }));
      await this.clock.advance(1);
    }
    return visits;
  }

  /** The Coreapp is done with a request that was sent. */
  answer(visit: Visit, how: PermitEnd = 'answered'): void {
    if (visit.admission?.kind !== 'exchange') throw new Error(`${visit.label} was not sent: ${visit.state}.`);
    visit.admission.permit.end(how);
    if (how === 'answered') this.admit.gates(visit.class).passed(visit.exchange);
  }

  /** The Coreapp refuses a request that was sent, as a rule with 429: it stands in line again. */
  sendBack(visit: Visit, pauseMs = 0, how: PermitEnd = 'failed', reason: ReplayReason = 'throttled'): void {
    this.answer(visit, how);
    visit.admission = null;
    const replay: Replay = { kind: 'replay', reason, pauseMs, otherwise: null };
    this.#returns(visit, replay);
  }

  /** The same by a rule of the configuration. */
  sendBackBy(visit: Visit, signal: Signal): void {
    this.answer(visit, 'failed');
    visit.admission = null;
    const replay: Replay = { kind: 'replay', reason: 'throttled', pauseMs: signal.pauseMs, otherwise: null, signal };
    this.#returns(visit, replay);
  }

  #returns(visit: Visit, replay: Replay): void {
    const gates = this.admit.gates(visit.class);
    this.#stay(
      visit,
      stood((stander) => gates.readmit(visit.exchange, visit.downstream, replay, stander)),
    );
  }

  #stay(visit: Visit, admission: Admission | Promise<Admission>): void {
    visit.stoodSince = this.clock.now();
    if (admission instanceof Promise) void admission.then((end) => this.#ended(visit, end));
    else this.#ended(visit, admission);
  }

  #ended(visit: Visit, admission: Admission): void {
    visit.admission = admission;
    visit.ends.push({ kind: nameOf(admission), at: this.clock.now() });
    if (admission.kind !== 'exchange') return;
    this.sent.push(`${visit.label}@${Math.round(this.clock.now())}`);
    this.#onSent(visit);
  }
}

function nameOf(admission: Admission): string {
  switch (admission.kind) {
    case 'exchange':
      return 'sent';
    case 'gone':
      return 'gone';
    case 'refusal':
      return admission.name;
  }
}
