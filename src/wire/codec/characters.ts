/** Classes of bytes (RFC 9110, 5.5 and 5.6.2; RFC 5234), as tables: one look for each byte. */

function table(isIn: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isIn(code) ? 1 : 0));
}

const symbols = "!#$%&'*+-.^_`|~";

/** Of a token: a method, the name of a field. */
export const tokenChars = table(
  (code) => /[0-9A-Za-z]/.test(String.fromCharCode(code)) || symbols.includes(String.fromCharCode(code)),
);
/** Of a field's value: no control characters but the tab. */
export const valueChars = table((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));
/** Of a target, by its form in RFC 3986 or not: what is wrong with it is said where it is read. */
export const targetChars = table((code) => code > 0x20 && code < 0x7f);

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
const TAB = 0x09;
export const COLON = 0x3a;

export const isBlank = (byte: number | undefined): boolean => byte === SP || byte === TAB;
