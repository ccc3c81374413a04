/** Header fields on their way through: what a proxy takes out and puts in (RFC 9110, 7.6). */

/** Fields that mean one connection only (RFC 9110, 7.6.1). */
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

/** Names that equal one of Weir's own for software that makes one letter of all that is neither letter nor digit. */
interface FieldTwins {
  /** Weir's own names as `plainName` gives them. */
  readonly of: ReadonlySet<string>;
  /** Odd names that are Weir's own as they stand. */
  readonly except: ReadonlySet<string>;
}

/** A lower-case name with a hyphen for whatever is neither letter nor digit. */
export function plainName(lower: string): string {
  return lower.replace(/[^a-z0-9]/g, '-');
}

/** Nearly all names are letters, digits and hyphens. */
const odd = /[^a-z0-9-]/;
/** Callers use few names, and no long ones. */
const namesMax = 500;
const nameMaxChars = 64;

/** Which fields travel on: not the hop-by-hop ones, no `dropped` (lower-case names) and no twins. */
export class FieldFilter {
  readonly #dropped: ReadonlySet<string>;
  readonly #twins: FieldTwins | null;
  /** Whether a name travels, by the name as it was written. */
  readonly #known = new Map<string, boolean>();

  constructor(dropped: Iterable<string>, twins: FieldTwins | null = null) {
    this.#dropped = new Set([...hopByHop, ...dropped]);
    this.#twins = twins;
  }

  /** @param name in any case */
  travels(name: string): boolean {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const travels = this.#decide(name.toLowerCase());
    if (name.length <= nameMaxChars) {
      if (this.#known.size >= namesMax) this.#known.clear();
      // A text of its own: a part of a head would keep all of it.
      this.#known.set(Buffer.from(name, 'latin1').toString('latin1'), travels);
    }
    return travels;
  }

  #decide(lower: string): boolean {
    if (this.#dropped.has(lower)) return false;
    return this.#twins === null || !odd.test(lower) || !this.#isTwin(lower, this.#twins);
  }

  #isTwin(lower: string, { of, except }: FieldTwins): boolean {
    return of.has(plainName(lower)) && !except.has(lower);
  }
}

/** The fields that travel on by a filter, without those that `Connection` names. */
export function endToEnd(fields: Fields, filter: FieldFilter): string[] {
  const named = connectionOptions(fields);
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (filter.travels(name) && !named?.has(name.toLowerCase())) kept.push(name, fields[i + 1] as string);
  }
  return kept;
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

/** Header fields as they came: name, value, name, value, … */
export type Fields = readonly string[];
