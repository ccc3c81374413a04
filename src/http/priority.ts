/** How urgent a request is: what its `Priority` field says (RFC 9218). */
import type { Fields } from './fields.ts';
import { memberOf } from './structured.ts';

/** The urgency of a request that does not say (RFC 9218, 4.1). */
const usualUrgency = 3;

/** `u` of a `Priority` field. One that cannot be read, is no integer or out of range counts as none. */
export function urgencyAsked(fields: Fields): number {
  const value = memberOf(fields, 'priority', 'u');
  return value !== null && /^(?:0*[0-7]|-0+)$/.test(value) ? Math.abs(Number(value)) : usualUrgency;
}
