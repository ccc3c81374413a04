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

/** The same of a file, which may not be readable: `readFile` throws as `readFileSync` does. @param wanted a file that would be right */
export function readText(path: string, readFile: (path: string) => string, wanted: string): FileText {
  let decoded: string;
  try {
    decoded = readFile(path);
  } catch (error) {
    return { ok: false, ...unreadable(error, wanted) };
  }
  return fileText(decoded);
}

/** Why a file can't be read, by the error of `readFileSync`. */
export function unreadable(error: unknown, wanted: string): { readonly fault: string; readonly wanted: string } {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? 'unknown error';
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'no such file',
    ENOTDIR: 'no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
  };
  return { fault: `cannot be read (${words[code] ?? code})`, wanted };
}

export function fileText(decoded: string): FileText {
  if (utf16.test(decoded)) return { ok: false, fault: 'is UTF-16', wanted: 'save it as UTF-8' };
  return { ok: true, text: decoded.startsWith(mark) ? decoded.slice(mark.length) : decoded };
}
