/** The output of a worker, passed on by whole lines: what several write to one pipe would be torn and mixed. */
import type { Readable } from 'node:stream';

const newline = 10;

/**
 * Resolves when the stream has ended. A last line without its end is left out: its writer was killed.
 * @param take is handed whole lines; while it does not resolve, nothing more is read
 */
export async function passWholeLines(stream: Readable, take: (lines: Buffer) => Promise<void>): Promise<void> {
  let begun: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const end = chunk.lastIndexOf(newline) + 1;
    if (end > 0) {
      const whole = chunk.subarray(0, end);
      await take(begun.length === 0 ? whole : Buffer.concat([...begun, whole]));
      begun = [];
    }
    if (end < chunk.length) begun.push(chunk.subarray(end));
  }
}
