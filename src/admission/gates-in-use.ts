/**
 * The gates of one class that are in use: one for all with the scope `fleet`; with another, one for each value that
 * requests bring, as long as there is something to remember.
 */
import type { Alarm } from '../clock.ts';
import type { Collected } from '../exchange/exchange.ts';
import { nameOf } from '../exchange/principal.ts';
import { Shares } from '../shares/shares.ts';
import { Gate } from './gate.ts';
import type { GateClass, GateDeps } from './gate-parts.ts';
import type { ClassLimits } from './limits.ts';
import { bucketName, scopeValue } from './rate/scope.ts';
import { convertedUs, intervalUs } from './rate/slots.ts';
import type { Moving } from './waiting.ts';

/** How often idle gates are looked for while there is room, milliseconds. */
const sweepMs = 10_000;
/**
 * How long to wait after a look that found none, milliseconds: otherwise newcomers without end would look without end.
 */
const lookAgainMs = 100;
/** Up to this length values are told apart as they are, longer ones by their digest, which is longer than this. */
const plainMaxChars = 63;
/** Stands for "no value": no value is empty. */
const none = '';
/** The owner of the one gate of the scope `fleet`. */
const nobody = '';

export class GatesInUse {
  readonly #class: GateClass;
  readonly #deps: GateDeps;
  /** The one gate of the scope `fleet`. */
  #only: Gate | null;
  /** By the value that requests bring. */
  readonly #gates = new Map<string, Gate>();
  /** Those of an earlier scope, as long as something of theirs is under way. */
  readonly #former = new Set<Gate>();
  /** What was spent of the buckets whose place new ones take has flowed back by then, `Clock.now()`. */
  #spentUntil = Number.NEGATIVE_INFINITY;
  /** How many of them each caller has brought: values can be invented without end. */
  readonly #opened: Shares;
  #lookNotBefore = Number.NEGATIVE_INFINITY;
  #sweep: Alarm | null = null;

  constructor(ofClass: GateClass, deps: GateDeps) {
    const { limits } = ofClass;
    this.#class = ofClass;
    this.#deps = deps;
    this.#opened = new Shares(limits.scopesMax, limits.callerShareMax);
    this.#only = limits.scope.by === 'fleet' ? this.#newGate(ofClass.name, nobody) : null;
  }

  /** The class has other limits. @param before the ones that there were */
  configure(before: ClassLimits): void {
    const { limits } = this.#class;
    this.#opened.configure(limits.scopesMax, limits.callerShareMax);
    const now = this.#deps.clock.now();
    this.#spentUntil = now + convertedUs(this.#spentUntil - now, intervalUs(before), intervalUs(limits));
    for (const gate of this.all) gate.configure();
  }

