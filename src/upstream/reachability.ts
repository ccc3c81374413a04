/** Reachability: tells the operator once that the Coreapp cannot be reached, and once that it is back. */
import type { Log } from '../observe/ports.ts';

export class Reachability {
  readonly #url: string;
  readonly #log: Log;
  #reached = true;
  /** When the latest attempt that reached it was sent, `Clock.now()`. */
  #reachedAt = Number.NEGATIVE_INFINITY;

  /** @param url where the Coreapp is: an origin, without credentials */
  constructor(url: string, log: Log) {
    this.#url = url;
    this.#log = log;
  }

  /** An attempt that was sent then got an answer. */
  answered(sentAt: number): void {
    if (sentAt > this.#reachedAt) this.#reachedAt = sentAt;
    if (this.#reached) return;
    this.#reached = true;
    this.#log.info('the Coreapp is back', { url: this.#url });
  }

  /** An attempt that was made then found no connection. One that others have overtaken says nothing new. */
  unreached(sentAt: number, detail: string): void {
    if (!this.#reached || sentAt < this.#reachedAt) return;
    this.#reached = false;
    this.#log.warn('the Coreapp cannot be reached, requests are held and tried again; is coreapp.url right?', {
      url: this.#url,
      detail,
    });
  }
}
