/**
 * Reads a body that has not come whole with its head: the caller sends no faster than it can be kept, and not too
 * slowly.
 */
import type { Readable } from 'node:stream';
import type { BodyRead } from '../../exchange/bodies.ts';
import type { ArrivingBody } from './body.ts';
import type { Idler, Idlers } from './idlers.ts';

export class Reading {
  readonly #request: Readable;
  readonly #arriving: ArrivingBody;
  readonly #idlers: Pick<Idlers, 'watch'>;
  readonly #settle: (read: BodyRead) => void;
  #idler: Idler;
  #writing = false;
  #ended = false;
  #over = false;

  /** @param settle told once what it came to */
  constructor(
    request: Readable,
    arriving: ArrivingBody,
    idlers: Pick<Idlers, 'watch'>,
    settle: (read: BodyRead) => void,
  ) {
    this.#request = request;
    this.#arriving = arriving;
    this.#idlers = idlers;
    this.#settle = settle;
    this.#idler = this.#watchCaller();
    arriving.coming(() => this.end({ kind: 'noRoom' }));
    request.on('data', this.#take).on('end', this.#end);
  }

  end(read: BodyRead): void {
    if (this.#over) return;
    this.#over = true;
    this.#arriving.arrived();
    this.#idler.done();
    this.#request.off('data', this.#take).off('end', this.#end);
    this.#settle(read);
  }

  readonly #take = (chunk: Buffer): void => {
    this.#idler.moved(chunk.length);
    const taken = this.#arriving.take(chunk);
    if (taken instanceof Promise) void this.#written(taken);
    else if (taken !== null) this.end({ kind: taken });
  };

  readonly #end = (): void => {
    // A request that is paused with its last bytes ends all the same.
    this.#ended = true;
    this.#arriving.arrived();
    if (this.#writing) return;
    const read = this.#arriving.end();
    if (read instanceof Promise) void this.#whole(read);
    else this.end(read);
  };

  async #written(taking: ReturnType<ArrivingBody['take']>): Promise<void> {
    this.#writing = true;
    this.#request.pause();
    this.#watchDisk();
    const fault = await taking;
    this.#writing = false;
    if (this.#over) return;
    if (fault !== null) return this.end({ kind: fault });
    if (this.#ended) return this.#end();
    this.#idler.done();
    this.#idler = this.#watchCaller();
    this.#request.resume();
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