  /** Requests share other buckets from now on: lets go of all that wait, the oldest first, who are for `adopt`. */
  vacate(now: number): Moving[] {
    const former = [...this.current];
    // It is not known which spent what: each may have spent all of it.
    const spent = Math.max(0, ...former.map((gate) => gate.supply.spent(now)));
    this.#spentUntil = Math.max(this.#spentUntil, now + (spent * intervalUs(this.#class.limits)) / 1_000);
    // A pause of all of the class is one, whatever its requests share.
    if (this.#only !== null) this.#class.pauses.pause(this.#only.pausing.until);
    this.#only = null;
    this.#gates.clear();
    for (const gate of former) {
      this.#former.add(gate);
      if (gate.owner !== nobody) this.#opened.give(gate.owner);
    }
    return former.flatMap((gate) => gate.vacate()).sort((a, b) => a.waiter.since - b.waiter.since);
  }

  /** They go on waiting at gates of the scope that there is now. */
  adopt(moving: readonly Moving[], now: number): void {
    const { name, limits } = this.#class;
    if (limits.scope.by === 'fleet') {
      this.#only = this.#newGate(name, nobody);
      this.#beginSpent(this.#only, now);
    }
    for (const one of moving) this.gateFor(one.waiter.exchange).adopt(one, now);
    this.#sweepLater();
  }

  /** For a newcomer; null: there may be no more gates. */
  forNewcomer(exchange: Collected): Gate | null {
    if (this.#only !== null) return this.#only;
    const key = this.#keyOf(exchange);
    return this.#gates.get(key) ?? this.#openFor(exchange, key);
  }

  /** The one that a request belongs to that is not a newcomer: it gets in whatever the bounds. */
  gateFor(exchange: Collected): Gate {
    if (this.#only !== null) return this.#only;
    const key = this.#keyOf(exchange);
    return this.#gates.get(key) ?? this.#open(key, nameOf(exchange.principal));
  }

  /** One for each bucket that is in use here. */
  get current(): Iterable<Gate> {
    return this.#only === null ? this.#gates.values() : [this.#only];
  }

  /** The same, and those of an earlier scope. */
  get all(): Gate[] {
    return [...this.current, ...this.#former];
  }

  /** How many buckets are in use here. */
  get live(): number {
    return this.#only === null ? this.#gates.size : 1;
  }

  /** Idle ones are not looked for any more. */
  stopSweeping(): void {
    this.#sweep?.cancel();
  }

  #keyOf(exchange: Collected): string {
    const value = scopeValue(this.#class.limits.scope, exchange, this.#deps.caseSensitivePaths) ?? none;
    return value.length <= plainMaxChars ? value : this.#deps.digest(value);
  }

  #openFor(exchange: Collected, key: string): Gate | null {
    const caller = nameOf(exchange.principal);
    return this.#opened.hasRoomFor(caller) || this.#makeRoomFor(caller) ? this.#open(key, caller) : null;
  }

  #makeRoomFor(caller: string): boolean {
    const now = this.#deps.clock.now();
    if (now < this.#lookNotBefore) return false;
    this.#lookNotBefore = now + lookAgainMs;
    this.#forgetIdle(now);
    return this.#opened.hasRoomFor(caller);
  }

  #open(key: string, caller: string): Gate {
    const digest = key.length <= plainMaxChars ? this.#deps.digest(key) : key;
    const gate = this.#newGate(bucketName(this.#class.name, key === none ? null : digest), caller);
    this.#gates.set(key, gate);
    this.#beginSpent(gate, this.#deps.clock.now());
    const heard = this.#class.pauses.takeHeard(gate.bucket);
    if (heard !== null) gate.heard(heard);
    this.#opened.take(caller);
    this.#sweepLater();
    return gate;
  }

  #forgetIdle(now: number): void {
    for (const gate of this.#former) if (this.#letGo(gate, now)) this.#former.delete(gate);
    for (const [key, gate] of this.#gates) {
      if (!this.#letGo(gate, now)) continue;
      this.#gates.delete(key);
      this.#opened.give(gate.owner);
    }
  }

  /** False: there is something to remember. */
  #letGo(gate: Gate, now: number): boolean {
    if (!gate.isIdle(now)) return false;
    gate.close();
    this.#deps.buckets.forget(gate.bucket);
    return true;
  }

  #sweepLater(): void {
    if (this.#sweep !== null || this.#class.refusing !== null) return;
    this.#sweep = this.#deps.clock.after(sweepMs, () => {
      this.#sweep = null;
      this.#forgetIdle(this.#deps.clock.now());
      if (this.#gates.size + this.#former.size > 0) this.#sweepLater();
    });
  }

  #beginSpent(gate: Gate, now: number): void {
    const slots = (this.#spentUntil - now) / (intervalUs(this.#class.limits) / 1_000);
    if (slots > 0) gate.supply.beginSpent(slots, now);
  }

  #newGate(bucket: string, owner: string): Gate {
    return new Gate(bucket, owner, this.#class, this.#deps);
  }
}
