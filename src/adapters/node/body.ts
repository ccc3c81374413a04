/** A body that is still coming, as one buffer: of many small chunks, the objects around them would take the most. */
import type { BodyRead, BodyRoom } from '../../model/bodies.ts';

type Fault = Extract<BodyRead['kind'], 'tooLarge' | 'noRoom'>;

export class ArrivingBody {
  readonly #maxBytes: number;
  readonly #room: BodyRoom;
  #buffer: Buffer;
  #bytes = 0;

  /** @param announcedBytes for which room was made already; null: nobody knows */
  constructor(announcedBytes: number | null, maxBytes: number, room: BodyRoom) {
    this.#maxBytes = announcedBytes ?? maxBytes;
    this.#room = room;
    this.#buffer = Buffer.allocUnsafe(announcedBytes ?? 0);
  }

  /** Null: taken. */
  take(chunk: Buffer): Fault | null {
    const bytes = this.#bytes + chunk.length;
    if (bytes > this.#maxBytes) return 'tooLarge';
    if (bytes > this.#buffer.length && !this.#grow(bytes)) return 'noRoom';
    chunk.copy(this.#buffer, this.#bytes);
    this.#bytes = bytes;
    return null;
  }

  /** What has come. */
  get body(): Buffer | null {
    return this.#bytes === 0 ? null : this.#buffer.subarray(0, this.#bytes);
  }

  /** To twice its size at least, so that each byte is copied a few times at most. */
  #grow(bytes: number): boolean {
    const size = Math.min(this.#maxBytes, Math.max(bytes, 2 * this.#buffer.length));
    if (!this.#room.tryTake(size - this.#buffer.length)) return false;
    const larger = Buffer.allocUnsafe(size);
    this.#buffer.copy(larger, 0, 0, this.#bytes);
    this.#buffer = larger;
    return true;
  }
}
