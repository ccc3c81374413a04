/**
 * Deadlines that are all equally far away: one timer for all of them, and no object for each. Whoever was touched last
 * stands last, so only the first has to be looked at.
 */

export abstract class Dated {
  touchedAt = 0;
  next: Dated | null = null;
  previous: Dated | null = null;
}

class Ring extends Dated {}

export class Deadlines<D extends Dated> {
  readonly #afterMs: number;
  readonly #over: (one: D) => void;
  readonly #ring: Dated = new Ring();
  #timer: NodeJS.Timeout | null = null;

  /** @param over told once of each that nothing has touched for so long */
  constructor(afterMs: number, over: (one: D) => void) {
    this.#afterMs = afterMs;
    this.#over = over;
    this.#ring.next = this.#ring;
    this.#ring.previous = this.#ring;
  }

  /** Its time begins, or begins anew. */
  touch(one: D): void {
    if (one.next !== null) unlink(one);
    one.touchedAt = performance.now();
    const last = this.#ring.previous as Dated;
    one.previous = last;
    one.next = this.#ring;
    last.next = one;
    this.#ring.previous = one;
    if (this.#timer === null) this.#wait(this.#afterMs);
  }

  /** It has no deadline any more. Doing so twice does nothing. */
  stop(one: D): void {
    if (one.next !== null) unlink(one);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The timer stays where it is when the first one leaves: nothing is due before it. */
  #wait(ms: number): void {
    this.#timer = setTimeout(this.#look, Math.max(1, Math.ceil(ms))).unref();
  }

  readonly #look = (): void => {
    const first = this.#ring.next as Dated;
    const now = performance.now();
    const left = first.touchedAt + this.#afterMs - now;
    if (first === this.#ring) this.#timer = null;
    else if (left > 0) this.#wait(left);
    // If it is this process that was late, what has come meanwhile is read first.
    else setImmediate(() => this.#end(now - this.#afterMs));
  };

  #end(touchedBy: number): void {
    for (;;) {
      const first = this.#ring.next as Dated;
      if (first === this.#ring || first.touchedAt > touchedBy) break;
      unlink(first);
      this.#over(first as D);
    }
    this.#look();
  }
}

function unlink(one: Dated): void {
  (one.previous as Dated).next = one.next;
  (one.next as Dated).previous = one.previous;
  one.next = null;
  one.previous = null;
}
