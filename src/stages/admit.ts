/**
 * Stand in line: a request leaves this stage with a slot used and a permit in hand, refused, or because its caller has
 * gone. `model/line.ts` knows the order, `model/lease.ts` the slots, `model/permits.ts` the room at the Coreapp;
 * `gate.ts` brings them together for one class, this file for all.
 */
import type { Collected } from '../model/exchange.ts';
import type { Admission } from '../model/outcome.ts';
import { Permits, Room } from '../model/permits.ts';
import { type ClassLimits, lineMax } from '../model/quota.ts';
import type { RefusalName } from '../model/refusals.ts';
import type { EndpointClass } from '../model/routes.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Alarm, Buckets, Caller, Clock, Meter } from '../ports.ts';
import { Gate } from './gate.ts';

export interface AdmitWorld {
  readonly clock: Clock;
  readonly buckets: Buckets;
  readonly meter: Meter;
  readonly limits: Readonly<Record<EndpointClass, ClassLimits>>;
  /** Most requests in flight at the Coreapp. */
  readonly permitsMax: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class Admit {
  /** What is in flight, and may be. */
  readonly room: Room;
  readonly gates: ReadonlyMap<EndpointClass, Gate>;
  /** Gates that wait for a permit, in the order in which they get one. */
  readonly #blocked = new Set<Gate>();
  readonly #clock: Clock;
  #pauseOver: Alarm | null = null;
  #pauseOverAt = Number.POSITIVE_INFINITY;

  constructor(world: AdmitWorld) {
    const { clock, limits } = world;
    this.#clock = clock;
    this.room = new Room(world.permitsMax);
    const permits = (): Permits =>
      new Permits(
        this.room,
        () => clock.now(),
        world.random,
        () => this.#permitFreed(),
      );
    const blocked = (gate: Gate, now: number): void => this.#block(gate, now);
    const names = Object.keys(limits) as EndpointClass[];
    this.gates = new Map(
      names.map((name) => [name, new Gate(name, limits[name], { ...world, permits: permits(), blocked })]),
    );
  }

  admit(name: EndpointClass, exchange: Collected, side: Caller): Admission | Promise<Admission> {
    return this.gate(name).admit(exchange, side);
  }

  readmit(name: EndpointClass, exchange: Collected, side: Caller, pauseMs: number): Admission | Promise<Admission> {
    return this.gate(name).readmit(exchange, side, pauseMs);
  }

  /** Refuses all that wait: the grace time of a stop is over. */
  refuseAll(name: RefusalName): void {
    for (const gate of this.gates.values()) gate.refuseAll(name);
  }

  /** What waits, what is held, what is in flight. */
  snapshot(): Pick<Snapshot, 'lines' | 'buckets' | 'permits'> {
    const now = this.#clock.now();
    const gates = [...this.gates.values()];
    return {
      lines: gates.map(({ name, limits, line, bodies }) => ({
        class: name,
        requests: line.requests,
        requestsMax: lineMax(limits),
        bytes: bodies.held,
        bytesMax: limits.lineMaxBytes,
        oldestMs: line.head === null ? 0 : now - line.head.since,
      })),
      buckets: gates.map((gate) => ({
        class: gate.name,
        rate: gate.limits.rate,
        burst: gate.limits.burst,
        slotsHeld: gate.slotsHeld(),
      })),
      permits: gates.map(({ name, permits }) => ({ class: name, inUse: permits.inUse, limit: permits.limit })),
    };
  }

  gate(name: EndpointClass): Gate {
    const gate = this.gates.get(name);
    if (gate === undefined) throw new Error(`no limits for the endpoint class ${name}`);
    return gate;
  }

  #block(gate: Gate, now: number): void {
    this.#blocked.add(gate);
    this.#awaitPause(now);
  }

  /** Classes take turns: one that still waits after its turn is blocked anew, behind the others. */
  #permitFreed(): void {
    if (this.#blocked.size === 0) return;
    const now = this.#clock.now();
    for (const gate of [...this.#blocked]) {
      if (!gate.permits.available(now)) continue;
      this.#blocked.delete(gate);
      gate.pump();
    }
    this.#awaitPause(now);
  }

  /**
   * The end of a pause between probes frees a permit, too.
   * @param now by which permits were found missing: a pause that has ended since then is still to be noticed
   */
  #awaitPause(now: number): void {
    let due = Number.POSITIVE_INFINITY;
    for (const { permits } of this.#blocked) if (permits.pausedUntil > now) due = Math.min(due, permits.pausedUntil);
    if (due >= this.#pauseOverAt) return;
    this.#pauseOver?.cancel();
    this.#pauseOverAt = due;
    this.#pauseOver = this.#clock.after(due - now, () => {
      this.#pauseOverAt = Number.POSITIVE_INFINITY;
      this.#permitFreed();
    });
  }
}
