/**
 * What a text file holds, without what its editor added. The text is as a decoder of UTF-8 gives it: bytes that are not
 * UTF-8 have become U+FFFD (`auth/hidden.ts` finds them), and UTF-16 shows as NULs between the characters.
 */
type FileText =
  | { readonly ok: true; readonly text: string }
  /** Both in words: what is wrong, and what would be right. */
  | { readonly ok: false; readonly fault: string; readonly wanted: string };

const mark = '\ufeff';
/** The mark of UTF-16 as UTF-8 reads it, and a NUL beside each of the first characters, whichever half of it is 0. */
const utf16 = /^\ufffd\ufffd[\s\S]{0,8}\0|^(?:[^\0]\0){2}|^(?:\0[^\0]){2}/;

export function fileText(decoded: string): FileText {
  if (utf16.test(decoded)) return { ok: false, fault: 'is UTF-16', wanted: 'save it as UTF-8' };
  return { ok: true, text: decoded.startsWith(mark) ? decoded.slice(mark.length) : decoded };
}
