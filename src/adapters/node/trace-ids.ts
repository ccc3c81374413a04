import { randomFillSync } from 'node:crypto';

const spanDigits = 16;
const traceDigits = 32;
/** Asking for many random bytes at once, and writing them as digits at once, costs a tenth of doing so for each few. */
const stockBytes = Buffer.allocUnsafeSlow(4_096);
let stock = '';
let used = 0;

function randomHex(digits: number): string {
  if (used + digits > stock.length) {
    stock = randomFillSync(stockBytes).toString('hex');
    used = 0;
  }
  used += digits;
  return stock.slice(used - digits, used);
}

/** 32 hexadecimal digits, not all of them 0: by chance they never are. */
export const newTraceId = (): string => randomHex(traceDigits);
/** 16 of them. */
export const newSpanId = (): string => randomHex(spanDigits);
