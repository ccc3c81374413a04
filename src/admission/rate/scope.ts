/**
 * Which requests of an endpoint class share a bucket: all of them, or those with the same value of something that the
 * request brings. Requests without a value share one bucket.
 */
import type { Collected } from '../../exchange/exchange.ts';
import { nameOf } from '../../exchange/principal.ts';
import type { Fields } from '../../http/fields.ts';
import { foldedPath } from '../../http/paths.ts';
import { readTarget } from '../../http/target.ts';

export type Scope =
  | { readonly by: 'fleet' }
  | { readonly by: 'principal' }
  /** The value of a field; `name` in lower case. */
  | { readonly by: 'header'; readonly name: string }
  /** One segment of the path, between `before` and `after`; what is below counts as well. */
  | { readonly by: 'path'; readonly before: string; readonly after: string };

/**
 * As it is written in the configuration: `fleet`, `principal`, `header:X-Number`, `path:/v1/contacts/{number}/block`.
 */
export const scopeForm =
  /^(?:fleet|principal|header:[\w!#$%&'*+.^`|~-]{1,64}|path:(?:\/[\w.~-]+){0,16}\/\{[A-Za-z]\w{0,63}\}(?:\/[\w.~-]+){0,16})$/;

/** The scope that a text means; null: none. */
export function readScope(text: string): Scope | null {
  if (text === 'fleet' || text === 'principal') return { by: text };
  if (!scopeForm.test(text)) return null;
  return text.startsWith('path:') ? pathScope(text.slice('path:'.length)) : headerScope(text.slice('header:'.length));
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
  }
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
  return scopes.flatMap((scope) => (scope.by === 'header' ? [scope.name] : []));
}

/** The endpoint class that a bucket belongs to. */
export function classOfBucket(bucket: string): string {
  const colon = bucket.indexOf(':');
  return colon === -1 ? bucket : bucket.slice(0, colon);
}
