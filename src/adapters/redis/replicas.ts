/** How many replicas there are: each says so once a second, in the Redis that they share. */
import type { Redis } from 'ioredis';
import type { Alarm, Clock } from '../../ports.ts';
import { script } from './script.ts';

const beatMs = 1_000;
/** Three beats missed. */
const silenceSeconds = 4;

interface Scripts {
  weirReplicas(key: string, name: string, silenceSeconds: number, leaving: 0 | 1): Promise<number>;
}

export class Replicas {
  readonly #redis: Redis & Scripts;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #name: string;
  #count = 1;
  #alarm: Alarm | null = null;
  #stopped = false;

  /** @param name this replica's own, unlike any other's */
  constructor(redis: Redis, clock: Clock, keyPrefix: string, name: string) {
    redis.defineCommand('weirReplicas', script('replicas.lua', 1));
    this.#redis = redis as Redis & Scripts;
    this.#clock = clock;
    this.#key = `${keyPrefix}{replicas}`;
    this.#name = name;
    redis.on('ready', () => void this.#beat());
  }

  /** As last seen, this one included. While Redis is away it stays what it was. */
  readonly count = (): number => this.#count;

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
    if (!this.#stopped) this.#count = Math.max(1, (await this.#call(0)) ?? this.#count);
  }

  async #call(leaving: 0 | 1): Promise<number | null> {
    try {
      return await this.#redis.weirReplicas(this.#key, this.#name, silenceSeconds, leaving);
    } catch {
      return null; // The next beat tells.
    }
  }
}
