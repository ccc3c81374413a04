/** What may be sent to the Coreapp again. It throttles before it acts, so its 503 is safe for every method. */

import { createRetryByStatus, type RetryRules } from '../../upstream/retry-by-status.ts';
import type { RetryPolicy } from '../../upstream/retry-policy.ts';

export const createRetryPolicy = (rules: RetryRules): RetryPolicy => createRetryByStatus(rules, () => true);
