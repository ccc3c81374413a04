/** As much of Redis as buckets ask for, in virtual time: it can stall, break off and come back empty. */
import type { Redis } from 'ioredis';
import type { Quota } from '../../src/model/quota.ts';
import { pushBack, reserve } from '../../src/model/slots.ts';
import type { Clock } from '../../src/ports.ts';

export class VirtualRedis {
  readonly #clock: Clock;
  readonly #quota: Quota;
  readonly #oneWayMs: number;
  readonly #tats = new Map<string, number>();
  readonly #stalled: (() => void)[] = [];
  #up = true;

  constructor(clock: Clock, quota: Quota, oneWayMs: number) {
    this.#clock = clock;
    this.#quota = quota;
    this.#oneWayMs = oneWayMs;
  }

  /** Answers nobody until `comeBack`, then everybody who still waits. */
  stall(): void {
    this.#up = false;
  }

  comeBack({ empty }: { readonly empty: boolean }): void {
    this.#up = true;
    if (empty) this.#tats.clear();
    for (const go of this.#stalled.splice(0)) go();
  }

  /** A replica's connection. Commands give up after a second, as the real ones do. */
  connection(): Redis {
    const connection = {
      defineCommand() {},
      on() {},
      ping: () => this.#answer(() => 'PONG'),
      weirPushBack: (key: string, ...args: number[]) => this.#answer(() => this.#pushBack(key, args)),
      weirReserve: (key: string, ...args: number[]) => this.#answer(() => this.#reserve(key, args)),
    };
    return connection as unknown as Redis;
  }

  #reserve(key: string, [, , want = 1, leadUs = 0, horizonUs = 0, replicas = 1, , floorUs = 0]: number[]) {
    const nowUs = this.#clock.now() * 1_000;
    const demand = { want, leadUs, horizonUs, replicas, floorUs };
    const { tat, grant } = reserve(this.#tats.get(key) ?? Number.NEGATIVE_INFINITY, nowUs, this.#quota, demand);
    this.#tats.set(key, tat);
    return [grant.count, String(tat - grant.count * grant.intervalUs - nowUs)];
  }

  #pushBack(key: string, [, , byUs = 0, horizonUs = 0, replicas = 1]: number[]) {
    const nowUs = this.#clock.now() * 1_000;
    const tat = this.#tats.get(key) ?? Number.NEGATIVE_INFINITY;
    this.#tats.set(key, pushBack(tat, nowUs, this.#quota, { horizonUs, replicas }, byUs));
    return null;
  }

  async #answer<T>(act: () => T): Promise<T> {
    await this.#after(this.#oneWayMs);
    if (!this.#up) await this.#whenUp();
    const answer = act();
    await this.#after(this.#oneWayMs);
    return answer;
  }

  #whenUp(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stalled.push(resolve);
      this.#clock.after(1_000, () => reject(new Error('Command timed out')));
    });
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}
