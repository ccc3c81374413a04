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
export interface Sender {
  open: number;
}

/** How many networks without a request are kept in mind, so that the table need not change with each request. */
const idleSendersMax = 1_000;

export class OpenRequests {
  readonly #bounds: OpenRequestsBounds;
  readonly #senders = new Map<string, Sender>();
  #sweepAt = idleSendersMax;
  #open = 0;

  constructor(bounds: OpenRequestsBounds) {
    this.#bounds = bounds;
  }

  get open(): number {
    return this.#open;
  }

  /** Counts a request. Null: its sender has as many as it may; else to be given back by `leave`. */
  enter({ peer, remote }: Origin): Sender | null {
    if (peer === remote) return direct;
    const sender = this.#senderOf(networkOf(remote));
    if (!this.#mayHaveMore(sender)) return null;
    sender.open += 1;
    this.#open += 1;
    return sender;
  }

  leave(sender: Sender): void {
    if (sender === direct) return;
    sender.open -= 1;
    this.#open -= 1;
  }

  #mayHaveMore({ open }: Sender): boolean {
    const { max, perAddressMax } = this.#bounds;
    if (open === 0) return true;
    if (perAddressMax !== null && open >= perAddressMax) return false;
    return open + 1 <= addressShareMax * (max - this.#open + open);
  }

  #senderOf(name: string): Sender {
    let sender = this.#senders.get(name);
    if (sender === undefined) {
      if (this.#senders.size >= this.#sweepAt) this.#forgetIdle();
      sender = { open: 0 };
      this.#senders.set(name, sender);
    }
    return sender;
  }

  #forgetIdle(): void {
    for (const [name, { open }] of this.#senders) if (open === 0) this.#senders.delete(name);
    this.#sweepAt = idleSendersMax + this.#senders.size;
  }
}

/** Counts for no network: it came on a connection of its own, which is counted as such. */
const direct: Sender = { open: 0 };
