/** How the Cloud API says no: one form, and codes that its statuses say nothing of. */
import { randomBytes } from 'node:crypto';
import type { Answer } from '../server.ts';

/** From the vendor's page of error codes. */
export const titles: Readonly<Record<number, string>> = {
  0: 'Authentication error',
  33: 'Parameter value is not valid',
  80007: 'Rate limit issues',
  100: 'Invalid parameter',
  130429: 'Rate limit hit',
  131009: 'Parameter value is not valid',
  131026: 'Message undeliverable',
  131047: 'Re-engagement message',
  131048: 'Spam rate limit hit',
  131056: '(Business Account, Consumer Account) pair rate limit hit',
  131057: 'Account in maintenance mode',
  132000: 'Number of parameters does not match the expected number of params',
  132001: 'Template name does not exist in the translation',
  190: 'Access token has expired',
};
const later: ReadonlySet<number> = new Set([80007, 130429, 131056, 131057]);

export function errorAnswer(code: number, status: number, details?: string): Answer {
  const title = titles[code] ?? 'Something went wrong';
  return {
    status,
    body: {
      error: {
        message: `(#${code}) ${title}`,
        type: 'OAuthException',
        code,
        error_data: { messaging_product: 'whatsapp', details: details ?? title },
        is_transient: later.has(code),
        fbtrace_id: randomBytes(8).toString('base64url'),
      },
    },
  };
}
