/**
 * Whose token it is: remembered, or asked about. Anybody can make tokens up, so those that are not known here have to
 * wait for a turn, few at once for each address and for all together, and an address that sends too many of them is refused
 * for a while without anybody being asked. Tokens that are known pass all the same: behind one address are many.
 */
import { networkOf } from '../model/network.ts';
import { type Refusal, refuse } from '../model/refusals.ts';
import { Turns, type TurnsOptions } from '../model/turns.ts';
import { type Accounts, type Guard, StoreAway, type TokenRecord } from '../ports.ts';

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

export interface FindTokenWorld {
  readonly tokens: Tokens;
  readonly guard: Pick<Guard, 'strangerWaitMs' | 'stranger'>;
}

/** Whose token it is, or why it is refused: at once for a token that is remembered. */
export type FindToken = (
  digest: string,
  address: string,
  text?: string,
) => TokenRecord | Refusal | Promise<TokenRecord | Refusal>;

/** When to come back after an outage of the store, milliseconds. */
const storeAwayRetryMs = 1_000;

const invalid = refuse('unauthenticated');
const away = refuse('storeAway', null, storeAwayRetryMs);
const tooManyWait = refuse('storeAway', 'Too many tokens wait to be looked up.', storeAwayRetryMs);

/** `max` is what others may have to wait for in the store; a flood of connections fills the rest. */
export const turnsDefaults: TurnsOptions = { max: 64, maxEach: 16, waitersMax: 10_000 };

/** Accounts in this process are asked at once: there is nothing to remember. */
export function tokensAtHand(accounts: { findToken(digest: string): TokenRecord | undefined }): Tokens {
  return {
    findToken: (digest) => accounts.findToken(digest),
    recall: (digest) => accounts.findToken(digest) ?? 'unheard',
  };
}

export function createFindToken({ tokens, guard }: FindTokenWorld, turnsOptions = turnsDefaults): FindToken {
  const turns = new Turns(turnsOptions);

  const refused = (address: string): Refusal => tooMany(guard.strangerWaitMs('token', address)) ?? invalid;

  const known = async (digest: string, text: string): Promise<TokenRecord | Refusal> => {
    try {
      return (await tokens.findToken(digest, text)) ?? invalid;
    } catch (error) {
      return storeFailed(error);
    }
  };

  const unheard = async (digest: string, address: string, text: string): Promise<TokenRecord | Refusal> => {
    const from = networkOf(address);
    const turn = turns.enter(from);
    if (turn === false) return tooManyWait;
    if (turn !== null) await turn;
    try {
      // Those who had a turn meanwhile may have asked the same, or too much.
      const decided = turn === null ? null : decide(digest, address, text);
      if (decided !== null) return await decided;
      const found = await tokens.findToken(digest, text);
      if (found !== undefined) return found;
      await guard.stranger('token', address);
      return refused(address);
    } catch (error) {
      return storeFailed(error);
    } finally {
      turns.leave(from);
    }
  };

  /** Null: it takes a turn to tell. */
  const decide = (digest: string, address: string, text: string): ReturnType<FindToken> | null => {
    const recalled = tokens.recall(digest, text);
    if (typeof recalled === 'object') return recalled;
    if (recalled === 'unsure') return known(digest, text);
    return recalled === 'unknown' ? refused(address) : tooMany(guard.strangerWaitMs('token', address));
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
