/** Header fields on their way through: what a proxy takes out and puts in (RFC 9110, 7.6). */
import type { Fields } from './exchange.ts';

/** Fields that mean one connection only (RFC 9110, 7.6.1), and those that Weir writes itself. */
const hopByHop: ReadonlySet<string> = new Set([
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

/**
 * The fields that travel on: without the hop-by-hop ones, without those that `Connection` names, without `dropped`
 * (lower-case names).
 */
export function endToEnd(fields: Fields, dropped: ReadonlySet<string>): string[] {
  const named = connectionOptions(fields);
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || dropped.has(lower) || named?.has(lower)) continue;
    kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/** The lower-case names that the `Connection` fields list; null where they name nothing but the usual. */
function connectionOptions(fields: Fields): Set<string> | null {
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
