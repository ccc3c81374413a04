/** Values are found in a JSON text that comes in pieces as `JSON.parse` and the pointer find them in the whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonValues, type TextPlace } from '../../src/http/json-values.ts';
import { type Pointer, valueAt } from '../../src/http/pointer.ts';

const names = fc.constantFrom('usage', 'a', 'b', 'total tokens', 'ü"\\', '0', '1', '');
const leaf = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('{"usage": 1}', '[1, 2', '\\', '"', 'é😀\u2028'),
);
const { document } = fc.letrec((tie) => ({
  document: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('document'), { maxLength: 4 }),
    fc.dictionary(names, tie('document'), { maxKeys: 4 }),
  ),
}));
const pointers = fc.array(fc.array(names, { maxLength: 3 }), { minLength: 1, maxLength: 4 });

/** All pieces in a row, each as long as the numbers say, over and over. */
function inPieces(text: Buffer, lengths: readonly number[], take: (piece: Buffer) => void): void {
  for (let at = 0, i = 0; at < text.length; i++) {
    const length = lengths[i % lengths.length] as number;
    take(text.subarray(at, at + length));
    at += length;
  }
}

const numberAt = (value: unknown, pointer: Pointer): number | null => {
  const found = valueAt(value, pointer);
  return typeof found === 'number' ? found : null;
};

const textAt = (value: unknown, pointer: Pointer): string | null => {
  const found = valueAt(value, pointer);
  return typeof found === 'string' ? found : null;
};

test('whatever the document, the pointers, its blanks, its escapes and its pieces', () => {
  fc.assert(
    fc.property(
      document,
      pointers,
      fc.constantFrom(undefined, 1, '\t'),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      (value, wanted, blanks, escapes, lengths) => {
        const plain = JSON.stringify(value, null, blanks);
        const text = escapes
          ? plain.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
          : plain;
        const numbers = new JsonValues(wanted);
        inPieces(Buffer.from(text), lengths, (piece) => numbers.add(piece));
        numbers.end();
        const written: unknown = JSON.parse(plain);
        expect(numbers.numbers).toEqual(wanted.map((pointer) => numberAt(written, pointer)));
        const bytes = Buffer.from(text);
        const read = (place: TextPlace | null): unknown =>
          place === null ? null : JSON.parse(`"${bytes.subarray(place.start, place.end).toString()}"`);
        expect(numbers.texts.map(read)).toEqual(wanted.map((pointer) => textAt(written, pointer)));
      },
    ),
    { numRuns: 3_000 },
  );
});

test('a name may be written with escapes', () => {
  const numbers = new JsonValues([['usage', 'total']]);
  numbers.add(Buffer.from(String.raw`{"us\u0061ge":{"\u0074\u006f\u0074\u0061\u006c":7}}`));
  expect(numbers.numbers).toEqual([7]);
});

test('the last of several texts counts', () => {
  const numbers = new JsonValues([['n']]);
  for (const text of ['{"n":1}', '{"n":null}', '{"n":"9"}', '{"m":{"n":8}}', '[{"n":7}]']) {
    numbers.add(Buffer.from(text));
    numbers.end();
  }
  expect(numbers.numbers).toEqual([1]);
});

test('what is no JSON does no harm', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), pointers, (pieces, wanted) => {
      const numbers = new JsonValues(wanted);
      for (const piece of pieces) numbers.add(piece);
      numbers.end();
      for (const found of numbers.numbers) expect(found === null || Number.isFinite(found)).toBe(true);
    }),
  );
  const numbers = new JsonValues([['n']]);
  numbers.add(Buffer.from(`{"n":${'9'.repeat(100_000)}}`));
  // As many digits as a number can have are looked at.
  expect(numbers.numbers[0]).toBeLessThan(1e33);
});
