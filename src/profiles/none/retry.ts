/**
 * What may be sent again to an API of which no more is known than HTTP. A 503 with Retry-After says of itself that it is
 * about load or maintenance (RFC 9110, 15.6.4), and that the request may come again. One without may come from a proxy in
 * between that lost the answer: then only what may be repeated anyhow goes again.
 */
import { fieldOf } from '../../http/fields.ts';
import { createRetryByStatus, type RetryRules } from '../../upstream/retry-by-status.ts';
import type { RetryPolicy } from '../../upstream/retry-policy.ts';

export const createRetryPolicy = (rules: RetryRules): RetryPolicy =>
  createRetryByStatus(rules, (fields, isRepeatable) => fieldOf(fields, 'retry-after') !== null || isRepeatable());
