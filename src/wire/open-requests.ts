/**
 * Requests that trusted proxies send for others. A proxy's connections are many callers', so there is no bound for them
 * (`connections.ts`); here the bound is for the callers: each network has a share of what others leave, as of
 * connections.
 */
import type { Origin } from '../http/forwarded.ts';
import { networkOf } from '../http/network.ts';
import { addressShareMax } from './connections.ts';

export interface OpenRequestsBounds {
  readonly max: number;
  /** Of one network; null: its share, and no other bound. */
  readonly perAddressMax: number | null;
}

/** Of one network. */
export interface Caller {
  open: number;
}

/** How many networks without a request are kept in mind, so that the table need not change with each request. */
const idleCallersMax = 1_000;

export class OpenRequests {
  readonly #bounds: OpenRequestsBounds;
  readonly #callers = new Map<string, Caller>();
  #sweepAt = idleCallersMax;
  #open = 0;

  constructor(bounds: OpenRequestsBounds) {
    this.#bounds = bounds;
  }

  /** Counts a request. Null: its caller has as many as it may; else to be given back by `leave`. */
  enter({ peer, remote }: Origin): Caller | null {
    if (peer === remote) return direct;
    const caller = this.#callerOf(networkOf(remote));
    if (!this.#mayHaveMore(caller)) return null;
    caller.open += 1;
    this.#open += 1;
    return caller;
  }

  leave(caller: Caller): void {
    if (caller === direct) return;
    caller.open -= 1;
    this.#open -= 1;
  }

  #mayHaveMore({ open }: Caller): boolean {
    const { max, perAddressMax } = this.#bounds;
    if (open === 0) return true;
    if (perAddressMax !== null && open >= perAddressMax) return false;
    return open + 1 <= addressShareMax * (max - this.#open + open);
  }

  #callerOf(name: string): Caller {
    let caller = this.#callers.get(name);
    if (caller === undefined) {
      if (this.#callers.size >= this.#sweepAt) this.#forgetIdle();
      caller = { open: 0 };
      this.#callers.set(name, caller);
    }
    return caller;
  }

  #forgetIdle(): void {
    for (const [name, { open }] of this.#callers) if (open === 0) this.#callers.delete(name);
    this.#sweepAt = idleCallersMax + this.#callers.size;
  }
}

/** Counts for no network: it came on a connection of its own, which is counted as such. */
const direct: Caller = { open: 0 };
