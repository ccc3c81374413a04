/**
 * Paths as a lenient upstream might read them. Frameworks differ: some match without regard to case, decode percent
 * signs twice, take overlong UTF-8, compatibility characters or `%uXXXX` for ASCII, drop blanks, parameters or a suffix
 * such as `.json`. What a path needs (the admin, a class's slot) is therefore decided on the widest of these readings,
 * and a path that would have other segments in one of them is refused (`target.ts`). What is sent on stays as it came.
 */

const slash = 0x2f;

/** Anything that can have a second reading: all but visible ASCII without capitals and percent signs. */
const readTwice = /[A-Z%]|[^\x21-\x7e]/;
const encoded = /%(?:u[\da-f]{4}|[\da-f]{2})|[^\x20-\x7e]/i;

const encodedSlash = /%2f/i;
const isAscii = /^[\0-\x7f]*$/;

/** What `readTarget` has decoded or refused where it is encoded once. */
const divider = /%(?:2e|2f|5c|00)/i;

/**
 * How often percent signs are decoded. A path that is not fully decoded by then is refused: nobody needs such a path.
 */
const decodingsMax = 4;

/**
 * The path by which access, class and cost are found: decoded to its end and without regard to case.
 * @param path as `readTarget` gives it
 * @param caseSensitive the upstream tells `/V1/Users` and `/v1/users` apart
 */
export function foldedPath(path: string, caseSensitive: boolean): string {
  if (!readTwice.test(path)) return path;
  // It is there only if the upstream takes it for a part of a name.
  if (encodedSlash.test(path))
    return path
      .split(encodedSlash)
      .map((part) => foldedPath(part, caseSensitive))
      .join('%2f');
  const plain = encoded.test(path) ? (decodedWhole(path) ?? path) : path;
  // Both ways: some characters have a capital that is ASCII's, but are small already (ı, ſ).
  return caseSensitive ? plain : plain.toUpperCase().toLowerCase();
}

/** Whether a server may take off all that is in front of the second slash, so that the path begins with two slashes. */
export function hasNamelessFirst(path: string): boolean {
  return path.length > 1 && !isNameAt(path, 1) && /^\/[^\p{L}\p{N}_/-]*\//u.test(path);
}

/** Why a path could have other segments for a lenient upstream than for Weir; null: it could not. */
export function secondReading(path: string): string | null {
  if (!encoded.test(path)) return null;
  const plain = decodedWhole(path);
  if (plain === null) return `a separator or a dot in it is encoded twice, or anything more than ${decodingsMax} times`;
  if (/[\\\0]/.test(plain)) return 'it holds an encoded backslash or null character';
  const segments = plain.split('/').map(bare);
  if (segments.length !== path.split('/').length) return 'it holds an encoded slash';
  return segments.some((segment) => isDots(segment, true)) ? 'it holds what could become a "." or ".." segment' : null;
}

/** A segment as servers read it that drop its parameters, and blanks and control characters anywhere. */
function bare(segment: string): string {
  return segment.replace(/;.*$/s, '').replace(/[\p{Cc}\p{Z}+]/gu, '');
}

/**
 * Whether a segment changes the path, or would if what follows its dots were taken off: `..json`, `..+`.
 * @param mixed of several dots some may be encoded, and stay when the others are taken off
 */
export function isDots(segment: string, mixed: boolean): boolean {
  const name = bare(segment);
  if (name === '.' || name === '..') return true;
  return name.startsWith('..') && (mixed || /[^.]/.test(name));
}

/** Null: it is encoded too often, or what divides or changes paths is hidden from a first decoding. */
function decodedWhole(path: string): string | null {
  let text = path;
  for (let decodings = 0; decodings <= decodingsMax; decodings++) {
    if (divider.test(text)) return null;
    const next = unified(decodedOnce(text));
    if (next === text || !next.includes('%')) return next;
    text = next;
  }
  return null;
}

/** Without accents, widths, and what nobody sees. */
function unified(text: string): string {
  return isAscii.test(text) ? text : text.normalize('NFKD').replace(/[\p{M}\p{Cf}\p{DI}]/gu, '');
}

