/**
 * The request target (RFC 9112, 3.2), read the way the Coreapp might: a request that passes as one endpoint must not
 * arrive as another. So the route is found on a normalised path (RFC 3986, 6.2.2), and a target that could be read in
 * two ways is refused.
 */
import { isAuthority } from './authority.ts';
import { foldedPath, hasNamelessFirst, isDots, isWithin, secondReading } from './paths.ts';

type Target =
  | {
      readonly kind: 'target';
      /** Path and query, to forward. */
      readonly raw: string;
      /** To route by. */
      readonly path: string;
      /** Host and port that the absolute form names, which go before the Host field (RFC 9112, 3.2.2). */
      readonly authority: string | null;
    }
  | { readonly kind: 'malformed'; readonly refusal: 'malformed' | 'targetTooLong'; readonly why: string };

/** The longest target that is accepted, characters. */
const targetMaxLength = 8_192;

const dubious = /[%;+\\]|\/\/|\/\.|[^\x21-\x7e]/;
/** What no target may hold anywhere (RFC 3986, 2 and 3.4). */
const excluded = /["<>^`{|}]|\?.*\\/;
const strayPercent = /%(?![\da-f]{2})/i;
const controls = /[\0-\x20\x7f]/;
/** As `//host/path`, which is a reference to another host where it is resolved as a URL (RFC 3986, 4.2). */
const emptyFirst = /^\/(?:;[^/]*)?\//;
const encodedFirst = /^\/%2f/i;
const anySlash = /\/|%2f/i;
const encodedDot = /%2e/i;
const encodedSlash = /%2f/i;
const encodedSeparator = /%5c|%00/i;
const unreserved = /%(?:2[de]|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi;

/**
 * `OPTIONS *` asks about the server and not about a path, and so does an URL without one (RFC 9112, 3.2.4).
 * @param guarded a path below which Weir answers itself: what others might take for it is refused; null: there is none
 * @param encodedSlashes the upstream takes `%2F` for a part of a name, and never for a slash
 */
export function readTarget(
  target: string,
  method = 'GET',
  guarded: string | null = null,
  encodedSlashes = false,
): Target {
  if (method === 'OPTIONS' && target === '*') return { kind: 'target', raw: '*', path: '*', authority: null };
  const authority = target.startsWith('/') ? '' : authorityOf(target);
  if (authority === null) return malformed('the request target has to be a path that starts with "/", or an http URL');
  if (authority === '') return readPath(target, null, guarded, encodedSlashes);
  const origin = originForm(target, authority);
  if (method === 'OPTIONS' && origin === '') return { kind: 'target', raw: '*', path: '*', authority };
  return readPath(origin.startsWith('/') ? origin : `/${origin}`, authority, guarded, encodedSlashes);
}

function readPath(raw: string, authority: string | null, guarded: string | null, encodedSlashes: boolean): Target {
  if (raw.length > targetMaxLength) {
    const why = `the request target has ${raw.length} characters; at most ${targetMaxLength} are accepted`;
    return { kind: 'malformed', refusal: 'targetTooLong', why };
  }
  if (raw.includes('#')) return malformed('the request target holds a "#"; a fragment is not sent');
  if (excluded.test(raw)) return malformed('the request target holds one of "<>\\^`{|} that is not encoded');
  const query = raw.indexOf('?');
  const path = query === -1 ? raw : raw.slice(0, query);
  if (!dubious.test(path)) return readNormal(raw, withoutTrailingSlash(path), authority, guarded);
  if (controls.test(path)) return malformed('the path holds a blank or a control character that is not encoded');
  if (path.includes('\\') || encodedSeparator.test(path) || (!encodedSlashes && encodedSlash.test(path))) {
    return malformed('the path holds a backslash or an encoded slash, which can be read in two ways');
  }
  if (emptyFirst.test(path) || encodedFirst.test(path)) return malformed(namelessFirst);
  const normal = path
    .replace(unreserved, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
    .replace(/;[^/]*/g, '') // Parameters of a segment (RFC 3986, 3.3), which some servers take off.
    .replace(/\/{2,}/g, '/');
  const mixed = encodedDot.test(path);
  if (normal.split(anySlash).some((segment) => isDots(segment, mixed))) {
    return malformed('the path holds a "." or ".." segment; send the path it stands for');
  }
  if (guarded !== null && path.includes(';') && isWithin(foldedPath(normal, false), guarded)) {
    return malformed(
      `the path below ${guarded} holds a ";", which could name two things; a ";" in a name is sent as %3B`,
    );
  }
  // What is between encoded slashes must not become a dot segment, either.
  const second = secondReading(normal.replace(/%2f/gi, '/'));
  if (second !== null) return malformed(`the path could be read in two ways: ${second}`);
  if (strayPercent.test(path)) return malformed('the path holds a "%" without two hexadecimal digits; send it as %25');
  return readNormal(raw, withoutTrailingSlash(normal), authority, guarded);
}

const namelessFirst =
  'the first segment of the path is empty or names nothing, and some servers would read a host behind it';

function readNormal(raw: string, path: string, authority: string | null, guarded: string | null): Target {
  const folded = foldedPath(path, false);
  if (hasNamelessFirst(folded)) return malformed(namelessFirst);
  if (guarded !== null && isWithin(folded, guarded) && folded !== guarded && !folded.startsWith(`${guarded}/`)) {
    return malformed(`the path could be read as ${guarded}; send that, or another name`);
  }
  return { kind: 'target', raw, path, authority };
}

/** The path without trailing slashes: they mean the same endpoint (docs/reference/webapp-contract.md, "Quirks"). */
function withoutTrailingSlash(path: string): string {
  let end = path.length;
  while (end > 1 && path.charCodeAt(end - 1) === 47) end--;
  return end === path.length ? path : path.slice(0, end);
}

/** Host and port of the absolute form, which a server has to accept; null: it is none, or names a user. */
function authorityOf(target: string): string | null {
  const authority = /^https?:\/\/([^/?#]+)/i.exec(target)?.[1];
  return authority !== undefined && isAuthority(authority) ? authority : null;
}

/** Path and query of the absolute form. */
function originForm(target: string, authority: string): string {
  return target.slice(target.indexOf('//') + 2 + authority.length);
}

function malformed(why: string): Target {
  return { kind: 'malformed', refusal: 'malformed', why };
}
