/** How urgent a request is: what its `Priority` field says (RFC 9218), as far as its caller may say so. */
import type { Fields } from '../exchange/exchange.ts';
import type { Principal } from '../exchange/principal.ts';
import { memberOf } from './structured.ts';

/** What a request has that does not say (RFC 9218, 4.1). */
export const usualUrgency = 3;

/** The best urgency that callers may ask for: 0 is the most urgent. Whoever asks for better gets this. */
export interface BestUrgency {
  readonly users: number;
  readonly admins: number;
  /** By user name; goes before the role. */
  readonly names: ReadonlyMap<string, number>;
}

/** `u` of a `Priority` field. One that cannot be read, is no integer or out of range counts as none. */
export function urgencyAsked(fields: Fields): number {
  const value = memberOf(fields, 'priority', 'u');
  return value !== null && /^(?:0*[0-7]|-0+)$/.test(value) ? Math.abs(Number(value)) : usualUrgency;
}

export function bestUrgencyOf(principal: Principal, { users, admins, names }: BestUrgency): number {
  if (principal.kind !== 'user') return users;
  return names.get(principal.name) ?? (principal.role === 'ROLE_ADMIN' ? admins : users);
}

/** The urgency that a request has in line. */
export function urgencyOf(fields: Fields, principal: Principal, best: BestUrgency): number {
  return Math.max(urgencyAsked(fields), bestUrgencyOf(principal, best));
}
