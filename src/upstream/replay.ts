/**
 * What may be sent again (docs/architecture.md, "Replay"). The Coreapp throttles before it acts, so its 429 and 503 are
 * safe for every method; a request that was never written is, too. Anything else may have been acted on: only methods
 * that are idempotent (RFC 9110, 9.2.2) go again, a message never does: unless it carries a key by which the Coreapp
 * knows it again, as configuration says of the classes where it does.
 */
import type { Fields } from '../exchange/exchange.ts';
import { fieldsOf } from '../http/fields.ts';

/** Why a request goes again: a 429, a 503, nothing written, its slot closed before that, or an idempotent exchange that broke. */
export type ReplayReason = 'throttled' | 'overloaded' | 'unsent' | 'late' | 'broken';

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

const againPauseMs = 10;
const againPauseMaxMs = 1_000;

/**
 * How long a request rests that was refused again and not told for how long, milliseconds: the pace of the probes where
 * everything is refused (`admission/concurrency/permits.ts`).
 * @param refusals how many there were, 2 or more
 * @param random uniform in [0, 1)
 */
export function pauseAfterRefusals(refusals: number, random: number): number {
  return Math.min(againPauseMaxMs, againPauseMs * 2 ** (refusals - 1)) * (0.5 + 0.5 * random);
}

const brokenPauseMs = 100;
const brokenPauseGrows = 5;
const brokenPauseMaxMs = 10_000;

/**
 * How long a request rests before it goes again after a broken exchange, milliseconds: it may be what breaks the Coreapp,
 * which needs the time to come back. Callers whose exchanges broke together come back apart.
 * @param repeat the first is 1
 * @param random uniform in [0, 1)
 */
export function pauseBeforeRepeat(repeat: number, random: number): number {
  const longestMs = Math.min(brokenPauseMaxMs, brokenPauseMs * brokenPauseGrows ** (repeat - 1));
  return longestMs * (0.5 + 0.5 * random);
}

/** The three forms of an HTTP date, the last of which does not say that it is GMT (RFC 9110, 5.6.7). */
const httpDate = /^[A-Z][a-z]{2,8},? .*\d{2}:\d{2}:\d{2}/;

/** A `Retry-After` field (RFC 9110, 10.2.3): seconds or a date, as milliseconds from now; 0 where it is neither or past. */
export function retryAfterMs(value: string | null, wallMs: number): number {
  if (value === null) return 0;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, Number.MAX_SAFE_INTEGER);
  if (!httpDate.test(text)) return 0;
  const date = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(date) ? 0 : Math.max(0, date - wallMs);
}
