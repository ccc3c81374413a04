/** Requests as they come, which wait until the store has begun, and how many are in flight. */
import type { Gateway } from '../proxy.ts';

/** The ports open at once; the first requests wait for the store, for as long as its `begin` takes. */
export class Beginning {
  over = false;
  readonly end: Promise<void>;

  constructor(begun: Promise<void>) {
    this.end = begun.then(() => {
      this.over = true;
    });
  }

  async enter(gateway: Gateway, ...request: Parameters<Gateway>): Promise<void> {
    await this.end;
    await gateway(...request);
  }
}

/** Counts what is in flight, so that stopping knows when it is done. */
export class Traffic {
  #inFlight = 0;
  #idle: (() => void) | null = null;
  readonly #ended = (): void => {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#idle?.();
  };

  /** Counts a request until its promise is settled. */
  follow(request: Promise<void>): void {
    this.#inFlight += 1;
    void request.finally(this.#ended);
  }

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }
}
