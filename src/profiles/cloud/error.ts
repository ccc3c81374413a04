/**
 * Refusals as the Graph API's error object. What may be tried again has a code that clients of the Cloud API take for
 * "later": 130429 where a limit is the reason, 2 or 131016 where something is away. Codes and their meaning:
 * developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes.
 */
import { type Refusal, type RefusalName, refusalTable } from '../../exchange/refusals.ts';

interface Code {
  readonly code: number;
  readonly title: string;
  readonly transient: boolean;
}

const later: Code = { code: 130429, title: 'Rate limit hit', transient: true };
const away: Code = { code: 131016, title: 'Service unavailable', transient: true };
const invalid: Code = { code: 100, title: 'Invalid parameter', transient: false };
const wrong: Code = { code: 131000, title: 'Something went wrong', transient: false };
const denied: Code = { code: 10, title: 'Permission denied', transient: false };

const codes: Readonly<Partial<Record<RefusalName, Code>>> = {
  unauthenticated: { code: 190, title: 'Access token has expired or is not valid', transient: false },
  passwordChangeRequired: denied,
  forbidden: denied,
  bug: wrong,
  lineFull: later,
  holdTimeOver: later,
  endedByOperator: later,
  scopesFull: later,
  loginsFull: later,
  unreachable: away,
  broken: wrong,
  timedOut: wrong,
  diskFailed: away,
  tunnelsFull: away,
  stopping: away,
  storeAway: away,
  loop: wrong,
};

export function graphError(refusal: Refusal): string {
  const { code, title, transient } = codes[refusal.name] ?? invalid;
  const details = refusal.details ?? refusalTable[refusal.name].details;
  const type = code === 190 ? 'OAuthException' : 'WeirException';
  return JSON.stringify({
    error: {
      message: `(#${code}) ${title}`,
      type,
      code,
      ...(details !== null && { error_data: { messaging_product: 'whatsapp', details } }),
      is_transient: transient,
    },
  });
}
