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
  const text = fieldsOf(fields, field).join(',').trim();
  let found: string | null = null;
  for (let at = 0; at < text.length; ) {
    member.lastIndex = at;
    const match = member.exec(text);
    if (match === null) return null;
    const [whole, key, value] = match;
    if (key === name) found = value ?? null;
    at += whole.length;
    if (at === text.length) return found;
    separator.lastIndex = at;
    const comma = separator.exec(text);
    at += comma?.[0].length ?? 0;
    if (comma === null || at === text.length) return null;
  }
  return null;
}

const listed = new RegExp(`(?:${bare})(${parameters})`, 'y');
const parameter = new RegExp(`; *(${key})(?:=(${bare}))?`, 'g');

/**
 * The parameters of each item of a list, bare values as they are written. Empty: the field is no list of items that is
 * well formed, or there is none.
 */
export function parametersOf(fields: Fields, field: string): ReadonlyMap<string, string>[] {
  const text = fieldsOf(fields, field).join(',').trim();
  const found: ReadonlyMap<string, string>[] = [];
  for (let at = 0; at < text.length; ) {
    listed.lastIndex = at;
    const match = listed.exec(text);
    if (match === null) return [];
    const [whole, given = ''] = match;
    found.push(new Map([...given.matchAll(parameter)].map(([, name = '', value = '?1']) => [name, value])));
    at += whole.length;
    if (at === text.length) return found;
    separator.lastIndex = at;
    const comma = separator.exec(text);
    at += comma?.[0].length ?? 0;
    if (comma === null || at === text.length) return [];
  }
  return found;
}
