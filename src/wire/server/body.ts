/**
 * A body that is still coming. In memory it is one buffer: of many small chunks, the objects around them would take the
 * most. On its way to a file the same buffer gathers what comes, so that the disk is not written to for every packet.
 */
import { type Allocation, type BodyFile, type BodyRead, keptInMemory } from '../../exchange/bodies.ts';

/** Why a body is not taken any further. */
export type Fault = Exclude<BodyRead['kind'], 'body' | 'tooSlow' | 'gone'>;

/** How much is gathered of a body that is known to go to a file. */
const gatheredMaxBytes = 65_536;
const nothing = Buffer.alloc(0);

export class ArrivingBody {
  readonly #maxBytes: number;
  readonly #allocation: Allocation;
  /** How much of it is in memory while there is no file. */
  readonly #inMemoryMaxBytes: number;
  #buffer: Buffer = nothing;
  /** How much of the buffer is in use. */
  #gathered = 0;
  #file: BodyFile | null = null;
  /** What was taken of the allocation. */
  #taken = 0;
  #bytes = 0;

  /** @param announcedBytes null: nobody knows. Returns null if there is no room for it. */
  static expect(announcedBytes: number | null, maxBytes: number, allocation: Allocation): ArrivingBody | null {
    return allocation.mayCome(announcedBytes ?? 0) ? new ArrivingBody(announcedBytes, maxBytes, allocation) : null;
  }

  private constructor(announcedBytes: number | null, maxBytes: number, allocation: Allocation) {
    const { memoryMaxBytes } = allocation;
    this.#maxBytes = announcedBytes ?? maxBytes;
    this.#allocation = allocation;
    const toFile = announcedBytes !== null && announcedBytes > memoryMaxBytes;
    this.#inMemoryMaxBytes = toFile ? Math.min(gatheredMaxBytes, memoryMaxBytes) : memoryMaxBytes;
  }

  /** @param giveUp told if it has to give way to a quicker one */
  coming(giveUp: () => void): void {
    this.#allocation.coming(giveUp);
  }

  /** No more of it is expected. Calling it twice does nothing. */
  arrived(): void {
    this.#allocation.arrived();
  }

  /** Null: taken. A promise: the disk is being written to, and nothing more may come until then. */
  take(chunk: Buffer): Fault | null | Promise<Fault | null> {
    const bytes = this.#bytes + chunk.length;
    if (bytes > this.#maxBytes) return 'tooLarge';
    if (!this.#makeRoom(bytes)) return 'noRoom';
    this.#bytes = bytes;
    if (this.#gathered + chunk.length > this.#buffer.length) return this.#write(chunk);
    this.#gather(chunk);
    return null;
  }

  /** The body, once all of it has come. */
  end(): BodyRead | Promise<BodyRead> {
    if (this.#file !== null) return this.#completed(this.#file);
    return { kind: 'body', body: keptInMemory(this.#buffer.subarray(0, this.#bytes)) };
  }

  /** For so many bytes in all. */
  #makeRoom(bytes: number): boolean {
    if (this.#file === null) {
      if (bytes <= this.#buffer.length) return true;
      if (bytes <= this.#inMemoryMaxBytes) return this.#grow(bytes);
      this.#file = this.#allocation.openFile();
      if (this.#file === null) return false;
      this.#enlarge(Math.min(gatheredMaxBytes, this.#allocation.memoryMaxBytes));
    }
    if (bytes <= this.#taken) return true;
    if (!this.#allocation.tryTake(bytes - this.#taken)) return false;
    this.#taken = bytes;
    return true;
  }

  /** To twice its size at least, so that each byte is copied a few times at most. */
  #grow(bytes: number): boolean {
    const size = Math.min(this.#maxBytes, this.#inMemoryMaxBytes, Math.max(bytes, 2 * this.#buffer.length));
    if (!this.#allocation.tryTake(size - this.#taken)) return false;
    this.#taken = size;
    this.#enlarge(size);
    return true;
  }

  #enlarge(size: number): void {
    if (size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(size);
    this.#buffer.copy(larger, 0, 0, this.#gathered);
    this.#buffer = larger;
  }

  #gather(chunk: Buffer): void {
    chunk.copy(this.#buffer, this.#gathered);
    this.#gathered += chunk.length;
  }

  async #write(chunk: Buffer): Promise<Fault | null> {
    const file = this.#file as BodyFile;
    if (!(await this.#flush(file))) return 'notKept';
    if (chunk.length < this.#buffer.length) this.#gather(chunk);
    else if (!(await file.append(chunk))) return 'notKept';
    return null;
  }

  async #completed(file: BodyFile): Promise<BodyRead> {
    return (await this.#flush(file)) ? { kind: 'body', body: file } : { kind: 'notKept' };
  }

  async #flush(file: BodyFile): Promise<boolean> {
    const gathered = this.#buffer.subarray(0, this.#gathered);
    this.#gathered = 0;
    return gathered.length === 0 || (await file.append(gathered));
  }
}
