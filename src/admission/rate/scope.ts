/**
 * Which requests of an endpoint class share a bucket: all of them, or those with the same value of something that the
 * request brings. Requests without a value share one bucket.
 */
import type { Collected } from '../../exchange/exchange.ts';
import { nameOf } from '../../exchange/principal.ts';
import type { Fields } from '../../http/fields.ts';
import { decodedSegment, foldedPath } from '../../http/paths.ts';
import { type Pointer, readPointer, valueAt } from '../../http/pointer.ts';
import { parameterOf } from '../../http/query.ts';
import { readTarget } from '../../http/target.ts';
import { documentOf } from './document.ts';

export type Scope =
  | { readonly by: 'fleet' }
  | { readonly by: 'principal' }
  /** The value of a field; `name` in lower case. */
  | { readonly by: 'header'; readonly name: string }
  /** The segments of the path that are null, whatever stands where there is a `*`; `below`: of what lies below the template as well. */
  | { readonly by: 'path'; readonly template: readonly (string | null)[]; readonly below: boolean }
  /** The value of a parameter of the query. */
  | { readonly by: 'query'; readonly name: string }
  /** What a pointer (RFC 6901) leads to in a JSON body. */
  | { readonly by: 'body'; readonly pointer: Pointer }
  /** All of these together. */
  | { readonly by: 'several'; readonly parts: readonly Scope[] };

/** Most scopes in one. */
const partsMax = 4;

// Without counts within counts, which some readers of JSON Schema refuse.
const one =
  "fleet|principal|header:[\\w!#$%&'*+.^`|~-]+|query:[\\w.~-]+|body:(?:/(?:[^~/ ]|~[01])+)+|path:(?:/(?:[*]|[\\w.~-]+|\\{[A-Za-z]\\w*\\}))+(?:/[*][*])?";
/**
 * As it is written in the configuration: `fleet`, `principal`, `header:X-Number`, `path:/v1/contacts/{number}/block`,
 * `path:/{version}/{number}/**`, `query:account`, `body:/to`; and several of them with ` + ` between.
 */
export const scopeForm = new RegExp(`^(?:${one})(?: [+] (?:${one}))*$`);

/** The scope that a text means; null: none. */
export function readScope(text: string): Scope | null {
  if (!scopeForm.test(text)) return null;
  const parts = text.split(' + ').map(readPart);
  if (parts.length > partsMax) return null;
  const known = parts.filter((part) => part !== null);
  if (known.length < parts.length) return null;
  return parts.length === 1 ? (known[0] as Scope) : { by: 'several', parts: known };
}

function readPart(text: string): Scope | null {
  if (text === 'fleet' || text === 'principal') return { by: text };
  const colon = text.indexOf(':');
  const what = text.slice(colon + 1);
  switch (text.slice(0, colon)) {
    case 'header':
      return headerScope(what);
    case 'query':
      return { by: 'query', name: what };
    case 'body':
      return { by: 'body', pointer: readPointer(what) };
    default:
      return pathScope(what);
  }
}

/** Credentials don't travel on from where the caller is known: that is what `principal` is for. */
function headerScope(field: string): Scope | null {
  const name = field.toLowerCase();
  return name === 'authorization' ? null : { by: 'header', name };
}

function pathScope(text: string): Scope | null {
  const path = text.replace(/\/\*\*$/, '');
  const template = path
    .split('/')
    .slice(1)
    .map((segment) => (segment.startsWith('{') ? null : segment));
  // Written in another way than requests are routed by, it would match nothing.
  const sample = path.replace(/\{\w+\}|\*/g, 'x');
  const target = readTarget(sample);
  if (!template.includes(null) || target.kind !== 'target' || target.path !== sample) return null;
  return { by: 'path', template, below: path !== text || isPlain(template) };
}

/** With one value, and all else said: such a template counts for what is below without saying so. */
function isPlain(template: readonly (string | null)[]): boolean {
  return template.indexOf(null) === template.lastIndexOf(null) && !template.includes('*');
}

/**
 * What the request brings; null: nothing.
 * @param caseSensitive the Coreapp tells `/V1/contacts` and `/v1/contacts` apart
 */
