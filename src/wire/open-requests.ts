/**
 * Requests that trusted proxies send for others. A proxy's connections are many callers', so there is no bound for them
 * (`connections.ts`); here the bound is for the callers: each network has a share of what others leave, as of
 * connections.
 */
import type { Origin } from '../http/forwarded.ts';
import { networkOf } from '../http/network.ts';
import { Callers } from '../shares/callers.ts';
import { type ConnectionBounds, mayHaveMore } from './connections.ts';

/** `perAddressMax` is of one network. */
export type OpenRequestsBounds = Omit<ConnectionBounds, 'closesBusy'>;

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
    if (!mayHaveMore(caller.open, this.#open, this.#bounds)) return null;
    caller.open += 1;
    this.#open += 1;
    return caller;
  }

  leave(caller: Caller): void {
    if (caller === direct) return;
    caller.open -= 1;
    this.#open -= 1;
  }
}

/** Counts for no network: it came on a connection of its own, which is counted as such. */
const direct: Caller = { open: 0 };
