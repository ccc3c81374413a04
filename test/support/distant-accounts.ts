/** Accounts at the end of a wire, in virtual time: what is asked arrives after a while, and so does the answer. */
import { MemoryAccounts } from '../../src/adapters/memory/accounts.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { createOwnTokens, type OwnTokens, type OwnTokensOptions } from '../../src/auth/own-tokens.ts';
import { type AccountStore, StoreAway } from '../../src/auth/ports.ts';
import type { RevocationListener } from '../../src/auth/revocations.ts';
import type { Clock } from '../../src/clock.ts';

/** What the store does with calls: answers, refuses connections, or lets them wait until they time out. */
export type StoreMood = 'up' | 'down' | 'hung';

const callTimeoutMs = 1_000;

export class DistantStore {
  mood: StoreMood = 'up';
  /** One way, milliseconds. */
  oneWayMs: () => number = () => 0.5;
  /** Every look-up that a replica has sent. */
  lookUps = 0;
  /** Told of revocations; how and when a message travels is decided there. */
  onRevoked: (message: (listener: RevocationListener) => void) => void = () => {};
  readonly #clock: Clock;
  #accounts: AccountStore;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#accounts = new MemoryAccounts(clock);
  }

  /** As a restart without persistence does. */
  loseEverything(): void {
    this.#accounts = new MemoryAccounts(this.#clock);
  }

  /** A replica of it. */
  replica(options: OwnTokensOptions): OwnTokens {
    const meter = { storeCalled() {} };
    return createOwnTokens({ store: this.open(), secrets: nodeSecrets, clock: this.#clock, meter }, options);
  }

  /** What a replica holds in its hands. */
  open(): AccountStore {
    const call = <T>(act: (accounts: AccountStore) => T | Promise<T>): Promise<T> => this.#call(act);
    type Tell = (listener: RevocationListener) => void;
    const revoked = <T>(act: (accounts: AccountStore) => Promise<T>, tell: Tell, changed = (_: T) => true) =>
      call(async (accounts) => {
        const result = await act(accounts);
        if (changed(result)) this.onRevoked(tell);
        return result;
      });
    const ended = <T>(act: (accounts: AccountStore) => Promise<T>, user: string) =>
      revoked(act, (listener) => listener.userRevoked(user), Boolean);
    return {
      findUser: (name) => call((at) => at.findUser(name)),
      listUsers: () => this.#accounts.listUsers(),
      addUser: (user, distinct) => call((at) => at.addUser(user, distinct)),
      rehash: (user, hash) => call((at) => at.rehash(user, hash)),
      addToken: (digest, user, expiresAtMs) => call((at) => at.addToken(digest, user, expiresAtMs)),
      findToken: (digest) => {
        this.lookUps += 1;
        return call((at) => at.findToken(digest));
      },
      tokensOf: (name) => call((at) => at.tokensOf(name)),
      changePassword: (user, hash) => ended((at) => at.changePassword(user, hash), user.name),
      dropTokens: (user) => ended((at) => at.dropTokens(user), user.name),
      deleteUser: (name) => ended((at) => at.deleteUser(name), name),
      dropToken: (digest) =>
        revoked(
          (at) => at.dropToken(digest),
          (listener) => listener.tokenRevoked(digest),
        ),
    };
  }

  async #call<T>(act: (accounts: AccountStore) => T | Promise<T>): Promise<T> {
    if (this.mood === 'down') throw new StoreAway('The store is down.');
    if (this.mood === 'hung') {
      await this.#pause(callTimeoutMs);
      throw new StoreAway('The store is hung.');
    }
    await this.#pause(this.oneWayMs());
    const result = await act(this.#accounts);
    await this.#pause(this.oneWayMs());
    return result;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}
