/**
 * The request target (RFC 9112, 3.2), read the way the Coreapp might: who passes as one endpoint must not arrive as
 * another. So the route is found on a normalised path (RFC 3986, 6.2.2), and what could be read in two ways is refused.
 */

export type Target =
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

const dubious = /[%;\\]|\/\/|\/\.|[^\x21-\x7e]/;
const encodedSeparator = /%2f|%5c|%00/i;
const unreserved = /%(?:2[de]|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi;

export function readTarget(target: string): Target {
  const authority = target.startsWith('/') ? '' : authorityOf(target);
  if (authority === null) return malformed('the request target has to be a path that starts with "/", or an http URL');
  return authority === '' ? readPath(target, null) : readPath(originForm(target, authority), authority);
}

function readPath(raw: string, authority: string | null): Target {
  if (raw.length > targetMaxLength) {
    const why = `the request target has ${raw.length} characters; at most ${targetMaxLength} are accepted`;
    return { kind: 'malformed', refusal: 'targetTooLong', why };
  }
  if (raw.includes('#')) return malformed('the request target holds a "#"; a fragment is not sent');
  const query = raw.indexOf('?');
  const path = query === -1 ? raw : raw.slice(0, query);
  if (!dubious.test(path)) return { kind: 'target', raw, path: withoutTrailingSlash(path), authority };
  if (path.includes('\\') || encodedSeparator.test(path)) {
    return malformed('the path holds a backslash or an encoded slash, which can be read in two ways');
  }
  const normal = path
    .replace(unreserved, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
    .replace(/;[^/]*/g, '') // Parameters of a segment (RFC 3986, 3.3), which some servers take off.
    .replace(/\/{2,}/g, '/');
  if (normal.split('/').some((segment) => segment === '.' || segment === '..')) {
    return malformed('the path holds a "." or ".." segment; send the path it stands for');
  }
  if (path.includes(';') && /^\/v1\/users(\/|$)/.test(normal)) {
    return malformed('the path of users holds a ";", which could name two of them; a ";" in a name is sent as %3B');
  }
  return { kind: 'target', raw, path: withoutTrailingSlash(normal), authority };
}

/** The path without trailing slashes: they mean the same endpoint (docs/webapp-contract.md, "Quirks"). */
function withoutTrailingSlash(path: string): string {
  let end = path.length;
  while (end > 1 && path.charCodeAt(end - 1) === 47) end--;
  return end === path.length ? path : path.slice(0, end);
}

/** Host and port of the absolute form, which a server has to accept; null: it is none, or names a user. */
function authorityOf(target: string): string | null {
  return /^https?:\/\/([^/?#@\s]+)(?=[/?#]|$)/i.exec(target)?.[1] ?? null;
}

/** Path and query of the absolute form. */
function originForm(target: string, authority: string): string {
  const rest = target.slice(target.indexOf('//') + 2 + authority.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function malformed(why: string): Target {
  return { kind: 'malformed', refusal: 'malformed', why };
}
