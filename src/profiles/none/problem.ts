/** Refusals as problem details (RFC 9457): for APIs whose own form of errors Weir does not know. */
import type { RefusalBody } from '../../exchange/answer.ts';
import { refusalTable } from '../../exchange/refusals.ts';

export const problemType = 'application/problem+json';

/**
 * `code` is the refusal's name (docs/reference/errors.md); `type` says that the status tells the rest.
 * @param phrases of statuses (RFC 9110, 15), which are the titles then
 */
export function problemsWith(phrases: Readonly<Record<number, string | undefined>>): RefusalBody {
  return (refusal) => {
    const { status, details } = refusalTable[refusal.name];
    const detail = refusal.details ?? details;
    const said = { type: 'about:blank', title: phrases[status], status, ...(detail !== null && { detail }) };
    return JSON.stringify({ ...said, code: refusal.name });
  };
}
