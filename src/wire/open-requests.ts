/**
 * Requests that trusted proxies send for others. A proxy's connections are many callers', so there is no bound for them
 * (`connections.ts`); here the bound is for the callers: each network has a share of what others leave, as of
 * connections.
 */
import type { Origin } from '../http/forwarded.ts';
import { networkOf } from '../http/network.ts';
import { Callers } from '../shares/callers.ts';
import { mayHaveOneMore } from '../shares/part.ts';
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

export class OpenRequests {
  #bounds: OpenRequestsBounds;
  readonly #callers = new Callers<Caller>(
    () => ({ open: 0 }),
    ({ open }) => open === 0,
  );
  #open = 0;

  constructor(bounds: OpenRequestsBounds) {
    this.#bounds = bounds;
  }

  /** Other bounds, from the next request on. */
  configure(bounds: OpenRequestsBounds): void {
    this.#bounds = bounds;
  }

  /** Counts a request. Null: its caller has as many as it may; else to be given back by `leave`. */
  enter({ peer, remote }: Origin): Caller | null {
    if (peer === remote) return direct;
    const caller = this.#callers.of(networkOf(remote));
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
    if (open > 0 && perAddressMax !== null && open >= perAddressMax) return false;
    return mayHaveOneMore(addressShareMax, open, max - this.#open);
  }
}

/** Counts for no network: it came on a connection of its own, which is counted as such. */
const direct: Caller = { open: 0 };
