import { randomFillSync } from 'node:crypto';
import { traceParentAt } from '../../http/trace-context.ts';

const traceBytes = 16;
const spanBytes = 8;
const digits = Buffer.from('0123456789abcdef');
/** Asking for many random bytes at once costs a tenth of doing so for each few. */
const stock = Buffer.allocUnsafeSlow(200 * (traceBytes + spanBytes));
let used = stock.length;

/**
 * Fields that stand one behind the other: a part of one text costs less than a text that is joined of five. Of few, since
 * such a text lives as long as a part of it.
 */
const form = `00-${'0'.repeat(2 * traceBytes)}-${'0'.repeat(2 * spanBytes)}-02`;
const fields = Buffer.from(form.repeat(10), 'latin1');
let text = '';
let next = 0;

/** `traceparent` of a trace that begins: version 00, and random ids, as its flags say (level 2). */
export function newTraceParent(): string {
  if (next === text.length) {
    for (let at = 0; at < fields.length; at += form.length) {
      writeRandom(fields, at + traceParentAt.trace, traceBytes);
      writeRandom(fields, at + traceParentAt.parent, spanBytes);
    }
    text = fields.toString('latin1');
    next = 0;
  }
  next += form.length;
  return text.slice(next - form.length, next);
}

const span = Buffer.alloc(2 * spanBytes);

/** 16 hexadecimal digits, not all of them 0: by chance they never are. */
export function newSpanId(): string {
  writeRandom(span, 0, spanBytes);
  return span.toString('latin1');
}

/** Two digits a byte. */
function writeRandom(to: Buffer, from: number, bytes: number): void {
  if (used + bytes > stock.length) {
    randomFillSync(stock);
    used = 0;
  }
  for (let at = from; at < from + 2 * bytes; at += 2) {
    const byte = stock[used++] as number;
    to[at] = digits[byte >> 4] as number;
    to[at + 1] = digits[byte & 0xf] as number;
  }
}
