/** Tunnel: what takes the place of `forward` where the caller asks to switch protocols. One attempt, never replayed. */

import { refuse } from '../model/refusals.ts';
import type { Clock, Meter, Tunnels } from '../ports.ts';
import { answerRefusal } from './answer.ts';
import { type Forward, requestFields } from './forward.ts';

export interface TunnelWorld {
  readonly clock: Clock;
  readonly tunnels: Tunnels;
  readonly meter: Meter;
  /** The value of `Authorization` towards the Coreapp; null: none. */
  readonly authorization: string | null;
}

const switched = 101;

export function createTunnel({ clock, tunnels, meter, authorization }: TunnelWorld): Forward {
  return async (exchange, side) => {
    const { account, permit, route } = exchange;
    const openedAt = clock.now();
    account.attempts += 1;
    let status = switched;
    const end = await tunnels.open(requestFields(exchange, authorization), side, () => {
      status = answerRefusal(exchange, side, refuse('unreachable'));
    });
    account.coreappMs = clock.now() - openedAt;
    meter.coreappAnswered(route.class, end === 'closed' ? status : 'failure', account.coreappMs);
    permit.end(end === 'closed' ? 'answered' : 'failed');
    return { kind: 'passed', status };
  };
}
