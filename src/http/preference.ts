/** The preference `wait` (RFC 7240, 4.3): how long, in seconds, a caller is ready to wait. */
import { type Fields, fieldOf, fieldsOf } from './fields.ts';

/** One preference (RFC 7240, 2): its name, its value where it is written without quotes, and parameters. */
const preference = /^[ \t]*([\w!#$%&'*+.^`|~-]+)[ \t]*(?:=([^";]*))?/;

/**
 * The seconds of `Prefer: wait=N`. Null: there is none, or it is no number of seconds; such a preference is ignored,
 * never an error. Of several the first one counts.
 */
export function waitPreferred(fields: Fields): number | null {
  if (fieldOf(fields, 'prefer') === null) return null;
  for (const text of listed(fieldsOf(fields, 'prefer').join(','))) {
    const [, name, value] = preference.exec(text) ?? [];
    if (name?.toLowerCase() !== 'wait') continue;
    const seconds = value?.trim() ?? '';
    return /^\d+$/.test(seconds) ? Number(seconds) : null;
  }
  return null;
}

/** The elements of a list: between commas that are not within quotes. */
function listed(text: string): string[] {
  const elements: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') quoted = !quoted;
    else if (quoted && character === '\\') at += 1;
    else if (!quoted && character === ',') {
      elements.push(text.slice(start, at));
      start = at + 1;
    }
  }
  elements.push(text.slice(start));
  return elements;
}
