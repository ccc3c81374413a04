import { randomFillSync } from 'node:crypto';

const spanDigits = 16;
const traceDigits = 32;
/**
 * Asking for many random bytes at once, and writing some of them as digits at once, costs a tenth of doing so for each
 * few. A text of all of them would live so long that the collector copies it.
 */
const textBytes = 240;
const stock = Buffer.allocUnsafeSlow(16 * textBytes);
let usedBytes = stock.length;
let text = '';
let used = 0;

function randomHex(digits: number): string {
  if (used + digits > text.length) {
    if (usedBytes === stock.length) {
      randomFillSync(stock);
      usedBytes = 0;
    }
    text = stock.toString('hex', usedBytes, usedBytes + textBytes);
    usedBytes += textBytes;
    used = 0;
  }
  used += digits;
  return text.slice(used - digits, used);
}

/** 32 hexadecimal digits, not all of them 0: by chance they never are. */
export const newTraceId = (): string => randomHex(traceDigits);
/** 16 of them. */
export const newSpanId = (): string => randomHex(spanDigits);
