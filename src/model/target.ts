/**
 * The request target (RFC 9112, 3.2), read the way the Coreapp might: who passes as one endpoint must not arrive as
 * another. So the route is found on a normalised path (RFC 3986, 6.2.2), and what could be read in two ways is refused.
 */

export type Target =
  | { readonly kind: 'target'; /** Path and query, to forward. */ readonly raw: string; /** To route by. */ readonly path: string }
  | { readonly kind: 'malformed'; readonly why: string };

/** The longest target that is accepted, characters. */
const targetMaxLength = 8_192;

const dubious = /[%\\]|\/\/|\/\.|[^\x21-\x7e]/;
const encodedSeparator = /%2f|%5c|%00/i;
const unreserved = /%(?:2[de]|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi;

export function readTarget(target: string): Target {
  const raw = target.startsWith('/') ? target : originForm(target);
  if (raw === null) return malformed('the request target has to be a path that starts with "/", or an http URL');
  if (raw.length > targetMaxLength) {
    return malformed(`the request target has ${raw.length} characters; at most ${targetMaxLength} are accepted`);
  }
  const query = raw.indexOf('?');
  const path = query === -1 ? raw : raw.slice(0, query);
  if (!dubious.test(path)) return { kind: 'target', raw, path: withoutTrailingSlash(path) };
  if (path.includes('\\') || encodedSeparator.test(path)) {
    return malformed('the path holds a backslash or an encoded slash, which can be read in two ways');
  }
  const normal = path
    .replace(unreserved, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
    .replace(/\/{2,}/g, '/');
  if (normal.split('/').some((segment) => segment === '.' || segment === '..')) {
    return malformed('the path holds a "." or ".." segment; send the path it stands for');
  }
  return { kind: 'target', raw, path: withoutTrailingSlash(normal) };
}

/** The path without trailing slashes: they mean the same endpoint (contract, "Quirks"). */
function withoutTrailingSlash(path: string): string {
  let end = path.length;
  while (end > 1 && path.charCodeAt(end - 1) === 47) end--;
  return end === path.length ? path : path.slice(0, end);
}

/** Path and query of the absolute form, which a server has to accept. */
function originForm(target: string): string | null {
  const match = /^https?:\/\/[^/?#@\s]+/i.exec(target);
  if (match === null) return null;
  const rest = target.slice(match[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function malformed(why: string): Target {
  return { kind: 'malformed', why };
}
