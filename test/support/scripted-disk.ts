/** A disk in virtual time that is slow, fills up or breaks as it is told to, and knows what is still open on it. */
import type { Clock } from '../../src/clock.ts';
import type { BodyFile } from '../../src/exchange/bodies.ts';

export interface DiskScript {
  /** How long a call takes, milliseconds. */
  readonly callMs: number;
  /** After how many bytes each file meets a full disk, in the order of their opening; null and any further one: never. */
  readonly fullAfterBytes: readonly (number | null)[];
}

export class ScriptedDisk {
  readonly open = new Set<BodyFile>();
  /** How many there were in all. */
  opened = 0;
  readonly #clock: Clock;
  readonly #script: DiskScript;

  constructor(clock: Clock, script: DiskScript = { callMs: 0, fullAfterBytes: [] }) {
    this.#clock = clock;
    this.#script = script;
  }

  /** What is written on it. */
  get bytes(): number {
    return [...this.open].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  readonly create = (): BodyFile => {
    const fullAfterBytes = this.#script.fullAfterBytes[this.opened++] ?? Number.POSITIVE_INFINITY;
    const called = () => new Promise<void>((resolve) => void this.#clock.after(this.#script.callMs, resolve));
    const { open } = this;
    let content = Buffer.alloc(0);
    let under = Promise.resolve();
    let closed = false;
    const call = async <T>(act: () => T): Promise<T> => {
      const calling = called();
      under = Promise.all([under, calling]).then(() => {});
      await calling;
      return act();
    };
    const file: BodyFile = {
      get bytes() {
        return content.length;
      },
      append: async (bytes) => {
        if (closed) return false;
        return await call(() => {
          const fits = Math.min(bytes.length, fullAfterBytes - content.length);
          content = Buffer.concat([content, bytes.subarray(0, fits)]);
          return fits === bytes.length;
        });
      },
      read: async (into, position) => {
        if (closed) throw new Error('The file is closed.');
        return await call(() => content.copy(into, 0, position));
      },
      close(told) {
        if (closed) throw new Error('The file was closed before.');
        closed = true;
        void Promise.all([under, called()]).then(() => {
          open.delete(file);
          told();
        });
      },
    };
    open.add(file);
    return file;
  };
}

/** All of a file, read in pieces. */
export async function contentOf(file: BodyFile, pieceBytes = 100): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let position = 0; ; ) {
    const piece = Buffer.alloc(pieceBytes);
    const bytes = await file.read(piece, position);
    if (bytes === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, bytes));
    position += bytes;
  }
}
