/** How urgent a request is in line: what it asks for, as far as its caller may. */
import type { Principal } from '../../exchange/principal.ts';
import type { Fields } from '../../http/fields.ts';
import { urgencyAsked } from '../../http/priority.ts';

/** From this urgency on a request is bulk: an alarm pauses it, and nothing that is more urgent. */
export const bulkUrgency = 4;

/** The best urgency that callers may ask for: 0 is the most urgent. A request for a better one gets this. */
export interface BestUrgency {
  readonly users: number;
  readonly admins: number;
  /** By user name; goes before the role. */
  readonly names: ReadonlyMap<string, number>;
}

export function bestUrgencyOf(principal: Principal, { users, admins, names }: BestUrgency): number {
  if (principal.kind !== 'user') return users;
  return names.get(principal.name) ?? (principal.role === 'ROLE_ADMIN' ? admins : users);
}

/** The urgency that a request has in line. */
export function urgencyOf(fields: Fields, principal: Principal, best: BestUrgency): number {
  return Math.max(urgencyAsked(fields), bestUrgencyOf(principal, best));
}
