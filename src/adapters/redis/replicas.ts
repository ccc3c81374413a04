/** How many replicas there are: each says hello once a second, in the Redis that they share. */
import type { Alarm, Clock } from '../../clock.ts';
import type { RedisConnection } from './client.ts';
import { script } from './script.ts';

export const beatMs = 1_000;
/** Three beats missed. */
export const silenceSeconds = 4;
/**
 * A lower count is believed once this many beats in a row have told it. A Redis that comes back empty, or after a
 * silence of its own, knows only of replicas that have said hello since. If it were away again at that moment, each
 * replica would go on with the whole limit.
 */
const beatsUntilFewer = 3;

export const replicasKeyOf = (keyPrefix: string): string => `${keyPrefix}{replicas}`;
/** Of the replicas, of what is there while somebody looks at the fleet, and of the requests that somebody looks for. */
export const keysOf = (keyPrefix: string): string[] =>
  ['', ':looked', ':asked'].map((of) => replicasKeyOf(keyPrefix) + of);
/** Somebody who goes on looking says so again before that is over. */
export const lookSeconds = 5;

interface Scripts {
  weirReplicas(
    ...args: [...keys: string[], silenceSeconds: number, leaving: 0 | 1, lookSeconds: number]
  ): Promise<unknown>;
}

/** What Redis answers to it. */
interface Beat {
  readonly count: number;
  /** The requests that are looked for; null: nobody looks at the fleet. */
  readonly asked: readonly string[] | null;
}

export class Replicas {
  readonly #redis: RedisConnection & Scripts;
  readonly #clock: Clock;
  readonly #keyPrefix: string;
  readonly #name: string;
  #least: number;
  #count: number;
  /** What the last answered beats told, the latest first. */
  #told: readonly number[] = [];
  /** Called with each beat while somebody looks at the fleet, with the `X-Request-Id`s that are looked for. */
  looked: (asked: readonly string[]) => void = () => {};
  #alarm: Alarm | null = null;
  #stopped = false;

  /**
   * @param name this replica's own, unlike any other's
   * @param least how many there are at least, 1 or more
   */
  constructor(redis: RedisConnection, clock: Clock, keyPrefix: string, name: string, least = 1) {
    redis.defineCommand('weirReplicas', script('replicas.lua', 3));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#keyPrefix = keyPrefix;
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
    if (told.asked !== null) this.looked(told.asked);
    this.#told = [told.count, ...this.#told].slice(0, beatsUntilFewer);
    this.#count = Math.max(this.#least, ...this.#told);
  }

  async #call(leaving: 0 | 1): Promise<Beat | null> {
    const keys = keysOf(this.#keyPrefix);
    try {
      const told = await this.#redis.weirReplicas(...keys, this.#name, silenceSeconds, leaving, lookSeconds);
      // Something else than Redis may answer anything.
      const [count, looked, asked] = Array.isArray(told) ? (told as readonly unknown[]) : [];
      if (typeof count !== 'number' || count < 0) return null;
      return { count, asked: looked === 1 && Array.isArray(asked) ? asked.map(String) : null };
    } catch {
      return null; // The next beat tells.
    }
  }
}
