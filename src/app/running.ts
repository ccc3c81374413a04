/** Which configuration runs, since when, what of it waits for a restart, and why a later one was refused. */
import type { Clock } from '../clock.ts';
import type { Meter, ReloadResult } from '../observe/ports.ts';
import type { ConfigSnapshot } from '../observe/snapshot.ts';

export class Running {
  readonly #clock: Pick<Clock, 'wallMs'>;
  #hash: string;
  #loadedAtMs: number;
  #restartNeeded: readonly string[] = [];
  #refused: ConfigSnapshot['refused'] = null;

  /** @param hash of the configuration of the start */
  constructor(clock: Pick<Clock, 'wallMs'>, hash: string) {
    this.#clock = clock;
    this.#hash = hash;
    this.#loadedAtMs = clock.wallMs();
  }

  /** @param restartNeeded the settings that go on as they were */
  applied(hash: string, restartNeeded: readonly string[], meter: Pick<Meter, 'reloaded'>): void {
    this.#hash = hash;
    this.#loadedAtMs = this.#clock.wallMs();
    this.#ended('applied', restartNeeded, meter);
  }

  /** It says what is in force already. */
  unchanged(restartNeeded: readonly string[], meter: Pick<Meter, 'reloaded'>): void {
    this.#ended('unchanged', restartNeeded, meter);
  }

  refused(problems: readonly string[], meter: Pick<Meter, 'reloaded'>): void {
    this.#refused = { at: this.#now(), problems };
    meter.reloaded('refused');
  }

  snapshot(): ConfigSnapshot {
    return {
      hash: this.#hash,
      loadedAt: new Date(this.#loadedAtMs).toISOString(),
      restartNeeded: this.#restartNeeded,
      refused: this.#refused,
    };
  }

  #ended(result: ReloadResult, restartNeeded: readonly string[], meter: Pick<Meter, 'reloaded'>): void {
    this.#restartNeeded = restartNeeded;
    this.#refused = null;
    meter.reloaded(result);
  }

  #now(): string {
    return new Date(this.#clock.wallMs()).toISOString();
  }
}
