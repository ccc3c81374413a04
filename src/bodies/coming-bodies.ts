/**
 * The bodies of a class that are still coming. Where room is short, a slow one gives way to a quicker one: it would
 * keep its bytes for longest and is furthest from its end. Nothing of it was sent on, so its caller may send it again.
 */

/** What one caller has taken of a class. */
export interface CallerBytes {
  bytes: number;
}

export interface ComingBody {
  /** What it has taken. */
  readonly bytes: number;
  /** Who sends it; null: it has never taken anything. */
  readonly caller: CallerBytes | null;
  /** When it began to come, milliseconds; null: it has not, or it came at once. */
  readonly since: number | null;
  /** Where it is in the list. Its owner leaves it alone. */
  place: number;
  /** Refuses it and gives back what it has taken, before it returns. */
  giveWay(): void;
}

/**
 * What a body is supposed to bring in its first second, and a newcomer altogether: only slower ones give way to a
 * newcomer, and none is taken for slow because its second packet has not come yet.
 */
const presumedBytes = 65_536;

export class ComingBodies {
  readonly #now: () => number;
  /** An array, not a Set: what keeps changing costs nothing in it. */
  readonly #bodies: ComingBody[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Returns when that was. */
  add(body: ComingBody): number {
    body.place = this.#bodies.push(body) - 1;
    return this.#now();
  }

  remove(body: ComingBody): void {
    const last = this.#bodies.pop() as ComingBody;
    if (last === body) return;
    this.#bodies[body.place] = last;
    last.place = body.place;
  }

  /**
   * The slowest of those that are slower than the one that asks: as many as together have the missing bytes. None, if
   * they don't have as many: nobody gives way in vain.
   */
  slowest(asking: ComingBody, missing: number, mayBe: (body: ComingBody) => boolean): ComingBody[] {
    if (this.#bodies.length === 0) return [];
    const now = this.#now();
    const pace = paceOf(asking, now);
    const slower = this.#bodies
      .filter((body) => body !== asking && body.bytes > 0 && paceOf(body, now) < pace && mayBe(body))
      .sort((one, other) => paceOf(one, now) - paceOf(other, now));
    const giving: ComingBody[] = [];
    let left = missing;
    for (const body of slower) {
      giving.push(body);
      left -= body.bytes;
      if (left <= 0) return giving;
    }
    return [];
  }
}

/** Bytes a second, on average since it began. */
function paceOf({ bytes, since }: ComingBody, now: number): number {
  return since === null ? presumedBytes : (bytes + presumedBytes) / (1 + (now - since) / 1_000);
}
