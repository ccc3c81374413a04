/** Requests as they come: by which rules they are served, from when on, and how many are under way. */

import type { Downstream, RequestHead } from '../exchange/ports.ts';
import type { Gateway } from '../proxy.ts';
import type { UpgradeDownstream } from '../wire/server/upgrade.ts';
import type { Generation } from './generation.ts';
import type { Sending } from './sending.ts';

export class Traffic {
  readonly #sending: Sending;
  #generation: Generation;
  #begun = false;
  readonly #beginning = Promise.withResolvers<void>();
  #underWay = 0;
  #changed: ((underWay: number) => void) | null = null;
  #idle: (() => void) | null = null;
  readonly #ended = (): void => {
    this.#underWay -= 1;
    this.#changed?.(this.#underWay);
    if (this.#underWay === 0) this.#idle?.();
  };

  constructor(generation: Generation, sending: Sending) {
    this.#sending = sending;
    this.#generation = generation;
    sending.use(generation.senders);
  }

  /**
   * What the next request is served by, in the place of the last one. Requests under way end by the one that they began
   * with, but go to the upstream by the new one.
   */
  set generation(generation: Generation) {
    this.#generation = generation;
    this.#sending.use(generation.senders);
  }

  /** Whether an address is a proxy's whose word about callers is believed, as configured now. */
  trusts(address: string): boolean {
    return this.#generation.trusts(address);
  }

  /** The ports are open before the store has begun: the first requests wait for this. */
  begin(): void {
    this.#begun = true;
    this.#beginning.resolve();
  }

  request(head: RequestHead, downstream: Downstream): void {
    this.#follow(this.#generation.request, head, downstream);
  }

  /** A request to switch protocols. */
  upgrade(head: RequestHead, downstream: UpgradeDownstream): void {
    this.#follow(this.#generation.upgrade, head, downstream);
  }

  /** Calls back with how many are under way, now and whenever that changes. */
  follow(changed: (underWay: number) => void): void {
    this.#changed = changed;
    changed(this.#underWay);
  }

  /** How many are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  #follow<From extends Downstream>(gateway: Gateway<From>, head: RequestHead, downstream: From): void {
    this.#underWay += 1;
    this.#changed?.(this.#underWay);
    if (this.#begun) gateway(head, downstream, this.#ended);
    else void this.#beginning.promise.then(() => gateway(head, downstream, this.#ended));
  }
}
