/**
 * The cards of processes: while somebody looks at the fleet, each process tells the others of itself, beside the beat that
 * says that it is there. While nobody looks nothing is told. A card is gone after seconds.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { FleetCards, ReplicaCard } from '../../observe/fleet-view.ts';
import { Shared } from '../../observe/shared.ts';
import type { FoundWait, WaitSearch, WaitView } from '../../observe/views.ts';
import type { RedisConnection } from './client.ts';
import { readAs } from './replica-messages.ts';
import { beatMs, keysOf, lookSeconds, replicasKeyOf, silenceSeconds } from './replicas.ts';
import { script } from './script.ts';

/** A longer card goes without callers and the last 15 minutes. */
const cardMaxChars = 65_536;
const pollMs = beatMs / 4;
/** Whoever waits for the cards of all reads them so often at most: all have had a beat by then. */
const waitsMax = 6;
/** A process looks at all that wait in it for each of these. */
const askedMax = 16;
/** No request has a longer `X-Request-Id`. */
const idMaxChars = 128;

const name = z.string().max(512);
const amount = z.number();
const ofClass = { class: name };
const turn = { turnInMs: amount.nullable(), turnByMs: amount.nullable() };
const amounts = <Names extends string>(...names: Names[]) =>
  Object.fromEntries(names.map((one) => [one, amount])) as Record<Names, typeof amount>;
const counts = z.array(amount).max(60);

const waitForm: z.ZodType<WaitView> = z.object({
  id: name,
  ...ofClass,
  caller: z.string(),
  ...amounts('urgency', 'waitedMs', 'leftMs', 'attempts'),
  waitsFor: z.enum(['operator', 'pause', 'rest', 'lane', 'permit', 'rate']),
  limit: z.string(),
  place: amount.nullable(),
  inFront: z.object(amounts('own', 'others')).nullable(),
  ...turn,
});

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
      ...amounts('requests', 'requestsMax', 'callers', 'bytes', 'bytesMax', 'bytesOnDisk', 'oldestMs'),
    }),
  ),
  buckets: z.array(
    z.object({
      ...ofClass,
      ...amounts('rate', 'burst', 'live', 'level', 'slotsHeld', 'pausedMs', 'bulkPausedMs'),
    }),
  ),
  lanes: z.array(z.object({ ...ofClass, limit: name, ...amounts('live', 'parked', 'paused') })),
  permits: z.array(z.object({ ...ofClass, ...amounts('inUse', 'limit', 'pausedMs'), probing: z.boolean() })),
  callers: z.object({
    callers: z.array(
      z.object({ ...ofClass, caller: z.string(), ...amounts('place', 'requests', 'share', 'oldestMs'), ...turn }),
    ),
    more: amount,
  }),
  recent: z.object({
    stepMs: amount,
    classes: z.array(
      z.object({ ...ofClass, came: counts, held: counts, sent: counts, replayed: counts, refused: counts }),
    ),
  }),
  waits: z.array(z.object({ id: name, wait: waitForm.nullable() })).max(askedMax),
});

interface Scripts {
  weirLook(...args: [...keys: string[], seconds: number, id: string, askedMax: number]): Promise<unknown>;
}

const answer = z.tuple([z.number(), z.array(z.string())]);

export class RedisFleetCards {
  readonly #redis: RedisConnection & Scripts;
  readonly #clock: Clock;
  readonly #keyPrefix: string;
  readonly #own: string;
  /** As last seen. */
  #others: readonly string[] = [];
  /** However many look for requests, the cards are read four times a beat. */
  readonly #shared: Shared<FleetCards>;

  /** @param own the name that this process has among the replicas */
  constructor(redis: RedisConnection, clock: Clock, keyPrefix: string, own: string) {
    redis.defineCommand('weirLook', script('look.lua', 3));
    this.#redis = redis as RedisConnection & Scripts;
    this.#clock = clock;
    this.#keyPrefix = keyPrefix;
    this.#own = own;
    this.#shared = new Shared(
      async () => read(await this.#texts()),
      () => pollMs,
      () => clock.now(),
    );
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

  /** Looks for a request in the others: each looks with its next beat. */
  async find(id: string): Promise<WaitSearch> {
    if (id === '' || id.length > idMaxChars) return { found: null, complete: true };
    try {
      return await this.#find(id);
    } catch {
      return { found: null, complete: false };
    }
  }

  async #look(): Promise<FleetCards> {
    const looked = await this.#ask('');
    for (let waits = looked ? waitsMax : 0; ; waits++) {
      const texts = await this.#texts();
      if (waits >= waitsMax || !texts.includes(null)) return read(texts);
      await this.#pause();
    }
  }

  async #find(id: string): Promise<WaitSearch> {
    await this.#ask(id);
    for (let waits = 0; ; waits++) {
      const { cards, silent } = await this.#shared.get();
      const told = cards.flatMap(({ name: replica, waits }) =>
        waits.filter((one) => one.id === id).map(({ wait }) => ({ replica, wait })),
      );
      const complete = silent === 0 && told.length === cards.length;
      if (complete || waits >= waitsMax) return { found: longestOf(told), complete };
      await this.#pause();
    }
  }

  /** Somebody looks. @param id for a request; empty: for none. Resolves to whether somebody did already */
  async #ask(id: string): Promise<boolean> {
    const keys = keysOf(this.#keyPrefix);
    const [looked, names] = answer.parse(await this.#redis.weirLook(...keys, lookSeconds, id, askedMax));
    this.#others = names.filter((one) => one !== this.#own);
    return looked === 1;
  }

  async #texts(): Promise<(string | null)[]> {
    return this.#others.length === 0 ? [] : await this.#redis.mget(this.#others.map((one) => this.#keyOf(one)));
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(pollMs, resolve));
  }

  #keyOf(replica: string): string {
    return `${replicasKeyOf(this.#keyPrefix)}:card:${replica}`;
  }
}

/** Callers may choose the id, so several may have it: the one that has waited longest is meant. */
function longestOf(told: readonly { readonly replica: string; readonly wait: WaitView | null }[]): FoundWait | null {
  const found = told.flatMap(({ replica, wait }) => (wait === null ? [] : [{ ...wait, replica }]));
  return found.toSorted((a, b) => b.waitedMs - a.waitedMs)[0] ?? null;
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

/** `silent`: those that have told nothing, or that are of another version. */
function read(texts: readonly (string | null)[]): FleetCards {
  const cards = texts.flatMap((text) => (text === null ? [] : (readAs(form, text) ?? [])));
  return { cards, silent: texts.length - cards.length, complete: true };
}
