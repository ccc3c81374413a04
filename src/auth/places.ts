/**
 * Turns for costly work that anybody can cause (hashing a password), and the places of those who wait for a turn.
 *
 * There are three standings: known askers go most often, then new ones, then those that failed lately, 4 : 2 : 1, so
 * that none starves. Within a standing the groups go in rotation, and within a group its parts:
 *
 *     known        a user, wherever it is   its addresses    it has logged in from there: the name is no mere claim
 *     new, failed  an address               the names        names cost nothing to make up, addresses do
 *
 * So an asker that asks a lot lengthens its own wait, and if there are several groups, none has all turns. While there
 * is room, anybody may wait. Once there is none, a newcomer takes the place of the latest asker of the largest group,
 * provided that this group has at least two more than the newcomer's. If the newcomer's group has none, it may also
 * take the place of the latest asker of a lower standing.
 */
export const standings = ['known', 'new', 'failed'] as const;

/** `known`: has logged in as this user from this address before. `failed`: that address has failed lately. */
export type Standing = (typeof standings)[number];

export interface Asker {
  /** Whom it says it is; known to be so only where it is `known`. */
  readonly user: string;
  readonly address: string;
  readonly standing: Standing;
}

interface PlacesOptions {
  /** Most turns at once. */
  readonly turnsMax: number;
  /** Most turns at once for one group, 1 or more. */
  readonly turnsEachMax: number;
  /** Most who wait. */
  readonly waitersMax: number;
}

export interface Waiter {
  readonly asker: Asker;
}

/** How much of virtual time a turn takes: the inverse of the share. */
const strides: Readonly<Record<Standing, number>> = { known: 1, new: 2, failed: 4 };

interface Group<W> {
  readonly standing: Standing;
  /** Those who wait, by part. The first part is the next. */
  readonly parts: Map<string, Set<W>>;
  waiting: number;
}

interface Tier<W> {
  readonly groups: Map<string, Group<W>>;
  /** When it is due, in virtual time. */
  due: number;
}

