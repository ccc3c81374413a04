/**
 * Names and passwords in one form each, after RFC 8265 (PRECIS): people who type the same get the same, whatever the
 * keyboard or the system makes of it. Node knows the properties of Unicode; what is here are the rules.
 */

/** All that ASCII needs no second look at. */
const ascii = /^[\0-\x7f]*$/;
/** Full-width and half-width forms: U+3000, U+FF01 to U+FFDC, U+FFE0 to U+FFEE. */
const wide = /[\u3000\uff01-\uffdc\uffe0-\uffee]/g;

/** UsernameCasePreserved (3.4): width mapping and NFC. Case is kept: `Anna` logs in as `Anna`. */
export function usernameForm(name: string): string {
  if (ascii.test(name)) return name;
  return name.replace(wide, (character) => character.normalize('NFKC')).normalize('NFC');
}

/** OpaqueString (4.2): any space becomes the one of ASCII, and NFC. */
export function passwordForm(password: string): string {
  if (ascii.test(password)) return password;
  return password.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}

/**
 * The names under which the user of this login may be stored: as it was sent, in today's form, and decomposed, as an
 * older Weir stored what a Mac sent.
 */
export function storedForms(name: string): readonly string[] {
  if (ascii.test(name)) return [name];
  return [...new Set([name, usernameForm(name), name.normalize('NFD')])];
}

/**
 * Cyrillic, Greek and Armenian letters that look like a Latin one, which stands in front of them: the confusables of
 * UTS 39, as far as names need them.
 */
const lookalikes: ReadonlyMap<string, string> = new Map(
  words(`
    AАΑ aаα BВΒ bЬ CСϹ cсϲ dԁ EЕΕ eеҽ GԌ gց HНΗ hһհ IІΙӀ iіιı JЈͿ jјϳ KКΚ kкκ lӏ MМΜ NΝ nո OОΟՕ oоοσօ
    PРΡ pрρ QԚ qԛզ SЅՏ sѕ TТΤ tтτ UՍ uυս VѴ vѵν WԜ wԝω XХΧ xхχ YУΥҮ yуγү ZΖ
  `).flatMap(([latin = '', ...alike]) => alike.map((letter) => [letter, latin] as const)),
);

/**
 * Two names with the same likeness could be taken for each other. It leaves out case, blanks around, what can't be
 * seen, and lookalikes.
 */
export function likenessOf(name: string): string {
  const plain = name
    .normalize('NFKC')
    .replace(/[\p{C}\p{Default_Ignorable_Code_Point}]/gu, '')
    .trim()
    .replace(/\s+/g, ' ');
  return plain
    .replace(/[^\0-\x7f]/gu, (letter) => lookalikes.get(letter) ?? letter)
    .toLowerCase()
    .normalize('NFC');
}

/** The scripts in general use (UAX 31, table 5). */
const scripts = words(`
  Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Hebrew Kannada Khmer Lao Latin
  Malayalam Myanmar Oriya Sinhala Tamil Telugu Thaana Thai Tibetan
`);
/** What is written together (UTS 39, 5.2, "highly restrictive"). */
const together = ['Latin Han Hiragana Katakana', 'Latin Han Bopomofo', 'Latin Han Hangul'];

const oneScript = new RegExp(
  [...scripts, ...together]
    .map((names) => ['Common', 'Inherited', ...names.split(' ')].map((name) => `\\p{Script=${name}}`).join(''))
    .map((members) => `^[${members}]*$`)
    .join('|'),
  'u',
);
const rightToLeft = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Thaana}]/u;
/** The order of an RTL name on the screen is that in memory only if letters are at both ends (RFC 5893, 2). */
const rightToLeftName = /^[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Thaana}](?:.*[\p{L}\p{Nd}])?\p{M}*$/su;
/** Arabic digits and their extended forms look alike (RFC 5892, A.8 and A.9). */
const mixedDigits = /[\u0660-\u0669].*[\u06f0-\u06f9]|[\u06f0-\u06f9].*[\u0660-\u0669]/s;

/** IdentifierClass (RFC 8264, 4.2), with single blanks between the parts (RFC 8265, 3.5). */
const identifier = /^[\x20-\x7e\p{L}\p{Nd}\p{M}]*$/u;

/** What is wrong with a new name in its form, in words that follow "must"; null: nothing. */
export function brokenIdentifierRule(name: string): string | null {
  if (name !== name.trim()) return 'must not begin or end with a blank';
  if (name.includes('  ')) return 'must not hold two blanks in a row';
  if (!identifier.test(name)) return 'must hold only letters, digits, single blanks and the signs of ASCII';
  // Of letters in special forms, such as ligatures and superscripts, there is a plain one.
  if (name.normalize('NFKC') !== name) return 'must not hold letters in special forms';
  if (!oneScript.test(name))
    return 'must be in one script, of those in general use: not Latin and Cyrillic letters, for example';
  if (mixedDigits.test(name)) return 'must not mix Arabic digits with their extended forms';
  if (rightToLeft.test(name) && !rightToLeftName.test(name)) {
    return 'must begin and end with a letter or a digit of its script, which is written from right to left';
  }
  return null;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
