/**
 * Tunnel: what takes the place of `forward` where the caller asks to switch protocols. The request is one like any other
 * until it is answered; what is open after that is counted, since no permit is held for it.
 */
import { refuse } from '../model/refusals.ts';
import type { Tunnels } from '../ports.ts';
import { createForward, type Forward } from './forward.ts';
import type { ForwardWorld } from './towards.ts';

export interface TunnelWorld extends Omit<ForwardWorld, 'coreapp'> {
  readonly tunnels: Tunnels;
}

/** How many a replica keeps open, those included that are being asked for. */
export const tunnelsMax = 1_000;
/** Nobody knows when one ends. */
const fullRetryAfterMs = 1_000;

export function createTunnel(world: TunnelWorld): Forward {
  const { tunnels } = world;
  return (exchange, side) => {
    if (tunnels.count < tunnelsMax) return createForward({ ...world, coreapp: tunnels.over(side) })(exchange, side);
    exchange.permit.end('unused');
    return Promise.resolve(refuse('lineFull', 'Too many WebSocket connections are open.', fullRetryAfterMs));
  };
}
