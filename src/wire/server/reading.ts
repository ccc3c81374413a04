/**
 * Reads a body that has not come whole with its head: the caller sends no faster than it can be kept, and not too
 * slowly.
 */
import type { BodyRead } from '../../exchange/bodies.ts';
import type { ArrivingBody } from './body.ts';
import type { Idler, Idlers } from './idlers.ts';

/** Where the body comes from. */
export interface BodySource {
  /** Nothing is handed over until `resume`. */
  pause(): void;
  resume(): void;
}

export class Reading {
  readonly #source: BodySource;
  readonly #arriving: ArrivingBody;
  readonly #idlers: Pick<Idlers, 'watch'>;
  readonly #settle: (read: BodyRead) => void;
  #idler: Idler;
  #writing = false;
  #ended = false;
  #over = false;

  /** @param settle told once what it came to */
  constructor(
    source: BodySource,
    arriving: ArrivingBody,
    idlers: Pick<Idlers, 'watch'>,
    settle: (read: BodyRead) => void,
  ) {
    this.#source = source;
    this.#arriving = arriving;
    this.#idlers = idlers;
    this.#settle = settle;
    this.#idler = this.#watchCaller();
    arriving.coming(() => this.end({ kind: 'noRoom' }));
  }

  end(read: BodyRead): void {
    if (this.#over) return;
    this.#over = true;
    this.#arriving.arrived();
    this.#idler.done();
    this.#settle(read);
  }

  /** Some of it has come. */
  take(chunk: Buffer): void {
    if (this.#over) return;
    this.#idler.moved(chunk.length);
    const taken = this.#arriving.take(chunk);
    if (taken instanceof Promise) void this.#written(taken);
    else if (taken !== null) this.end({ kind: taken });
  }

  /** All of it has come. */
  finish(): void {
    if (this.#over) return;
    this.#ended = true;
    this.#arriving.arrived();
    if (this.#writing) return; // Its last bytes are being written.
    const read = this.#arriving.end();
    if (read instanceof Promise) void this.#whole(read);
    else this.end(read);
  }

  async #written(taking: ReturnType<ArrivingBody['take']>): Promise<void> {
    this.#writing = true;
    this.#source.pause();
    this.#watchDisk();
    const fault = await taking;
    this.#writing = false;
    if (this.#over) return;
    if (fault !== null) return this.end({ kind: fault });
    if (this.#ended) return this.finish();
    this.#idler.done();
    this.#idler = this.#watchCaller();
    this.#source.resume();
  }

  async #whole(reading: Promise<BodyRead>): Promise<void> {
    this.#watchDisk();
    this.end(await reading);
  }

  #watchCaller(): Idler {
    return this.#idlers.watch(() => this.end({ kind: 'tooSlow' }));
  }

  /** While the disk is written to, the caller is not the one who is slow. */
  #watchDisk(): void {
    this.#idler.done();
    this.#idler = this.#idlers.watch(() => this.end({ kind: 'notKept' }));
  }
}
