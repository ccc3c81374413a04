/**
 * Turns for work that anybody can cause: so many at once for all, so many for one. Who waits is taken in the order of
 * coming within one, and in rotation over all, so that one who asks a lot lengthens only its own wait.
 */
export interface TurnsOptions {
  /** Most turns at once. */
  readonly max: number;
  /** Most turns at once for one. */
  readonly maxEach: number;
  /** Most who wait; more are refused. */
  readonly waitersMax: number;
}

interface Party {
  active: number;
  readonly waiting: (() => void)[];
}

export class Turns {
  readonly #options: TurnsOptions;
  /** Those who have a turn or wait; the first that may go is the next. */
  readonly #parties = new Map<string, Party>();
  /** Those of them who wait and could have one more turn, in rotation. */
  readonly #ready = new Set<string>();
  #active = 0;
  #waiting = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Null: a turn, now. A promise: a turn, later. False: too many wait. Whoever has a turn must `leave`. */
  enter(who: string): null | Promise<void> | false {
    const party = this.#parties.get(who) ?? this.#newcomer(who);
    if (this.#active < this.#options.max && party.active < this.#options.maxEach && party.waiting.length === 0) {
      this.#begin(party);
      return null;
    }
    if (this.#waiting >= this.#options.waitersMax) {
      this.#forget(who, party);
      return false;
    }
    this.#waiting += 1;
    return new Promise((go) => {
      party.waiting.push(go);
      this.#queue(who, party);
    });
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
      this.#waiting -= 1;
      this.#begin(party);
      this.#queue(who, party);
      go();
    }
  }
}
