import { randomFillSync } from 'node:crypto';

const spanBytes = 8;
const traceBytes = 16;
/** Asking for many random bytes at once costs a tenth of asking for each few. */
const random = Buffer.alloc(4_096);
let used = random.length;

function randomHex(bytes: number): string {
  if (used + bytes > random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += bytes;
  return random.toString('hex', used - bytes, used);
}

/** 32 hexadecimal digits, not all of them 0: by chance they never are. */
export const newTraceId = (): string => randomHex(traceBytes);
/** 16 of them. */
export const newSpanId = (): string => randomHex(spanBytes);
