/** A caller made by script, who takes its answer when it is told to. */
import type { Fields } from '../../src/http/fields.ts';
import { WaitingDownstream } from './fleet.ts';

export class SlowDownstream extends WaitingDownstream {
  /** All that was handed to it. */
  readonly parts: Buffer[] = [];
  trailers: Fields | null = null;
  /** How its answer ended; null: it has not. */
  ended: 'whole' | 'cut' | null = null;
  /** Set by whoever breaks its own rules. */
  readonly broken: string[] = [];
  readonly #bufferBytes: number;
  #pending = 0;
  #wantsDrain: (() => void) | null = null;

  /** @param bufferBytes what it takes before it says that it takes no more */
  constructor(bufferBytes: number) {
    super();
    this.#bufferBytes = bufferBytes;
  }

  get received(): Buffer {
    return Buffer.concat(this.parts);
  }

  /** What was handed to it and not taken. */
  get pending(): number {
    return this.#pending;
  }

  override data(chunk?: Buffer): boolean {
    if (chunk === undefined) throw new Error('nothing was handed over');
    if (this.#pending >= this.#bufferBytes) this.broken.push('was handed more than it takes');
    if (this.ended !== null) this.broken.push('was handed something after the end');
    this.parts.push(chunk);
    this.#pending += chunk.length;
    return this.#pending < this.#bufferBytes;
  }

  override onDrain(listener?: () => void): void {
    if (this.#wantsDrain !== null && this.ended === null) this.broken.push('two wait for it');
    this.#wantsDrain = listener ?? null;
  }

  override end(trailers?: Fields): boolean {
    this.trailers = trailers ?? [];
    this.ended = 'whole';
    return this.#pending === 0;
  }

  override cut(): void {
    if (this.ended !== null) this.broken.push('was cut after the end');
    this.ended = 'cut';
    this.hangUp();
  }

  /** Takes all that was handed to it. */
  take(): void {
    this.#pending = 0;
    const listener = this.#wantsDrain;
    this.#wantsDrain = null;
    if (!this.gone) listener?.();
  }
}
