/**
 * Which requests of an endpoint class share a bucket: all of them, or those with the same value of something that the
 * request brings. Requests without a value share one bucket.
 */
import type { Collected } from '../../exchange/exchange.ts';
import { nameOf } from '../../exchange/principal.ts';
import type { Fields } from '../../http/fields.ts';
import { foldedPath } from '../../http/paths.ts';
import { type Pointer, readPointer, valueAt } from '../../http/pointer.ts';
import { parameterOf } from '../../http/query.ts';
import { readTarget } from '../../http/target.ts';
import { documentOf } from './document.ts';

export type Scope =
  | { readonly by: 'fleet' }
  | { readonly by: 'principal' }
  /** The value of a field; `name` in lower case. */
  | { readonly by: 'header'; readonly name: string }
  /** One segment of the path, between `before` and `after`; what is below counts as well. */
  | { readonly by: 'path'; readonly before: string; readonly after: string }
  /** Several segments of the path, those that are null, whatever stands where there is a `*`; `below`: of what lies below the template as well. */
  | { readonly by: 'segments'; readonly template: readonly (string | null)[]; readonly below: boolean }
  /** The value of a parameter of the query. */
  | { readonly by: 'query'; readonly name: string }
  /** What a pointer (RFC 6901) leads to in a JSON body. */
  | { readonly by: 'body'; readonly pointer: Pointer }
  /** All of these together. */
  | { readonly by: 'several'; readonly parts: readonly Scope[] };

/**
 * As it is written in the configuration: `fleet`, `principal`, `header:X-Number`, `path:/v1/contacts/{number}/block`,
 * `path:/{version}/{number}/**`, `query:account`, `body:/to`; and several of them with ` + ` between.
 */
/** Most scopes in one. */
const partsMax = 4;

// Without counts within counts, which some readers of JSON Schema refuse.
const one =
  "fleet|principal|header:[\\w!#$%&'*+.^`|~-]+|query:[\\w.~-]+|body:(?:/(?:[^~/ ]|~[01])+)+|path:(?:/(?:[*]|[\\w.~-]+|\\{[A-Za-z]\\w*\\}))+(?:/[*][*])?";
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
      return /^[^{]*\{\w+\}[^{*]*$/.test(what) ? pathScope(what) : segmentsScope(what);
  }
}

function segmentsScope(template: string): Scope | null {
  const below = template.endsWith('/**');
  const segments = (below ? template.slice(0, -3) : template).split('/').slice(1);
  if (!segments.some((segment) => segment.startsWith('{'))) return null;
  return { by: 'segments', template: segments.map((segment) => (segment.startsWith('{') ? null : segment)), below };
}

/** Credentials don't travel on from where the caller is known: that is what `principal` is for. */
function headerScope(field: string): Scope | null {
  const name = field.toLowerCase();
  return name === 'authorization' ? null : { by: 'header', name };
}

function pathScope(template: string): Scope | null {
  const [before = '', after = ''] = template.split(/\{\w+\}/);
  // Written in another way than requests are routed by, it would match nothing.
  const target = readTarget(`${before}x${after}`);
  return target.kind === 'target' && target.path === `${before}x${after}` ? { by: 'path', before, after } : null;
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
      return segmentOf(exchange.path, scope, caseSensitive);
    case 'segments':
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

function segmentsOf(
  path: string,
  { template, below }: Extract<Scope, { by: 'segments' }>,
  caseSensitive: boolean,
): string | null {
  const folded = foldedPath(path, caseSensitive).split('/').slice(1);
  if (folded.length < template.length || (folded.length > template.length && !below)) return null;
  // Folding changes lengths, but never the number of segments.
  const segments = path.split('/').slice(1);
  const values: string[] = [];
  for (const [i, name] of template.entries()) {
    if (name === null) values.push(decoded(segments[i] as string));
    else if (name !== '*' && folded[i] !== foldedPath(name, caseSensitive)) return null;
  }
  return values.includes('') ? null : values.join('\0');
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

/** Percent-decoded, so that `%2B49` and `+49` are one; in the case it came in, which may matter to the Coreapp. */
function segmentOf(path: string, template: PathTemplate, caseSensitive: boolean): string | null {
  const before = foldedPath(template.before, caseSensitive);
  const after = foldedPath(template.after, caseSensitive);
  const folded = foldedPath(path, caseSensitive);
  if (!folded.startsWith(before)) return null;
  const end = endOfSegment(folded, before.length);
  if (end === before.length) return null;
  if (after !== '') {
    if (!folded.startsWith(after, end)) return null;
    const rest = end + after.length;
    if (rest !== folded.length && folded[rest] !== '/') return null;
  }
  if (folded === path) return decoded(path.slice(before.length, end));
  // Folding changes lengths, but never the number of segments.
  const start = startOfSegment(path, before.split('/').length - 1);
  return decoded(path.slice(start, endOfSegment(path, start)));
}

type PathTemplate = Extract<Scope, { by: 'path' }>;

function endOfSegment(path: string, start: number): number {
  const slash = path.indexOf('/', start);
  return slash === -1 ? path.length : slash;
}

/** Behind so many slashes. */
function startOfSegment(path: string, slashes: number): number {
  let start = 0;
  for (let i = 0; i < slashes; i++) start = path.indexOf('/', start) + 1;
  return start;
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
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
      return `path:${scope.before}{…}${scope.after}`;
    case 'segments':
      return `path:${scope.template.map((name) => `/${name ?? '{…}'}`).join('')}${scope.below ? '/**' : ''}`;
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
