/** What may be sent to the Coreapp again. It throttles before it acts, so its 503 is safe for every method. */

import type { RetryPolicy } from '../../upstream/retry-policy.ts';
import { createRetrying, type RetryRules } from '../../upstream/retrying.ts';

export const createRetryPolicy = (rules: RetryRules): RetryPolicy => createRetrying(rules, () => true);
