/**
 * Dictionaries and lists of structured fields (RFC 9651, 3), as far as Weir needs them: well formed or not, the bare
 * values, and the parameters of items. A field that is not well formed is as good as none (4.2).
 */
import { type Fields, fieldsOf } from './fields.ts';

const key = '[a-z*][a-z0-9_.*-]*';
/** Number or date, string, token, bytes, boolean, display string. */
const bare =
  '@?-?\\d{1,15}(?![\\d.])|-?\\d{1,12}\\.\\d{1,3}(?!\\d)|"(?:[ !#-[\\]-~]|\\\\["\\\\])*"' +
  '|[A-Za-z*][\\w!#$%&\'*+.^`|~:/-]*|:[A-Za-z0-9+/=]*:|\\?[01]|%"(?:[ !#$&-~]|%[0-9a-f]{2})*"';
const parameters = `(?:; *${key}(?:=(?:${bare}))?)*`;
const item = `(?:${bare})${parameters}`;
const innerList = `\\( *(?:${item}(?: +${item})* *)?\\)${parameters}`;
const member = new RegExp(`(${key})(?:=(?:(${bare})${parameters}|${innerList})|${parameters})`, 'y');
const separator = /[ \t]*,[ \t]*/y;

/**
 * The bare value of one member, as it is written: `3`, `?1`, `"text"`. Null: there is no such member, it is a list, the
 * field is not well formed, or there is none. Several fields are one; of several members with one key the last counts.
 */
export function memberOf(fields: Fields, field: string, name: string): string | null {
  let found: string | null = null;
  for (const [, key, value] of itemsOf(fields, field, member)) if (key === name) found = value ?? null;
  return found;
}

const listed = new RegExp(`(?:${bare})(${parameters})`, 'y');
const parameter = new RegExp(`; *(${key})(?:=(${bare}))?`, 'g');

/**
 * The parameters of each item of a list, bare values as they are written. Empty: the field is no list of items that is
 * well formed, or there is none.
 */
export function parametersOf(fields: Fields, field: string): ReadonlyMap<string, string>[] {
  return itemsOf(fields, field, listed).map(
    ([, given = '']) => new Map([...given.matchAll(parameter)].map(([, name = '', value = '?1']) => [name, value])),
  );
}

/** What stands between commas, as `item` matches it, which is sticky. Empty: not all of it does, or there is nothing. */
function itemsOf(fields: Fields, field: string, item: RegExp): RegExpExecArray[] {
  const text = fieldsOf(fields, field).join(',').trim();
  const items: RegExpExecArray[] = [];
  for (let at = 0; at < text.length; ) {
    item.lastIndex = at;
    const match = item.exec(text);
    if (match === null) return [];
    items.push(match);
    at += match[0].length;
    if (at === text.length) return items;
    separator.lastIndex = at;
    const comma = separator.exec(text);
    at += comma?.[0].length ?? 0;
    if (comma === null || at === text.length) return [];
  }
  return [];
}
