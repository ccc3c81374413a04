/** What may stand in a place of an answer: texts, without regard to case, and whole numbers of a range (`200..299`). */
const range = /^(\d{1,15})\.\.(\d{1,15})$/;
const whole = /^\d{1,15}$/;

/** Plain data, as all of a configuration is: it travels from one process to another. */
export interface Values {
  /** As they were written. */
  readonly words: string;
  /** In lower case. */
  readonly texts: ReadonlySet<string>;
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

export function readValues(given: readonly unknown[]): Values {
  const texts = new Set<string>();
  const ranges: (readonly [from: number, to: number])[] = [];
  for (const value of given) {
    const [, from, to] = range.exec(String(value)) ?? [];
    if (from === undefined) texts.add(String(value).toLowerCase());
    else ranges.push([Number(from), Number(to)]);
  }
  return { words: given.join(' or '), texts, ranges };
}

export function fits(text: string, { texts, ranges }: Values): boolean {
  if (texts.has(text.toLowerCase())) return true;
  if (ranges.length === 0 || !whole.test(text)) return false;
  const number = Number(text);
  return ranges.some(([from, to]) => from <= number && number <= to);
}
