/**
 * What may be sent again by what its status says (docs/architecture.md, "Replay"). A request that was never written may.
 * 429 says that nothing was done (RFC 6585, 4). What 503 says depends on the API (`mayRepeat`). Anything else may have
 * been acted on: only idempotent methods (RFC 9110, 9.2.2) go again; or a POST that carries a key by which the upstream
 * recognises it, where its class is configured as one where the upstream does so.
 */
import type { Clock } from '../clock.ts';
import type { RouteClass } from '../exchange/route.ts';
import { type Fields, fieldOf, fieldsOf } from '../http/fields.ts';
import { retryAfterMs } from '../http/retry-after.ts';
import { type FailureVerdict, pass, passOverloaded, type RetryPolicy } from './retry-policy.ts';

export interface RetryRules {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** The classes where the upstream honours `Idempotency-Key`. */
  readonly honoursIdempotencyKey: readonly RouteClass[];
  /** How often a request goes again after an exchange that broke; 0: never. */
  readonly brokenRepeatsMax: number;
}

/** Whether a request that was answered 503 may go again. @param fields of the answer */
type MayRepeat = (fields: Fields, isRepeatable: () => boolean) => boolean;

const again: FailureVerdict = { again: true, teaches: true };
const over: FailureVerdict = { again: false, teaches: true };

/** Without TRACE, which Weir answers itself (`exchange/receive.ts`). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

/** Methods for which `Idempotency-Key` is defined (draft-ietf-httpapi-idempotency-key-header). */
const keyed: ReadonlySet<string> = new Set(['POST', 'PATCH']);

export function createRetryByStatus(rules: RetryRules, mayRepeat: MayRepeat): RetryPolicy {
  const { clock, honoursIdempotencyKey, brokenRepeatsMax } = rules;
  const isRepeatable = (method: string, of: RouteClass, fields: Fields): boolean =>
    idempotent.has(method) || (honoursIdempotencyKey.includes(of) && isKeyed(method, fields));
  const pauseMsIn = (fields: Fields): number => retryAfterMs(fieldOf(fields, 'retry-after'), clock.wallMs());
  return {
    answered({ method, route, fields: sent }, status, fields) {
      if (status === 429) return { kind: 'retry', limit: 'rate', pauseMs: pauseMsIn(fields) };
      if (status !== 503) return pass;
      if (!mayRepeat(fields, () => isRepeatable(method, route.class, sent))) return passOverloaded;
      return { kind: 'retry', limit: 'load', pauseMs: pauseMsIn(fields) };
    },
    failed({ method, route, brokenRepeats }, sent, { phase }) {
      if (phase === 'unsent') return again;
      if (phase === 'answering' || brokenRepeats >= brokenRepeatsMax) return over;
      return isRepeatable(method, route.class, sent) ? again : over;
    },
  };
}

/** Whether an upstream that honours `Idempotency-Key` takes a second copy for the first. Two keys count as none. */
function isKeyed(method: string, fields: Fields): boolean {
  if (!keyed.has(method)) return false;
  const keys = fieldsOf(fields, 'idempotency-key');
  return keys.length === 1 && keys[0] !== '' && keys[0] !== '""';
}
