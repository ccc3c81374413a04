/** A pause that lasts is told to the other replicas, and told again while it does: one may have missed it, or be new. */
import type { Alarm, Clock } from '../clock.ts';
import type { KeptAnswer } from '../exchange/refusals.ts';
import type { EndpointClass } from '../exchange/route.ts';
import { horizonMs, pushMaxUs } from './rate/slots.ts';

/** What one replica tells the others of a pause that a rule of the configuration has brought about. */
export interface PauseNotice {
  readonly class: EndpointClass;
  /** Null: all of the class pause. */
  readonly bucket: string | null;
  /** Only what is least urgent pauses. */
  readonly bulk: boolean;
  /** For how long from now, milliseconds. */
  readonly ms: number;
  /** What the upstream said; null: nothing that can be told. */
  readonly answer: KeptAnswer | null;
}

/** Tells the other replicas. It never rejects: one that does not hear of it finds out by itself. */
export type TellPause = (notice: PauseNotice) => void;

/** What follows the pauses of other replicas, and tells its own to who asks. */
export interface PauseFollower {
  heard(notice: PauseNotice): void;
  tellAgain(): void;
}

/** A replica that asks what pauses is told of so many of a class at most, and finds out about the others by itself. */
export const againMax = 1_000;

/** How long before the others would go on they are told that the pause lasts, milliseconds. */
const tellAgainMs = 1_000;
/** A bucket is pushed back by so much at most. */
const onceMs = pushMaxUs / 1_000;

export class Telling {
  readonly #clock: Clock;
  readonly #tell: (ms: number) => void;
  #until = Number.NEGATIVE_INFINITY;
  /** The end that has been told of. */
  #told = Number.NEGATIVE_INFINITY;
  #again: Alarm | null = null;

  /** @param tell for how long the pause lasts from now on, milliseconds */
  constructor(clock: Clock, tell: (ms: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The pause lasts until then. Less than a horizon more than what has been told is no news. */
  until(now: number, until: number): void {
    this.#until = Math.max(this.#until, until);
    if (this.#until - this.#told >= horizonMs) this.#say(now);
  }

  /** Lets go of the timer. */
  close(): void {
    this.#again?.cancel();
  }

  #say(now: number): void {
    this.#tell(this.#until - now);
    this.#told = this.#until;
    this.#again?.cancel();
    const isLong = this.#until > now + onceMs;
    this.#again = isLong ? this.#clock.after(onceMs - tellAgainMs, () => this.#say(this.#clock.now())) : null;
  }
}