export function scopeValue(scope: Scope, exchange: Collected, caseSensitive = false): string | null {
  switch (scope.by) {
    case 'fleet':
      return null;
    case 'principal':
      return nameOf(exchange.principal);
    case 'header':
      return combinedValue(exchange.fields, scope.name);
    case 'path':
      return segmentsOf(exchange.path, scope, caseSensitive);
    case 'query':
      return parameterOf(exchange.target, scope.name);
    case 'body':
      return textOf(valueAt(documentOf(exchange), scope.pointer));
    case 'several': {
      const values = scope.parts.map((part) =>
        part.by === 'fleet' ? 'fleet' : scopeValue(part, exchange, caseSensitive),
      );
      return values.includes(null) ? null : values.join('\0');
    }
  }
}

/** Percent-decoded, so that `%2B49` and `+49` are one; in the case they came in, which may matter to the Coreapp. */
function segmentsOf(path: string, { template, below }: PathTemplate, caseSensitive: boolean): string | null {
  const folded = foldedPath(path, caseSensitive);
  let value: string | null = null;
  let at = 0;
  // Folding changes lengths, but never the number of segments.
  let foldedAt = 0;
  for (const name of template) {
    if (folded[foldedAt] !== '/') return null;
    const end = endOfSegment(path, at + 1);
    const foldedEnd = endOfSegment(folded, foldedAt + 1);
    if (name === null) {
      if (end === at + 1) return null;
      const segment = decodedSegment(path.slice(at + 1, end));
      value = value === null ? segment : `${value}\0${segment}`;
    } else if (name !== '*' && folded.slice(foldedAt + 1, foldedEnd) !== foldedPath(name, caseSensitive)) return null;
    at = end;
    foldedAt = foldedEnd;
  }
  return below || foldedAt === folded.length ? value : null;
}

type PathTemplate = Extract<Scope, { by: 'path' }>;

function endOfSegment(path: string, start: number): number {
  const slash = path.indexOf('/', start);
  return slash === -1 ? path.length : slash;
}

/** Texts and numbers are told apart by nothing else than what they say. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string' && value !== '') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

/** Several fields of one name are one value, joined as RFC 9110, 5.3, has it; an empty one is none. */
function combinedValue(fields: Fields, name: string): string | null {
  let found = '';
  for (let i = 0; i < fields.length; i += 2) {
    const candidate = fields[i] as string;
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    const value = fields[i + 1] as string;
    found = found === '' ? value : `${found}, ${value}`;
  }
  return found === '' ? null : found;
}

/** The scope as an operator reads it: `path:/v1/contacts/{…}`. */
export function scopeWords(scope: Scope): string {
  switch (scope.by) {
    case 'fleet':
    case 'principal':
      return scope.by;
    case 'header':
    case 'query':
      return `${scope.by}:${scope.name}`;
    case 'path':
      return `path:${scope.template.map((name) => `/${name ?? '{…}'}`).join('')}${scope.below && !isPlain(scope.template) ? '/**' : ''}`;
    case 'body':
      return `body:${scope.pointer.map((name) => `/${name}`).join('')}`;
    case 'several':
      return scope.parts.map(scopeWords).join(' + ');
  }
}

/** Whether requests that share one share the other. */
export function sameScope(one: Scope, other: Scope): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * The name of a bucket. What callers send is told by its digest: it may be of any length and hold any characters, and a
 * reader of the store need not know who calls whom.
 * @param digest of the value; null: for requests without one
 */
export function bucketName(name: string, digest: string | null): string {
  return `${name}:${digest ?? 'none'}`;
}

/** The fields that scopes go by, in lower case. */
export function scopeFields(scopes: readonly Scope[]): string[] {
  return scopes.flatMap((scope) => {
    if (scope.by === 'several') return scopeFields(scope.parts);
    return scope.by === 'header' ? [scope.name] : [];
  });
}

/** The endpoint class that a bucket belongs to. */
export function classOfBucket(bucket: string): string {
  const colon = bucket.indexOf(':');
  return colon === -1 ? bucket : bucket.slice(0, colon);
}
