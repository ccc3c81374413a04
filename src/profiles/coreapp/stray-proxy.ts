/**
 * A proxy in front that the configuration does not name: all callers have its address then, and share the failures that
 * one address is allowed. Weir looks for it only where it answers itself, which is seldom: clients log in there, and
 * forwarded requests pay nothing.
 */
import { type Fields, fieldOf } from '../../http/fields.ts';
import type { Origin } from '../../http/forwarded.ts';
import type { Log } from '../../observe/ports.ts';

/** Warns of the first one and says no more: a caller may write that field itself. */
export function createStrayProxyWarning(
  log: Pick<Log, 'warn'>,
): (exchange: { readonly origin: Origin; readonly fields: Fields }) => void {
  let warned = false;
  return ({ origin, fields }) => {
    if (warned || origin.trusted || fieldOf(fields, 'x-forwarded-for') === null) return;
    warned = true;
    log.warn(
      'X-Forwarded-For of a peer that is not in http.trustedProxies is ignored; if it is your proxy, name it there',
      {
        peer: origin.peer,
      },
    );
  };
}
