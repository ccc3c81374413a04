/**
 * A request is sent by the configuration that is in force when it goes. It may have come under another, and waited
 * through a reload. An attempt ends by the rules that it was sent by.
 */
import type { Downstream } from '../exchange/ports.ts';
import type { Forward } from '../upstream/forward.ts';
import type { UpgradeDownstream } from '../wire/server/upgrade.ts';

export interface Senders {
  readonly forward: Forward<Downstream>;
  readonly tunnel: Forward<UpgradeDownstream>;
}

export class Sending {
  #senders: Senders | null = null;

  use(senders: Senders): void {
    this.#senders = senders;
  }

  readonly forward: Senders['forward'] = (exchange, downstream) => this.#inForce.forward(exchange, downstream);
  readonly tunnel: Senders['tunnel'] = (exchange, downstream) => this.#inForce.tunnel(exchange, downstream);

  get #inForce(): Senders {
    if (this.#senders === null) throw new Error('Nothing is sent before there is a configuration.');
    return this.#senders;
  }
}