export class Places<W extends Waiter> {
  readonly #options: PlacesOptions;
  readonly #tiers = new Map<Standing, Tier<W>>(standings.map((standing) => [standing, { groups: new Map(), due: 0 }]));
  /** How many turns a group has, by its key. */
  readonly #turns = new Map<string, number>();
  #active = 0;
  #waiting = 0;
  #time = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a turn at once. False: there is none. Whoever has one must `end` it. */
  begin(asker: Asker): boolean {
    const key = keyOf(asker);
    if (this.#active >= this.#options.turnsMax || !this.#mayBegin(key)) return false;
    this.#begun(key);
    return true;
  }

  /** Waits. Returns who has no place for it, maybe the waiter itself; null: there was room. */
  join(waiter: W): W | null {
    let out: W | null = null;
    if (this.#waiting >= this.#options.waitersMax) {
      out = this.#loser(waiter);
      if (out === waiter) return waiter;
      this.leave(out);
    }
    const { asker } = waiter;
    const tier = this.#tier(asker.standing);
    if (tier.groups.size === 0) tier.due = Math.max(tier.due, this.#time);
    const group = enter(tier.groups, keyOf(asker), (): Group<W> => {
      return { standing: asker.standing, parts: new Map(), waiting: 0 };
    });
    enter(group.parts, partOf(asker), () => new Set<W>()).add(waiter);
    group.waiting += 1;
    this.#waiting += 1;
    return out;
  }

  /** Gives its place up. Without a place nothing happens. */
  leave(waiter: W): void {
    const { asker } = waiter;
    const { groups } = this.#tier(asker.standing);
    const group = groups.get(keyOf(asker));
    const part = group?.parts.get(partOf(asker));
    if (group === undefined || part?.delete(waiter) !== true) return;
    if (part.size === 0) group.parts.delete(partOf(asker));
    group.waiting -= 1;
    this.#waiting -= 1;
    if (group.waiting === 0) groups.delete(keyOf(asker));
  }

  /** The turn of an asker is over. Returns who has one now; null: nobody that may. */
  end(asker: Asker): W | null {
    const key = keyOf(asker);
    const turns = this.#turns.get(key) ?? 0;
    if (turns === 0) throw new Error('A turn was given back that nobody had.');
    if (turns === 1) this.#turns.delete(key);
    else this.#turns.set(key, turns - 1);
    this.#active -= 1;
    return this.#next();
  }

  #next(): W | null {
    let first: { readonly tier: Tier<W>; readonly key: string; readonly group: Group<W> } | null = null;
    for (const tier of this.#tiers.values()) {
      if (first !== null && first.tier.due <= tier.due) continue;
      for (const [key, group] of tier.groups) {
        if (!this.#mayBegin(key)) continue;
        first = { tier, key, group };
        break;
      }
    }
    if (first === null) return null;
    const { tier, key, group } = first;
    this.#time = Math.max(this.#time, tier.due);
    tier.due = this.#time + strides[group.standing];
    const [[part, waiters]] = group.parts as unknown as [[string, Set<W>]];
    const [waiter] = waiters as unknown as [W];
    this.leave(waiter);
    rotate(group.parts, part);
    rotate(tier.groups, key);
    this.#begun(key);
    return waiter;
  }

  #mayBegin(key: string): boolean {
    return (this.#turns.get(key) ?? 0) < this.#options.turnsEachMax;
  }

  #begun(key: string): void {
    this.#turns.set(key, (this.#turns.get(key) ?? 0) + 1);
    this.#active += 1;
  }

  /** Looks at every group: only where all places are taken. */
  #loser(waiter: W): W {
    const { asker } = waiter;
    const own = this.#tier(asker.standing).groups.get(keyOf(asker));
    let largest: Group<W> | null = null;
    for (const { groups } of this.#tiers.values()) {
      // Among equals, the one of the lowest standing.
      for (const group of groups.values()) if (group.waiting >= (largest?.waiting ?? 0)) largest = group;
    }
    if (largest === null) return waiter;
    if (largest === own) {
      const part = largestPart(own);
      return part.size > (own.parts.get(partOf(asker))?.size ?? 0) + 1 ? latest(part) : waiter;
    }
    if (largest.waiting > (own?.waiting ?? 0) + 1) return latest(largestPart(largest));
    return own === undefined ? (this.#lowest(asker.standing) ?? waiter) : waiter;
  }

  /** The latest of a lower standing; undefined: nobody of one waits. */
  #lowest(above: Standing): W | undefined {
    for (const standing of standings.toReversed()) {
      if (standing === above) return undefined;
      const group = [...this.#tier(standing).groups.values()].at(-1);
      if (group !== undefined) return latest(largestPart(group));
    }
    return undefined;
  }

  #tier(standing: Standing): Tier<W> {
    return this.#tiers.get(standing) as Tier<W>;
  }
}

function keyOf({ user, address, standing }: Asker): string {
  return standing === 'known' ? `known ${user}` : `${standing} ${address}`;
}

function partOf({ user, address, standing }: Asker): string {
  return standing === 'known' ? address : user;
}

function enter<T>(all: Map<string, T>, key: string, make: () => T): T {
  const known = all.get(key);
  if (known !== undefined) return known;
  const made = make();
  all.set(key, made);
  return made;
}

/** The last, where it is still there. */
function rotate<T>(all: Map<string, T>, key: string): void {
  const one = all.get(key);
  if (one === undefined) return;
  all.delete(key);
  all.set(key, one);
}

function largestPart<W>(group: Group<W>): Set<W> {
  return [...group.parts.values()].reduce((largest, part) => (part.size > largest.size ? part : largest));
}

function latest<W>(part: Set<W>): W {
  return [...part].at(-1) as W;
}
