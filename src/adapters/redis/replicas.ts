/** How many replicas there are: each says hello once a second, in the Redis that they share. */
import type { Alarm, Clock } from '../../clock.ts';
import type { RedisConnection } from './client.ts';
import { script } from './script.ts';

export const beatMs = 1_000;
/** Three beats missed. */
const silenceSeconds = 4;
/**
 * A lower count is believed once this many beats in a row have told it. A Redis that comes back empty, or after a
 * silence of its own, knows only of replicas that have said hello since. If it were away again at that moment, each
 * replica would go on with the whole limit.
 */
const beatsUntilFewer = 3;

interface Scripts {
  weirReplicas(key: string, name: string, silenceSeconds: number, leaving: 0 | 1): Promise<unknown>;
}

export class Replicas {
  readonly #redis: RedisConnection & Scripts;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #name: string;
  #least: number;
  #count: number;
  /** What the last answered beats told, the latest first. */
  #told: readonly number[] = [];
  #alarm: Alarm | null = null;
  #stopped = false;

  /**
   * @param name this replica's own, unlike any other's
   * @param least how many there are at least, 1 or more
   */
  constructor(redis: RedisConnection, clock: Clock, keyPrefix: string, name: string, least = 1) {
    redis.defineCommand('weirReplicas', script('replicas.lua', 1));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#key = `${keyPrefix}{replicas}`;
    this.#name = name;
    this.#least = least;
    this.#count = least;
    redis.on('ready', () => void this.#beat());
  }

  /**
   * As last seen, this one included. While Redis is away it stays what it was, and before it was ever there it is
   * `least`.
   */
  readonly count = (): number => this.#count;

  /** How many there are at least, from now on. */
  set least(least: number) {
    this.#least = least;
    this.#count = Math.max(least, ...this.#told);
  }

  /** Says hello now and then once a second. */
  async start(): Promise<void> {
    await this.#beat();
    if (this.#stopped) return;
    this.#alarm = this.#clock.after(beatMs, () => void this.start());
  }

  /** Says goodbye, so that the others take over its share at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarm?.cancel();
    await this.#call(1);
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    const told = await this.#call(0);
    if (told === null) return;
    this.#told = [told, ...this.#told].slice(0, beatsUntilFewer);
    this.#count = Math.max(this.#least, ...this.#told);
  }

  async #call(leaving: 0 | 1): Promise<number | null> {
    try {
      const told = await this.#redis.weirReplicas(this.#key, this.#name, silenceSeconds, leaving);
      return typeof told === 'number' && told >= 0 ? told : null; // Something else than Redis may answer anything.
    } catch {
      return null; // The next beat tells.
    }
  }
}
