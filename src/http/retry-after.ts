/** The three forms of an HTTP date, the last of which does not say that it is GMT (RFC 9110, 5.6.7). */
const httpDate = /^[A-Z][a-z]{2,8},? .*\d{2}:\d{2}:\d{2}/;

/**
 * A `Retry-After` field (RFC 9110, 10.2.3): seconds or a date, as milliseconds from now; 0 where it is neither or past.
 */
export function retryAfterMs(value: string | null, wallMs: number): number {
  if (value === null) return 0;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, Number.MAX_SAFE_INTEGER);
  if (!httpDate.test(text)) return 0;
  const date = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(date) ? 0 : Math.max(0, date - wallMs);
}
