/**
 * Request ids: random UUIDs (RFC 9562, 5.4), each one flat text. Node's `randomUUID` joins twenty texts and keeps them: 450
 * bytes more for as long as the request waits, and another 0.2 µs to make and to write.
 */
import { randomFillSync } from 'node:crypto';

const idBytes = 16;
const stock = Buffer.allocUnsafeSlow(256 * idBytes);
let used = stock.length;

const digits = Buffer.from('0123456789abcdef');
/** Where in the text each byte has its two digits. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const text = Buffer.alloc(36, '-');

export function newRequestId(): string {
  if (used === stock.length) {
    randomFillSync(stock);
    used = 0;
  }
  for (let i = 0; i < idBytes; i++) {
    let byte = stock[used++] as number;
    if (i === 6) byte = (byte & 0x0f) | 0x40; // Version 4: random.
    if (i === 8) byte = (byte & 0x3f) | 0x80; // The variant of RFC 9562.
    const place = places[i] as number;
    text[place] = digits[byte >> 4] as number;
    text[place + 1] = digits[byte & 15] as number;
  }
  return text.toString('latin1');
}
