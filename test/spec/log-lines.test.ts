/** Log lines wait for their batch as bytes, in pages; no line may notice. */
import { describe, expect, it } from 'vitest';
import { Lines } from '../../src/adapters/log/lines.ts';

const cases = [
  { says: 'none at all', lines: [] },
  { says: 'one', lines: ['{"a":1}\n'] },
  { says: 'more than a page of short ones', lines: Array.from({ length: 5_000 }, (_, i) => `line ${i}\n`) },
  { says: 'characters of one to four bytes', lines: Array.from({ length: 5_000 }, (_, i) => `${i} aé€😀\n`) },
  { says: 'one that is longer than a page, between short ones', lines: ['a\n', `${'€'.repeat(100_000)}\n`, 'b\n'] },
];

describe('log lines that wait', () => {
  it.each(cases)('come out as they went in: $says', ({ lines }) => {
    const held = new Lines();
    for (const line of lines) held.add(line);
    const whole = lines.join('');
    expect(held.bytes).toBe(Buffer.byteLength(whole));
    expect(held.take().toString()).toBe(whole);
    expect(held.bytes).toBe(0);
  });

  it('leave nothing behind for the next batch, and the next batch does not touch them', () => {
    const held = new Lines();
    held.add('first\n');
    const first = held.take();
    held.add('second\n');
    expect([first.toString(), held.take().toString()]).toEqual(['first\n', 'second\n']);
  });
});
