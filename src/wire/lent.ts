/**
 * The buffer that is being read from, and how much of what was handed out of it nobody needs any more. If that is all, it
 * can be read into again: 160 fresh ones for an answer of 10 MB made the collector mark the whole heap again and again,
 * which was half of the CPU that such an answer took.
 *
 * A part is looked at before the next one is read, so there is one such buffer at a time. Parts of other buffers, which
 * somebody has kept, don't count.
 */
let current: ArrayBufferLike | null = null;
let handedOut = 0;
let spent = 0;

/** From now on parts of this one count. */
export function lend(buffer: ArrayBufferLike): void {
  current = buffer;
  handedOut = 0;
  spent = 0;
}

/** A part was handed out. */
export function handOut(part: Buffer): void {
  if (part.buffer === current) handedOut += part.length;
}

/** Nobody needs a part any more: it was copied, or the system has it. */
export function spend(part: Buffer): void {
  if (part.buffer === current) spent += part.length;
}

/** Whether all that was handed out is spent. Nothing counts any more. */
export function isSpent(): boolean {
  current = null;
  return handedOut === spent;
}
