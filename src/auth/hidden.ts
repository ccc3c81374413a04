/**
 * Characters that nobody can see, or type on purpose: control, format, private-use and unassigned characters,
 * separators of lines and paragraphs, and what Unicode says may be ignored (zero width spaces, fillers, variation
 * selectors). RFC 8264 allows none of them in names and passwords. U+FFFD stands where a decoder met bytes that are not
 * UTF-8.
 */
const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufffd]/u;
const hiddenInLines = /(?![\t\r\n])[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufffd]/u;

/** No rendering shows these: control, format, private and unassigned characters, line and paragraph separators. */
export function hasHidden(text: string): boolean {
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(text);
}

const names: Readonly<Record<number, string>> = {
  0: 'a NUL',
  9: 'a tab',
  10: 'a line feed',
  13: 'a carriage return',
  27: 'an escape character',
  127: 'a delete character',
  173: 'a soft hyphen',
  8203: 'a zero width space',
  8204: 'a zero width non-joiner',
  8205: 'a zero width joiner',
  8206: 'a left-to-right mark',
  8207: 'a right-to-left mark',
  8232: 'a line separator',
  8233: 'a paragraph separator',
  8288: 'a word joiner',
  65279: 'a byte order mark',
  65533: 'something that is not UTF-8',
};

/**
 * Names the first hidden character of a text and its place: `a carriage return (U+000D), character 16`. Null: there is
 * none. The text itself is not repeated.
 * @param lines true: tabs and the ends of lines may stand there
 */
export function hiddenIn(text: string, lines = false): string | null {
  const found = (lines ? hiddenInLines : hidden).exec(text);
  if (found === null) return null;
  const before = text.slice(0, found.index).split(/\r?\n|\r/);
  const character = [...(before.at(-1) as string)].length + 1;
  const place = before.length === 1 ? `character ${character}` : `character ${character} of line ${before.length}`;
  return `${nameOf(found[0])}, ${place}`;
}

function nameOf(character: string): string {
  const code = character.codePointAt(0) as number;
  const name = names[code] ?? kindOf(character);
  return code === 0xfffd ? name : `${name} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`;
}

function kindOf(character: string): string {
  if (/\p{Cc}/u.test(character)) return 'a control character';
  if (/\p{Co}/u.test(character)) return 'a private-use character';
  if (/\p{Cn}/u.test(character)) return 'an unassigned character';
  return 'an invisible character';
}
