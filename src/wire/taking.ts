/**
 * Whether a caller takes its answer fast enough. What it takes can be seen in large steps only: the system's own buffer
 * for a connection takes more once a third of it is free, which is a megabyte and a half on a fast network. So a caller
 * that reads 20 KB a second takes nothing for a minute, as it looks from here, and then a great deal at once.
 *
 * So the bytes that a caller takes buy it time: as long as they last at the least rate that is asked for. It begins
 * with the time that anybody may pause, and can save up ten times that. A caller that takes nothing any more is cut off
 * when its time is over. One that goes on at the least rate or above never is.
 */

/** How many pauses a caller can save up. */
const savedPausesMax = 10;

export interface TakingBounds {
  /** How long a caller may pause that has saved nothing up, milliseconds. */
  readonly pauseMs: number;
  /** The least that it has to take; 0: it is enough that it takes anything. */
  readonly minBytesPerS: number;
}

export class Taking {
  readonly #bounds: TakingBounds;
  #leftMs: number;
  #taken: number;
  /** Whether something was there to be taken at the last look. */
  #waited = true;

  /** @param taken how many bytes it has taken of its connection so far */
  constructor(bounds: TakingBounds, taken: number) {
    this.#bounds = bounds;
    this.#leftMs = bounds.pauseMs;
    this.#taken = taken;
  }

  /**
   * @param ms since the last look
   * @param taken as above
   * @param waits whether something is there to be taken: otherwise the caller is not the one who is slow
   * False: it is too slow.
   */
  look(ms: number, taken: number, waits: boolean): boolean {
    const { pauseMs, minBytesPerS } = this.#bounds;
    const bytes = taken - this.#taken;
    this.#taken = taken;
    if (bytes > 0) this.#leftMs = Math.min(savedPausesMax * pauseMs, this.#leftMs + (bytes / minBytesPerS) * 1_000);
    if (!waits) this.#leftMs = Math.max(pauseMs, this.#leftMs);
    else if (this.#waited) this.#leftMs -= ms;
    this.#waited = waits;
    return this.#leftMs > 0;
  }
}
