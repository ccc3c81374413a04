/**
 * Whose token it is: from the cache, or asked about. Anybody can make tokens up, so those that are not known here have to
 * wait for a turn, few at once for each address and for all together, and of an address that sends too many of them one
 * at a time is asked about for a while. Nobody is kept out by them: behind one address are many, and among what it sends
 * are fresh tokens of other replicas. Guessing 256 bits is hopeless; it is the store that is protected here.
 */
import { type Refusal, refuse, refuseStoreAway } from '../exchange/refusals.ts';
import { networkOf } from '../http/network.ts';
import type { TokenRecord } from './accounts.ts';
import { type Accounts, type LoginGuard, StoreAway } from './ports.ts';
import { Turns, type TurnsOptions } from './turns.ts';

/**
 * What is known here of a token. A record: it is valid. `unsure`: it was valid, and is to be asked about.
 * `unheard`: nothing. `unknown`: the store did not know it a short while ago.
 */
export type Recalled = TokenRecord | 'unsure' | 'unheard' | 'unknown';

/** A token goes by its digest. Its text is for those who can't tell from the digest whose it is. */
export interface Tokens {
  findToken(digest: string, text: string): ReturnType<Accounts['findToken']>;
  /** At once, asking nobody. */
  recall(digest: string, text: string): Recalled;
}

export interface FindTokenDeps {
  readonly tokens: Tokens;
  readonly guard: Pick<LoginGuard, 'strangerWaitMs' | 'stranger'>;
}

/** Whose token it is, or why it is refused: at once for a token in the cache. */
export type FindToken = (
  digest: string,
  address: string,
  text?: string,
) => TokenRecord | Refusal | Promise<TokenRecord | Refusal>;

const invalid = refuse('unauthenticated');
const away = refuseStoreAway();
const tooManyWait = refuseStoreAway('Too many tokens wait to be looked up.');

/** `max` is what others may have to wait for in the store; a flood of connections fills the rest. */
export const turnsDefaults: TurnsOptions = { max: 64, maxEach: 16, waitersMax: 10_000 };

/** For addresses that sent too many, in a line of their own: others never wait behind it. */
export const tiredTurnsDefaults: TurnsOptions = { max: 8, maxEach: 1, waitersMax: 1_000 };

/** Accounts in this process are asked at once: there is nothing to cache. */
export function tokensAtHand(accounts: { findToken(digest: string): TokenRecord | undefined }): Tokens {
  return {
    findToken: (digest) => accounts.findToken(digest),
    recall: (digest) => accounts.findToken(digest) ?? 'unheard',
  };
}

export function createFindToken(
  { tokens, guard }: FindTokenDeps,
  turnsOptions = turnsDefaults,
  tiredTurnsOptions = tiredTurnsDefaults,
): FindToken {
  const turns = new Turns(turnsOptions);
  const tiredTurns = new Turns(tiredTurnsOptions);

  /** Null: it has not sent too many. */
  const tired = (address: string): Refusal | null => tooMany(guard.strangerWaitMs('token', address));
  const refused = (address: string): Refusal => tired(address) ?? invalid;

  const known = async (digest: string, text: string): Promise<TokenRecord | Refusal> => {
    try {
      return (await tokens.findToken(digest, text)) ?? invalid;
    } catch (error) {
      return storeFailed(error);
    }
  };

  const ask = async (digest: string, address: string, text: string): Promise<TokenRecord | Refusal> => {
    const found = await tokens.findToken(digest, text);
    if (found !== undefined) return found;
    // Past the limit one more changes nothing, and a count is a call of the store as well.
    if (tired(address) === null) await guard.stranger('token', address);
    return refused(address);
  };

  /** Asks when it is its turn. Null: those who had a turn meanwhile were too many for the address. */
  const inTurn = async (
    line: Turns,
    digest: string,
    address: string,
    text: string,
  ): Promise<TokenRecord | Refusal | null> => {
    const from = networkOf(address);
    const turn = line.enter(from);
    if (turn === false || (turn !== null && !(await turn))) return tired(address) ?? tooManyWait;
    try {
      if (turn !== null) {
        // They may have asked the same, too.
        const decided = decide(digest, address, text);
        if (decided !== null) return await decided;
        if (line === turns && tired(address) !== null) return null;
      }
      return await ask(digest, address, text);
    } catch (error) {
      return storeFailed(error);
    } finally {
      line.leave(from);
    }
  };

  const unheard = async (digest: string, address: string, text: string): Promise<TokenRecord | Refusal> => {
    const answer = tired(address) === null ? await inTurn(turns, digest, address, text) : null;
    return answer ?? (await inTurn(tiredTurns, digest, address, text)) ?? refused(address);
  };

  /** Null: it takes a turn to tell. */
  const decide = (digest: string, address: string, text: string): ReturnType<FindToken> | null => {
    const recalled = tokens.recall(digest, text);
    if (typeof recalled === 'object') return recalled;
    if (recalled === 'unsure') return known(digest, text);
    return recalled === 'unknown' ? refused(address) : null;
  };

  return (digest, address, text = '') => decide(digest, address, text) ?? unheard(digest, address, text);
}

/** An outage of the store says nothing about the token. */
function storeFailed(error: unknown): Refusal {
  if (error instanceof StoreAway) return away;
  throw error;
}

/** Null: not too many. */
export function tooMany(waitMs: number): Refusal | null {
  if (waitMs <= 0) return null;
  const seconds = Math.ceil(waitMs / 1_000);
  return refuse(
    'unauthenticated',
    `Too many unknown tokens or keys from this address. Try again in ${seconds} s.`,
    waitMs,
  );
}
