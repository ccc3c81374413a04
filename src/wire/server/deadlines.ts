/**
 * Deadlines of one kind, all equally far ahead: the first that joins is the first whose time is over. So a ring and one
 * timer are enough, and joining or leaving it costs a few assignments.
 */

/** Time is counted in ticks: what came while this process stood still is read before its sender is called late. */
const ticksPerLimit = 16;

/** What has one deadline at a time. */
export abstract class Dated {
  next: Dated | null = null;
  previous: Dated | null = null;
  /** By the ticks of the deadlines that it has joined. */
  dueAt = 0;

  /** Called once when its time is over; it has left by then. */
  abstract due(): void;

  /** Nothing is due any more. Doing so twice does nothing. */
  leave(): void {
    if (this.next === null || this.previous === null) return;
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.next = null;
    this.previous = null;
  }
}

class Ring extends Dated {
  override next: Dated = this;
  override previous: Dated = this;
  override due(): void {}
}

export class Deadlines {
  readonly #tickMs: number;
  readonly #ring = new Ring();
  #ticks = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param limitMs how far ahead they are; a sixteenth may be added */
  constructor(limitMs: number) {
    this.#tickMs = limitMs / ticksPerLimit;
  }

  /** From now on; whatever was to be due before is not. */
  join(dated: Dated): void {
    dated.leave();
    dated.dueAt = this.#ticks + ticksPerLimit + 1;
    dated.next = this.#ring;
    dated.previous = this.#ring.previous;
    this.#ring.previous.next = dated;
    this.#ring.previous = dated;
    this.#timer ??= setInterval(() => this.#tick(), this.#tickMs).unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    this.#ticks += 1;
    const ring: Dated = this.#ring;
    for (let first = this.#ring.next; first !== ring && first.dueAt <= this.#ticks; first = this.#ring.next) {
      first.leave();
      first.due();
    }
    if (this.#ring.next === ring) this.close();
  }
}
