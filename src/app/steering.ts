/**
 * An operator's orders in one replica: those in force, with their ends, and what follows from them. Each thing that can
 * be ordered has one latest word; replicas tell one another theirs, and of two the later one counts.
 */
import type { Alarm, Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import {
  type Done,
  type OnceOrder,
  ordersMax,
  type StandingOrder,
  type SteeringView,
  subjectOf,
  type Word,
} from '../observe/steering.ts';

/** What replicas tell one another. */
interface SteeringTalk {
  /** Null: there are no others. */
  readonly tell: ((words: readonly Word[], once: OnceOrder | null) => void) | null;
  /** Whether they hear it: what they have in common is not away. */
  readonly areHeard: () => boolean;
}

interface SteeringDeps extends SteeringTalk {
  readonly clock: Clock;
  /** The name of this replica. */
  readonly replica: string;
  /** What is in force has changed. */
  readonly changed: () => void;
  /** It was in force here, and its time is over. */
  readonly ended: (order: StandingOrder) => void;
  /** Does what is done once. Returns how many requests it concerned. */
  readonly once: (order: OnceOrder) => number;
}

export class Steering {
  readonly #deps: SteeringDeps;
  readonly #words = new Map<string, Word>();
  #alarm: Alarm | null = null;

  constructor(deps: SteeringDeps) {
    this.#deps = deps;
  }

  /** False: there are too many already. */
  give(order: StandingOrder, forMs: number): boolean {
    const isNew = !this.#words.has(subjectOf(order));
    if (isNew && this.#words.size >= ordersMax) return false;
    const at = this.#nextAt(order);
    this.#say({ order, at, until: at + forMs, lifted: false });
    return true;
  }

  /** False: it was not in force here. Other replicas are told all the same: they may have missed something. */
  lift(order: StandingOrder): boolean {
    const known = this.#words.get(subjectOf(order));
    const wasThere = known !== undefined && this.#isInForce(known);
    const at = this.#nextAt(order);
    this.#say({ order: known?.order ?? order, at, until: Math.max(known?.until ?? at, at + 60_000), lifted: true });
    return wasThere;
  }

  /** @param elsewhere how many requests it concerned in the other workers of this replica */
  doOnce(order: OnceOrder, elsewhere: number): Done {
    const requests = this.#deps.once(order) + elsewhere;
    const isHere = requests > 0 && order.kind !== 'endCaller';
    if (!isHere) this.#deps.tell?.([], order);
    return { requests, reach: isHere ? 'replica' : this.#reach };
  }

  /** Another replica's words. */
  heard(words: readonly Word[], once: OnceOrder | null): void {
    let news = false;
    for (const word of words) {
      const known = this.#words.get(subjectOf(word.order));
      if (known !== undefined && known.at >= word.at) continue;
      if (known === undefined && this.#words.size >= ordersMax) continue;
      // One that was over before it was heard of does not end here, but an older one does.
      if (word.until <= this.#deps.clock.wallMs()) this.#words.delete(subjectOf(word.order));
      else this.#words.set(subjectOf(word.order), word);
      news = true;
    }
    if (news) this.#settle();
    if (once !== null) this.#deps.once(once);
  }

  /** Another replica has come, or may have missed something. */
  tellAgain(): void {
    if (this.#words.size > 0) this.#deps.tell?.(this.words, null);
  }

  /** The latest word about each thing. */
  get words(): Word[] {
    return [...this.#words.values()];
  }

  /** The configuration with what is ordered over it. */
  over<Settings extends Pick<Config, 'limits'>>(config: Settings): Settings {
    const limits = { ...config.limits };
    for (const { order } of this.#inForce()) {
      if (order.kind !== 'limit') continue;
      const own = limits[order.class];
      if (own !== undefined) limits[order.class] = { ...own, rate: order.rate, burst: order.burst };
    }
    return { ...config, limits };
  }

  get pausedClasses(): Set<string> {
    return new Set(this.#inForce().flatMap(({ order }) => (order.kind === 'pauseClass' ? [order.class] : [])));
  }

  get pausedCallers(): Set<string> {
    return new Set(this.#inForce().flatMap(({ order }) => (order.kind === 'pauseCaller' ? [order.caller] : [])));
  }

  get isDrained(): boolean {
    return this.#inForce().some(({ order }) => order.kind === 'drain' && order.replica === this.#deps.replica);
  }

  view(): SteeringView {
    const now = this.#deps.clock.wallMs();
    return {
      reach: this.#reach,
      inForce: this.#inForce().map(({ order, until }) => ({ order, leftMs: Math.round(until - now) })),
    };
  }

  close(): void {
    this.#alarm?.cancel();
  }

  /** There are no others to hear of an order, now or later. */
  get isAlone(): boolean {
    return this.#deps.tell === null;
  }

  get #reach(): 'fleet' | 'replica' {
    return !this.isAlone && this.#deps.areHeard() ? 'fleet' : 'replica';
  }

  #inForce(): Word[] {
    return this.words.filter((word) => this.#isInForce(word));
  }

  #isInForce({ lifted, until }: Word): boolean {
    return !lifted && until > this.#deps.clock.wallMs();
  }

  /** Later than the last word, whatever the clocks of other replicas say. */
  #nextAt(order: StandingOrder): number {
    const now = Math.round(this.#deps.clock.wallMs());
    return Math.max(now, (this.#words.get(subjectOf(order))?.at ?? 0) + 1);
  }

  #say(word: Word): void {
    this.#words.set(subjectOf(word.order), word);
    this.#settle();
    this.#deps.tell?.([word], null);
  }

  #settle(): void {
    const { clock, changed, ended } = this.#deps;
    const now = clock.wallMs();
    for (const [subject, { order, until, lifted }] of this.#words) {
      if (until > now) continue;
      this.#words.delete(subject);
      if (!lifted) ended(order);
    }
    changed();
    this.#alarm?.cancel();
    if (this.#words.size === 0) return;
    const next = Math.min(...[...this.#words.values()].map(({ until }) => until));
    this.#alarm = clock.after(Math.max(1, next - now), () => this.#settle());
  }
}
