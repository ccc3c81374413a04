/** Header fields on their way through: what a proxy takes out and puts in (RFC 9110, 7.6). */
import type { Fields } from './exchange.ts';

/** Fields that mean one connection only (RFC 9110, 7.6.1), and those that Weir writes itself. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** The first value of a field, by its lower-case name; null where there is none. */
export function fieldOf(fields: Fields, name: string): string | null {
  for (let i = 0; i < fields.length; i += 2) {
    const candidate = fields[i] as string;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return fields[i + 1] as string;
  }
  return null;
}

/** All values of a field. */
export function fieldsOf(fields: Fields, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const candidate = fields[i] as string;
    if (candidate.length === name.length && candidate.toLowerCase() === name) values.push(fields[i + 1] as string);
  }
  return values;
}

/** Names that are the same as one of Weir's own for who makes one letter of all that is neither letter nor digit. */
export interface FieldTwins {
  /** Weir's own names as `plainName` gives them. */
  readonly of: ReadonlySet<string>;
  /** Odd names that are Weir's own as they stand. */
  readonly except: ReadonlySet<string>;
}

/** A lower-case name with a hyphen for whatever is neither letter nor digit. */
export function plainName(lower: string): string {
  return lower.replace(/[^a-z0-9]/g, '-');
}

/**
 * The fields that travel on: without the hop-by-hop ones, without those that `Connection` names, without `dropped`
 * (lower-case names) and without twins.
 */
export function endToEnd(fields: Fields, dropped: ReadonlySet<string>, twins: FieldTwins | null = null): string[] {
  const named = connectionOptions(fields);
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || dropped.has(lower) || named?.has(lower)) continue;
    if (twins !== null && isOdd(lower) && twins.of.has(plainName(lower)) && !twins.except.has(lower)) continue;
    kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/** Nearly all names are letters, digits and hyphens. */
function isOdd(lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    const code = lower.charCodeAt(i);
    if ((code < 0x61 || code > 0x7a) && code !== 0x2d && (code < 0x30 || code > 0x39)) return true;
  }
  return false;
}

/** The lower-case names that the `Connection` fields list; null where they name nothing but the usual. */
export function connectionOptions(fields: Fields): Set<string> | null {
  let named: Set<string> | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = (fields[i + 1] as string).toLowerCase();
    if (value === 'keep-alive' || value === 'close') continue;
    named ??= new Set();
    for (const option of value.split(',')) named.add(option.trim());
  }
  return named;
}
