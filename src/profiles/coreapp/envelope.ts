/** The envelope that every answer of the Webapp comes in (docs/reference/webapp-contract.md, "Answers"). */
import type { Page } from '../../exchange/outcome.ts';
import { type Refusal, type RefusalName, refusalTable } from '../../exchange/refusals.ts';

/** The API version whose answers Weir gives: the last of the On-Premises API. */
const apiVersion = '2.61.1';

const meta = { version: apiVersion, api_status: 'stable' } as const;

/** The Webapp's codes and titles (docs/reference/webapp-contract.md, "Answers"). */
export const codes: Readonly<Record<RefusalName, readonly [code: number, title: string]>> = {
  malformed: [1025, 'Request is not valid'],
  parameterMissing: [1008, 'Required parameter is missing'],
  parameterInvalid: [1009, 'Parameter value is not valid'],
  parameterNotRequired: [1010, 'Parameter is not required'],
  unauthenticated: [1005, 'Access denied'],
  passwordChangeRequired: [1024, 'Password change required'],
  forbidden: [1005, 'Access denied'],
  notFound: [1006, 'Resource not found'],
  methodNotAllowed: [1025, 'Request is not valid'],
  requestTimeout: [1025, 'Request is not valid'],
  exists: [1004, 'Resource already exists'],
  bodyTooLarge: [1025, 'Request is not valid'],
  targetTooLong: [1025, 'Request is not valid'],
  expectationFailed: [1025, 'Request is not valid'],
  fieldsTooLarge: [1025, 'Request is not valid'],
  bug: [1000, 'Generic error'],
  unreachable: [1014, 'Internal error'],
  broken: [1014, 'Internal error'],
  lineFull: [1016, 'System overloaded'],
  holdTimeOver: [1016, 'System overloaded'],
  endedByOperator: [1016, 'System overloaded'],
  scopesFull: [1016, 'System overloaded'],
  diskFailed: [1016, 'System overloaded'],
  loginsFull: [1016, 'System overloaded'],
  tunnelsFull: [1016, 'System overloaded'],
  stopping: [1011, 'Service not ready'],
  storeAway: [1023, 'Database error occurred'],
  timedOut: [1014, 'Internal error'],
  loop: [1014, 'Internal error'],
};

/** The payload in its envelope, as JSON text. */
export function envelope(payload: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...payload, meta });
}

/** A payload in its envelope, as a page. */
export function page(status: number, payload: Readonly<Record<string, unknown>>): Page {
  return { kind: 'page', status, fields: [], body: envelope(payload) };
}

/** A refusal in its envelope: `details` is left out when there are none. */
export function errorEnvelope(refusal: Refusal): string {
  const [code, title] = codes[refusal.name];
  const { details } = refusalTable[refusal.name];
  const said = refusal.details ?? details;
  return envelope({
    errors: [said === null ? { code, title } : { code, title, details: said.replace('The upstream', 'The Coreapp') }],
  });
}
