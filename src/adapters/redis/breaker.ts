import type { Alarm, Clock } from '../../clock.ts';

/** How long to leave alone what has failed. */
const restMs = 250;

/** Looks whether it serves again, and in time. Never rejects. */
type Probe = () => Promise<boolean>;

/** Keeps away from what has failed until a probe succeeds: one at a time, with a rest in between, asked for or not. */
export class Breaker {
  readonly #clock: Clock;
  readonly #closed: () => void;
  #probe: Probe | null = null;
  #probing = false;
  #alarm: Alarm | null = null;

  constructor(clock: Clock, closed: () => void) {
    this.#clock = clock;
    this.#closed = closed;
  }

  get open(): boolean {
    return this.#probe !== null;
  }

  /** It has failed. */
  trip(probe: Probe): void {
    const wasOpen = this.open;
    this.#probe = probe;
    if (!wasOpen) this.#rest();
  }

  /** There is reason to believe that it is back: looks without further rest. */
  hurry(): void {
    if (!this.#probing) void this.#look();
  }

  /** Looks no more. */
  stop(): void {
    this.#alarm?.cancel();
    this.#probe = null;
  }

  #rest(): void {
    this.#alarm = this.#clock.after(restMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    if (this.#probe === null) return;
    this.#alarm?.cancel();
    this.#probing = true;
    const back = await this.#probe();
    this.#probing = false;
    if (!this.open) return; // It was stopped meanwhile.
    if (!back) return this.#rest();
    this.#probe = null;
    this.#closed();
  }
}
