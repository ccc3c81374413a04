/** Counts what is in flight, so that stopping knows when it is done. */
export class Traffic {
  #inFlight = 0;
  #idle: (() => void) | null = null;

  /** Call as a request begins, and what it returns once it has been answered. */
  began(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#idle?.();
    };
  }

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }
}
