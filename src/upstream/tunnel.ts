/**
 * Tunnel: what takes the place of `forward` where the caller asks to switch protocols. The request is one like any
 * other until it is answered; what is open after that is counted, since it has no permit. A tunnel lasts as long as its
 * caller likes, so no caller may have all of them.
 */
import type { Downstream } from '../exchange/ports.ts';
import { nameOf } from '../exchange/principal.ts';
import { refuse } from '../exchange/refusals.ts';
import type { RouteClass } from '../exchange/route.ts';
import { Shares } from '../shares/shares.ts';
import { createForward, type Forward } from './forward.ts';
import type { Tunnels } from './ports.ts';
import type { ForwardDeps } from './towards.ts';

interface TunnelDeps<Switching extends Downstream> extends Omit<ForwardDeps, 'coreapp'> {
  /** To the upstream of a class. */
  readonly tunnelsOf: (name: RouteClass) => Tunnels<Switching>;
  /** Who has how many tunnels, including those that are being asked for. */
  readonly places: Shares;
}

/** What one caller may have of those that others leave. */
const callerShareMax = 0.9;
/** When to come back is a guess: nobody knows when a tunnel ends. */
const fullRetryAfterMs = 1_000;

export function tunnelPlaces(max: number): Shares {
  return new Shares(max, callerShareMax);
}

export function boundTunnels(places: Shares, max: number): void {
  places.configure(max, callerShareMax);
}

export function createTunnel<Switching extends Downstream>(deps: TunnelDeps<Switching>): Forward<Switching> {
  const { tunnelsOf, places, others } = deps;
  return (exchange, downstream) => {
    const caller = nameOf(exchange.principal);
    if (!places.hasRoomFor(caller)) {
      exchange.permit.end('unused');
      exchange.charge?.unsent();
      const details = places.total < places.max ? 'This caller has too many WebSocket connections open.' : null;
      return Promise.resolve(refuse('tunnelsFull', details, fullRetryAfterMs));
    }
    const { class: name } = exchange.route;
    const coreapp = tunnelsOf(name).over(downstream, {
      asked: () => places.take(caller),
      ended: () => places.give(caller),
    });
    const reachability = others?.get(name)?.reachability ?? deps.reachability;
    return createForward({ ...deps, coreapp, reachability, others: null })(exchange, downstream);
  };
}
