import { randomUUID } from 'node:crypto';
import { Generations } from './generations.ts';

const mediaMaxBytes = 268_435_456;
const itemOverheadBytes = 200;

interface MediaItem {
  readonly type: string;
  readonly body: Buffer;
}

/** Uploaded media, to be fetched again. Bounded in bytes; the oldest goes first. */
export class MediaStore {
  readonly #items = new Generations<MediaItem>(mediaMaxBytes, (item) => item.body.length + itemOverheadBytes);

  /** Returns the id. */
  add(item: MediaItem): string {
    const id = randomUUID();
    // A small body is a slice of a much larger read buffer, which must not be kept alive for its sake.
    this.#items.set(id, { type: item.type, body: Buffer.from(item.body) });
    return id;
  }

  get(id: string): MediaItem | undefined {
    return this.#items.get(id);
  }

  delete(id: string): boolean {
    return this.#items.delete(id);
  }
}
