/** The envelope that every answer of the Webapp comes in (docs/reference/webapp-contract.md, "Answers"). */
import type { Refusal } from '../../exchange/refusals.ts';
import { refusalTable } from '../../exchange/refusals.ts';

/** The API version whose answers Weir gives: the last of the On-Premises API. */
export const apiVersion = '2.61.1';

export const meta = { version: apiVersion, api_status: 'stable' } as const;

/** The payload in its envelope, as JSON text. */
export function envelope(payload: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...payload, meta });
}

/** A refusal in its envelope: `details` is left out when there are none. */
export function errorEnvelope(refusal: Refusal): string {
  const { code, title, details } = refusalTable[refusal.name];
  const said = refusal.details ?? details;
  return envelope({ errors: [said === null ? { code, title } : { code, title, details: said }] });
}
