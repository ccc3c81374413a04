/**
 * The cards of processes: while somebody looks at the fleet, each process tells the others of itself, beside the beat that
 * says that it is there. While nobody looks nothing is told. A card is gone after seconds.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { FleetCards, ReplicaCard } from '../../observe/fleet-view.ts';
import type { RedisConnection } from './client.ts';
import { beatMs, lookedKeyOf, replicasKeyOf, silenceSeconds } from './replicas.ts';
import { script } from './script.ts';

/** Somebody who goes on looking says so again before that is over. */
const lookSeconds = 5;
/** A longer card goes without callers and the last 15 minutes. */
const cardMaxChars = 65_536;
/** The first look waits this often for the cards of all, a quarter of a beat each: all have had a beat by then. */
const waitsMax = 6;

const name = z.string().max(512);
const amount = z.number();
const ofClass = { class: name };
const counts = z.array(amount).max(60);

const form: z.ZodType<ReplicaCard> = z.object({
  name,
  version: name,
  startedAt: name,
  ready: z.boolean(),
  hash: name,
  loadedAt: name,
  fallback: z.boolean(),
  connections: amount,
  lines: z.array(
    z.object({
      ...ofClass,
      requests: amount,
      requestsMax: amount,
      callers: amount,
      bytes: amount,
      bytesMax: amount,
      bytesOnDisk: amount,
      oldestMs: amount,
    }),
  ),
  buckets: z.array(
    z.object({
      ...ofClass,
      rate: amount,
      burst: amount,
      live: amount,
      level: amount,
      slotsHeld: amount,
      pausedMs: amount,
      bulkPausedMs: amount,
    }),
  ),
  lanes: z.array(z.object({ ...ofClass, limit: name, live: amount, parked: amount, paused: amount })),
  permits: z.array(z.object({ ...ofClass, inUse: amount, limit: amount, probing: z.boolean(), pausedMs: amount })),
  callers: z.object({
    callers: z.array(
      z.object({
        ...ofClass,
        place: amount,
        caller: z.string(),
        requests: amount,
        share: amount,
        oldestMs: amount,
        turnInMs: amount.nullable(),
      }),
    ),
    more: amount,
  }),
  recent: z.object({
    stepMs: amount,
    classes: z.array(
      z.object({ ...ofClass, came: counts, held: counts, sent: counts, replayed: counts, refused: counts }),
    ),
  }),
});

interface Scripts {
  weirLook(replicas: string, looked: string, seconds: number): Promise<unknown>;
}

const answer = z.tuple([z.number(), z.array(z.string())]);

export class RedisFleetCards {
  readonly #redis: RedisConnection & Scripts;
  readonly #clock: Clock;
  readonly #keyPrefix: string;
  readonly #own: string;

  /** @param own the name that this process has among the replicas */
  constructor(redis: RedisConnection, clock: Clock, keyPrefix: string, own: string) {
    redis.defineCommand('weirLook', script('look.lua', 2));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#keyPrefix = keyPrefix;
    this.#own = own;
  }

  /** Whether it has arrived does not matter: there is another one with the next beat. */
  tell(card: ReplicaCard): void {
    const text = cardText(card);
    this.#redis.set(this.#keyOf(this.#own), text, 'EX', silenceSeconds).catch(() => {});
  }

  /** The cards of the others. */
  async look(): Promise<FleetCards> {
    try {
      return await this.#look();
    } catch {
      return { cards: [], silent: 0, complete: false };
    }
  }

  async #look(): Promise<FleetCards> {
    const keys = [replicasKeyOf(this.#keyPrefix), lookedKeyOf(this.#keyPrefix)] as const;
    const [looked, names] = answer.parse(await this.#redis.weirLook(...keys, lookSeconds));
    const others = names.filter((one) => one !== this.#own);
    for (let waits = looked === 1 ? waitsMax : 0; ; waits++) {
      const texts = others.length === 0 ? [] : await this.#redis.mget(others.map((one) => this.#keyOf(one)));
      if (waits >= waitsMax || !texts.includes(null)) return read(texts);
      await new Promise<void>((resolve) => void this.#clock.after(beatMs / 4, resolve));
    }
  }

  #keyOf(replica: string): string {
    return `${replicasKeyOf(this.#keyPrefix)}:card:${replica}`;
  }
}

function cardText(card: ReplicaCard): string {
  const text = JSON.stringify(card);
  if (text.length <= cardMaxChars) return text;
  const { callers, recent } = card;
  const shorter: ReplicaCard = {
    ...card,
    callers: { callers: [], more: callers.callers.length + callers.more },
    recent: { ...recent, classes: [] },
  };
  return JSON.stringify(shorter);
}

function read(texts: readonly (string | null)[]): FleetCards {
  const cards = texts.flatMap((text) => readCard(text) ?? []);
  return { cards, silent: texts.length - cards.length, complete: true };
}

/** Null: it has told nothing, or another version has. */
function readCard(text: string | null): ReplicaCard | null {
  if (text === null) return null;
  try {
    return form.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
