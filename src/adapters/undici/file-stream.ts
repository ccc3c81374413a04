/** A body on disk, read once more for one attempt. It never ends early: a part of it must not look like all of it. */
import { Readable } from 'node:stream';
import type { BodyFile } from '../../model/bodies.ts';

const chunkBytes = 65_536;

/** The disk did not give the body back. */
export class BodyLost extends Error {}

export class FileStream extends Readable {
  readonly #file: BodyFile;
  readonly #begun: () => void;
  #position = 0;

  /** @param begun called before the first byte is handed out */
  constructor(file: BodyFile, begun: () => void) {
    super({ highWaterMark: chunkBytes });
    this.#file = file;
    this.#begun = begun;
    // undici stops listening when its request has ended; a read may still be under way then, and unheard its error would
    // end the process.
    this.on('error', () => {});
  }

  override _read(): void {
    void this.#readOn();
  }

  async #readOn(): Promise<void> {
    const left = this.#file.bytes - this.#position;
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, left));
    try {
      const bytes = await this.#file.read(chunk, this.#position);
      if (this.destroyed) return;
      if (bytes === 0) throw new Error(`${left} bytes are missing`);
      if (this.#position === 0) this.#begun();
      this.#position += bytes;
      this.push(chunk.subarray(0, bytes));
      if (bytes === left) this.push(null);
    } catch (error) {
      this.destroy(new BodyLost('the body could not be read from the disk', { cause: error }));
    }
  }
}
