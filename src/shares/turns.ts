/**
 * Turns for work that anybody can cause: so many at once for all, so many for one. One party's askers are taken in the
 * order of coming, and the parties in rotation, so that one who asks a lot lengthens only its own wait. While there is
 * room, anybody may wait. Once there is none, a newcomer takes the place of the latest asker of the party that has the
 * most, provided that this party has at least two more.
 */
export interface TurnsOptions {
  /** Most turns at once. */
  readonly max: number;
  /** Most turns at once for one. */
  readonly maxEach: number;
  /** Most who wait. */
  readonly waitersMax: number;
}

interface Party {
  active: number;
  readonly waiting: ((hasTurn: boolean) => void)[];
}

export class Turns {
  readonly #options: TurnsOptions;
  /** Those who have a turn or wait; the first that may go is the next. */
  readonly #parties = new Map<string, Party>();
  /** Those of them who wait and could have one more turn, in rotation. */
  readonly #ready = new Set<string>();
  /** Those who wait, by how many places they have. */
  readonly #bySize = new Map<number, Set<Party>>();
  /** How many places whoever has the most has. */
  #most = 0;
  #active = 0;
  #waiting = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Null: it has a turn now. A promise: later, whether it has a turn; false if its place went to another. False: too
   * many wait. With a turn it must `leave` in the end.
   */
  enter(who: string): null | Promise<boolean> | false {
    const party = this.#parties.get(who) ?? this.#newcomer(who);
    if (this.#active < this.#options.max && party.active < this.#options.maxEach && party.waiting.length === 0) {
      this.#begin(party);
      return null;
    }
    if (this.#waiting >= this.#options.waitersMax && !this.#pushOut(party.waiting.length)) {
      this.#forget(who, party);
      return false;
    }
    return new Promise((go) => {
      party.waiting.push(go);
      this.#resized(party, 1);
      this.#queue(who, party);
    });
  }

  /** Makes room for one who has so many places. */
  #pushOut(own: number): boolean {
    if (this.#most < own + 2) return false;
    const [largest] = this.#bySize.get(this.#most) ?? [];
    const go = largest?.waiting.pop();
    if (largest === undefined || go === undefined) return false;
    this.#resized(largest, -1);
    go(false);
    return true;
  }

  /** One place more, or one less. */
  #resized(party: Party, by: 1 | -1): void {
    const size = party.waiting.length;
    this.#waiting += by;
    this.#bySize.get(size - by)?.delete(party);
    const others = this.#bySize.get(size);
    if (others !== undefined) others.add(party);
    else if (size > 0) this.#bySize.set(size, new Set([party]));
    if (this.#bySize.get(size - by)?.size === 0) this.#bySize.delete(size - by);
    if (size > this.#most) this.#most = size;
    else if (by === -1 && size + 1 === this.#most && !this.#bySize.has(this.#most)) this.#most = size;
  }

  leave(who: string): void {
    const party = this.#parties.get(who);
    if (party === undefined || party.active === 0) throw new Error('A turn was given back that nobody had.');
    party.active -= 1;
    this.#active -= 1;
    this.#queue(who, party);
    this.#forget(who, party);
    this.#next();
  }

  #newcomer(who: string): Party {
    const party: Party = { active: 0, waiting: [] };
    this.#parties.set(who, party);
    return party;
  }

  #begin(party: Party): void {
    party.active += 1;
    this.#active += 1;
  }

  #queue(who: string, party: Party): void {
    if (party.waiting.length > 0 && party.active < this.#options.maxEach) this.#ready.add(who);
  }

  #forget(who: string, party: Party): void {
    if (party.active === 0 && party.waiting.length === 0) this.#parties.delete(who);
  }

  #next(): void {
    for (const who of this.#ready) {
      if (this.#active >= this.#options.max) return;
      this.#ready.delete(who);
      const party = this.#parties.get(who);
      const go = party?.waiting.shift();
      if (party === undefined || go === undefined) continue;
      this.#resized(party, -1);
      this.#begin(party);
      this.#queue(who, party);
      go(true);
    }
  }
}
