/** What may stand in a place of an answer: texts, without regard to case, and whole numbers of a range (`200..299`). */
const range = /^(\d{1,15})\.\.(\d{1,15})$/;
const whole = /^\d{1,15}$/;

export class Values {
  /** As they were written. */
  readonly words: string;
  readonly #texts = new Set<string>();
  readonly #ranges: (readonly [from: number, to: number])[] = [];

  constructor(given: readonly unknown[]) {
    this.words = given.join(' or ');
    for (const value of given) {
      const [, from, to] = range.exec(String(value)) ?? [];
      if (from === undefined) this.#texts.add(String(value).toLowerCase());
      else this.#ranges.push([Number(from), Number(to)]);
    }
  }

  has(text: string): boolean {
    if (this.#texts.has(text.toLowerCase())) return true;
    if (this.#ranges.length === 0 || !whole.test(text)) return false;
    const number = Number(text);
    return this.#ranges.some(([from, to]) => from <= number && number <= to);
  }
}
