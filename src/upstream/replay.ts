/**
 * What may be sent again (docs/architecture.md, "Replay"). The Coreapp throttles before it acts, so its 429 and 503 are
 * safe for every method; a request that was never written is, too. Anything else may have been acted on: only methods
 * that are idempotent (RFC 9110, 9.2.2) go again, a message never does: unless it carries a key by which the Coreapp
 * knows it again, as configuration says of the classes where it does.
 */
import type { ReplayReason } from '../exchange/outcome.ts';
import { type Fields, fieldsOf } from '../http/fields.ts';

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

/** Methods for which `Idempotency-Key` is defined (draft-ietf-httpapi-idempotency-key-header). */
const keyed: ReadonlySet<string> = new Set(['POST', 'PATCH']);

/** Whether a Coreapp that honours `Idempotency-Key` takes a second copy for the first. Two keys are none. */
export function isKeyed(method: string, fields: Fields): boolean {
  if (!keyed.has(method)) return false;
  const keys = fieldsOf(fields, 'idempotency-key');
  return keys.length === 1 && keys[0] !== '' && keys[0] !== '""';
}

/**
 * The reason to replay an exchange that ended without an answer; null: it must not be.
 * @param known it has a key by which the Coreapp knows it again
 */
export function replayAfterFailure(
  method: string,
  phase: 'unsent' | 'sent' | 'answering',
  known: boolean,
): ReplayReason | null {
  switch (phase) {
    case 'unsent':
      return 'unsent';
    case 'sent':
      return known || idempotent.has(method) ? 'broken' : null;
    case 'answering':
      return null;
  }
}

/** The reason to replay after an answer with this status; null: the answer is the caller's. */
export function replayAfterAnswer(status: number): ReplayReason | null {
  switch (status) {
    case 429:
      return 'throttled';
    case 503:
      return 'overloaded';
    default:
      return null;
  }
}
