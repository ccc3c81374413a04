/** What the log says of what happens at the ports, before there is an exchange. */

import type { Clock } from '../clock.ts';
import type { Log, Meter } from '../observe/ports.ts';
import type { ServerEvents } from '../wire/server/options.ts';
import { seldom } from './seldom.ts';

type Told = Required<Pick<ServerEvents, 'unreadable' | 'crowded' | 'handshakeFailed' | 'acceptFailed'>>;

export function tellEdge(clock: Clock, meter: Meter, log: Log): Told {
  return {
    unreadable({ name, details }, peer, id) {
      meter.refused(name);
      log.info('unreadable request', { requestId: id, refusal: name, details, remote: peer });
    },
    crowded: seldom(clock, (remote: string, newcomer: boolean) =>
      log.warn('too many connections', { remote, closed: newcomer ? 'the newcomer' : 'an idle one' }),
    ),
    handshakeFailed: (reason, peer) => log.debug('TLS handshake failed', { reason, remote: peer }),
    acceptFailed: tellNotAccepted(clock, log, 'the main port'),
  };
}

export function tellNotAccepted(clock: Clock, log: Log, port: string): (error: NodeJS.ErrnoException) => void {
  const warn = seldom(clock, (reason: string) => log.warn(`a connection to ${port} could not be accepted`, { reason }));
  return ({ code, message }) => warn(code ?? message);
}
