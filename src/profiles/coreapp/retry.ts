/**
 * What may be sent to the Coreapp again (docs/architecture.md, "Replay"). It throttles before it acts, so its 429 and
 * 503 are safe for every method; a request that was never written is, too. Anything else may have been acted on: only
 * idempotent methods (RFC 9110, 9.2.2) go again. A message never does, unless it carries a key by which the Coreapp
 * recognises it, and its class is configured as one where the Coreapp does so.
 */
import type { Clock } from '../../clock.ts';
import type { RouteClass } from '../../exchange/route.ts';
import { type Fields, fieldOf, fieldsOf } from '../../http/fields.ts';
import { retryAfterMs } from '../../http/retry-after.ts';
import { type FailureVerdict, pass, type Retry, type RetryPolicy } from '../../upstream/retry-policy.ts';

export interface CoreappRetryRules {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** The classes where the Coreapp honours `Idempotency-Key`. */
  readonly honoursIdempotencyKey: readonly RouteClass[];
  /** How often a request goes again after an exchange that broke; 0: never. */
  readonly brokenRepeatsMax: number;
}

const again: FailureVerdict = { again: true, teaches: true };
const over: FailureVerdict = { again: false, teaches: true };

/** Without TRACE, which Weir answers itself (`exchange/receive.ts`). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

/** Methods for which `Idempotency-Key` is defined (draft-ietf-httpapi-idempotency-key-header). */
const keyed: ReadonlySet<string> = new Set(['POST', 'PATCH']);

export function createRetryPolicy({ clock, honoursIdempotencyKey, brokenRepeatsMax }: CoreappRetryRules): RetryPolicy {
  return {
    answered(_, status, fields) {
      const limit = limitReached(status);
      if (limit === null) return pass;
      return { kind: 'retry', limit, pauseMs: retryAfterMs(fieldOf(fields, 'retry-after'), clock.wallMs()) };
    },
    failed({ method, route, brokenRepeats }, sent, { phase }) {
      if (phase === 'unsent') return again;
      if (phase === 'answering' || brokenRepeats >= brokenRepeatsMax) return over;
      if (idempotent.has(method)) return again;
      return honoursIdempotencyKey.includes(route.class) && isKeyed(method, sent) ? again : over;
    },
  };
}

function limitReached(status: number): Retry['limit'] | null {
  switch (status) {
    case 429:
      return 'rate';
    case 503:
      return 'load';
    default:
      return null;
  }
}

/** Whether a Coreapp that honours `Idempotency-Key` takes a second copy for the first. Two keys count as none. */
function isKeyed(method: string, fields: Fields): boolean {
  if (!keyed.has(method)) return false;
  const keys = fieldsOf(fields, 'idempotency-key');
  return keys.length === 1 && keys[0] !== '' && keys[0] !== '""';
}
