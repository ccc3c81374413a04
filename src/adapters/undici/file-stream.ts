/** A body on disk, read once more for one attempt. It never ends early: a part of it must not look like all of it. */
import { Readable } from 'node:stream';
import type { BodyFile } from '../../exchange/bodies.ts';

const chunkBytes = 65_536;

/** The disk did not give the body back. */
export class BodyLost extends Error {}

/** The observer let nothing be written any more. */
export class TooLate extends Error {
  constructor() {
    super('the slot closed before the request could be written');
  }
}

export class FileStream extends Readable {
  readonly #file: BodyFile;
  readonly #begins: () => boolean;
  #position = 0;

  /** @param begins asked before the first byte is handed out; false: it is too late for that */
  constructor(file: BodyFile, begins: () => boolean) {
    super({ highWaterMark: chunkBytes });
    this.#file = file;
    this.#begins = begins;
    // undici stops listening when its request has ended; a read may still be under way then, and unheard its error
    // would end the process.
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
      if (this.#position === 0 && !this.#begins()) {
        this.destroy(new TooLate());
        return;
      }
      this.#position += bytes;
      this.push(chunk.subarray(0, bytes));
      if (bytes === left) this.push(null);
    } catch (error) {
      this.destroy(new BodyLost('the body could not be read from the disk', { cause: error }));
    }
  }
}
