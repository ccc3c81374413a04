/**
 * The tokens that requests bring, of one kind: from the cache, or asked about. Anybody can make tokens up, so tokens
 * that are not known here have to wait for a turn. Few are asked about at once, for each address and for all together.
 * If an address sends too many, one of its tokens at a time is asked about for a while. Nobody is locked out by this:
 * many callers may be behind one address, and they send fresh tokens of other replicas, too. Guessing 256 bits is
 * hopeless; this protects the verifier.
 */
import { type Refusal, refuse, refuseStoreAway } from '../exchange/refusals.ts';
import { networkOf } from '../http/network.ts';
import { Turns, type TurnsOptions } from '../shares/turns.ts';
import type { TokenRecord } from './accounts.ts';
import { type Secrets, StoreAway, type StrangerGuard } from './ports.ts';
import { Strangers } from './strangers.ts';
import type { Tokens } from './token-cache.ts';

/** The principal of a token, or why the token is refused. */
export type Finding = TokenRecord | Refusal;

interface BearerTokensDeps {
  readonly tokens: Tokens;
  readonly end: (text: string) => Promise<void>;
  readonly guard: StrangerGuard;
  readonly secrets: Pick<Secrets, 'digest'>;
}

interface Shown {
  readonly digest: string;
  /** Empty if the digest is enough: a token may wait, and its secret should not. */
  readonly text: string;
  readonly address: string;
}

const invalid = refuse('unauthenticated');
const away = refuseStoreAway();
const tooManyWait = refuseStoreAway('Too many tokens wait to be looked up.');

/** `max` bounds how many look-ups others may have to wait for. A flood of connections fills the rest. */
const turnsDefaults: TurnsOptions = { max: 64, maxEach: 16, waitersMax: 10_000 };

/** For addresses that sent too many, in a line of their own: others never wait behind it. */
const tiredTurnsDefaults: TurnsOptions = { max: 8, maxEach: 1, waitersMax: 1_000 };

export class BearerTokens {
  /** Logs a token of this kind out. */
  readonly end: BearerTokensDeps['end'];
  readonly #tokens: Tokens;
  readonly #secrets: BearerTokensDeps['secrets'];
  readonly #strangers: Strangers;
  readonly #turns: Turns;
  readonly #tiredTurns: Turns;

  constructor(
    { tokens, end, guard, secrets }: BearerTokensDeps,
    turns: TurnsOptions = turnsDefaults,
    tiredTurns: TurnsOptions = tiredTurnsDefaults,
  ) {
    this.#tokens = tokens;
    this.end = end;
    this.#secrets = secrets;
    this.#strangers = new Strangers('token', guard);
    this.#turns = new Turns(turns);
    this.#tiredTurns = new Turns(tiredTurns);
  }

  /** False: it is no token of this kind. */
  couldBe(text: string): boolean {
    return this.#tokens.verifier.couldBe(text);
  }

  /** At once for a token in the cache. */
  find(text: string, address: string): Finding | Promise<Finding> {
    const { needsText } = this.#tokens.verifier;
    const shown = { digest: this.#secrets.digest(text), text: needsText ? text : '', address };
    return this.#recall(shown) ?? this.#unheard(shown);
  }

  /** Null: only a turn can tell. */
  #recall(shown: Shown): Finding | Promise<Finding> | null {
    const recalled = this.#tokens.recall(shown.digest, shown.text);
    if (typeof recalled === 'object') return recalled;
    if (recalled === 'unsure') return this.#look(shown).then((found) => found ?? invalid);
    return recalled === 'unknown' ? this.#strangers.refused(shown.address) : null;
  }

  async #unheard(shown: Shown): Promise<Finding> {
    const answer = this.#strangers.tooMany(shown.address) === null ? await this.#inTurn(this.#turns, shown) : null;
    return answer ?? (await this.#inTurn(this.#tiredTurns, shown)) ?? this.#strangers.refused(shown.address);
  }

  /** Asks when it is its turn. Null: those who had a turn meanwhile were too many for the address. */
  async #inTurn(turns: Turns, shown: Shown): Promise<Finding | null> {
    const { address } = shown;
    const from = networkOf(address);
    const turn = turns.enter(from);
    if (turn === false || (turn !== null && !(await turn))) return this.#strangers.tooMany(address) ?? tooManyWait;
    try {
      if (turn !== null) {
        // They may have asked about the same token.
        const recalled = this.#recall(shown);
        if (recalled !== null) return await recalled;
        if (turns === this.#turns && this.#strangers.tooMany(address) !== null) return null;
      }
      return (await this.#look(shown)) ?? (await this.#strangers.count(address));
    } finally {
      turns.leave(from);
    }
  }

  /** Undefined: nobody knows it. An outage says nothing about the token. */
  async #look({ digest, text }: Shown): Promise<Finding | undefined> {
    try {
      return await this.#tokens.find(digest, text);
    } catch (error) {
      if (error instanceof StoreAway) return away;
      throw error;
    }
  }
}