function decodedOnce(text: string): string {
  try {
    if (isAscii.test(text)) return decodeURIComponent(text); // Nearly all.
  } catch {
    // `decodeURIComponent` takes for an error what others decode all the same.
  }
  return text
    .replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
    .replace(/%u([\da-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/(?:%[\da-f]{2})+/gi, (codes) => {
      const bytes = Buffer.from(codes.replaceAll('%', ''), 'hex').toString('latin1');
      return Buffer.from(withoutOverlong(bytes), 'latin1').toString();
    });
}

/** ASCII written in more bytes than it needs: UTF-8 forbids it, old decoders accept it (RFC 3629, 10). */
function withoutOverlong(bytes: string): string {
  return bytes.replace(/(?:[\xc0\xc1]|\xe0[\x80\x81]|\xf0\x80[\x80\x81])[\x80-\xbf]/g, (form) => {
    const last = form.charCodeAt(form.length - 1) & 0x3f;
    const before = form.charCodeAt(form.length - 2) & 0x01;
    return String.fromCharCode((before << 6) | last);
  });
}

/**
 * The base itself, or a path below it. A segment counts as the base's if its name is: `/v1/set` does not hold
 * `/v1/settings`, but `/v1/settings` holds `/v1/settings.json`, `/v1/settings;x` and `/v1/settings%20/x`, since some
 * upstreams take off what follows a name. Names are letters, digits, `-` and `_`. A segment that begins with none of
 * them, such as `...` or `.json`, may be taken off whole.
 * @param path as `foldedPath` gives it
 */
export function isWithin(path: string, base: string): boolean {
  if (base === '/') return true;
  let at = 0;
  for (let i = 0; i < base.length; i++) {
    const code = base.charCodeAt(i);
    if (code === slash && i > 0) at = endOfSegment(path, at);
    if (path.charCodeAt(at) !== code) return false;
    at = code === slash ? startOfName(path, at + 1, base.charCodeAt(i + 1)) : at + 1;
  }
  return endOfSegment(path, at) !== -1;
}

/** Where the segment ends whose name has been read up to `at`; −1: the name goes on. */
function endOfSegment(path: string, at: number): number {
  const code = path.charCodeAt(at);
  if (at === path.length || code === slash) return at;
  if (isNameAt(path, at)) return -1;
  const end = path.indexOf('/', at);
  return end === -1 ? path.length : end;
}

function isNameCode(code: number): boolean {
  if (code >= 0x61) return code <= 0x7a; // a to z
  if (code >= 0x41) return code <= 0x5a || code === 0x5f; // A to Z, _
  return (code >= 0x30 && code <= 0x39) || code === 0x2d; // 0 to 9, -
}

/** Letters and digits of any script count. */
function isNameAt(path: string, at: number): boolean {
  const code = path.charCodeAt(at);
  return code < 0x80 ? isNameCode(code) : /^[\p{L}\p{N}]/u.test(path.slice(at, at + 2));
}

/** Behind blanks, and behind segments without a name, unless what is wanted stands there. */
function startOfName(path: string, at: number, wanted: number): number {
  let start = at;
  while (start < path.length) {
    const code = path.charCodeAt(start);
    if (code === wanted || isNameAt(path, start)) break;
    if (code === slash || isBlank(code)) {
      start++;
      continue;
    }
    const end = path.indexOf('/', start);
    if (end === -1) break;
    start = end + 1;
  }
  return start;
}

/** `+` is one in forms. */
function isBlank(code: number): boolean {
  return code <= 0x20 || code === 0x2b || code === 0x7f;
}

/** The name that a segment begins with: `messages` of `messages.json`. */
export function nameOfSegment(segment: string): string {
  return /^[\0-\x20+\x7f]*([\p{L}\p{N}_-]*)/u.exec(segment)?.[1] ?? '';
}

/** A segment percent-decoded; as it stands where it does not decode. */
export function decodedSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
