/** Audit: what a request did to an account, or was refused to do. One line for each, wherever it ended. */
import { couldBeUsername } from '../../auth/credentials.ts';
import type { AuditReason, Identified, Received } from '../../exchange/exchange.ts';
import type { Outcome } from '../../exchange/outcome.ts';
import { nameOf } from '../../exchange/principal.ts';
import type { AuditAction, AuditLine } from '../../observe/audit.ts';
import type { Log } from '../../observe/ports.ts';
import type { OwnEndpoint } from './routes.ts';

const actions: Readonly<Partial<Record<`${string} ${OwnEndpoint}`, AuditAction>>> = {
  'POST login': 'login',
  'POST logout': 'logout',
  'POST users': 'user.add',
  'PUT user': 'user.password',
  'DELETE user': 'user.delete',
};

/** For an exchange whose route is one of Weir's own. */
export function audit(log: Log, exchange: Received, end: Outcome): void {
  const { route, principal } = exchange as Partial<Identified>;
  if (route?.by !== 'weir') return;
  const action = actions[`${exchange.method} ${route.endpoint as OwnEndpoint}`];
  if (action === undefined) return;
  const { note } = exchange.counters;
  const reason = end.kind === 'page' ? null : (note?.reason ?? reasonOf(end));
  const self = action === 'logout' && principal?.kind === 'user' ? principal.name : null;
  const user = note?.user ?? named(route.username) ?? self;
  const loggedIn = action === 'login' && reason === null && user !== null;
  const line: AuditLine = {
    action,
    outcome: reason === null ? 'done' : 'refused',
    reason,
    by: 'request',
    requestId: exchange.id,
    principal: loggedIn ? `user:${user}` : principal === undefined ? null : nameOf(principal),
    user,
    remote: exchange.origin.remote,
  };
  log.audit(line);
  if (note?.passwordChanged === true) log.audit({ ...line, action: 'user.password', outcome: 'done', reason: null });
}

function reasonOf(end: Outcome): AuditReason {
  return end.kind === 'refusal' ? end.name : 'gone';
}

/** The user that a path names, where it could be one. */
function named(username: string | null): string | null {
  return username !== null && couldBeUsername(username) ? username : null;
}
